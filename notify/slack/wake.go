package slack

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// signal is a wake-up call that is never lost and never blocks.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) signal() {
	select {
	case s <- struct{}{}:
	default:
	}
}

func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
