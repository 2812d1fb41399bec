package notify

// How sinks report what can never be delivered: under a component of its own, so
// that a sink which works does not hide it.
const (
	DeadSuffix = ":dead-letters"
	CodeDead   = "dead_letters"
)
