package notify

// Signal is a wake-up call that is never lost and never blocks.
type Signal chan struct{}

func NewSignal() Signal { return make(Signal, 1) }

func (s Signal) Send() {
	select {
	case s <- struct{}{}:
	default:
	}
}
