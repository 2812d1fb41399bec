package card

import "time"

// Button is what people can press on a message that lists open alerts.
type Button string

// The buttons.
const (
	Acknowledge Button = "acknowledge"
	SilenceHour Button = "silence-1h"
	SilenceDay  Button = "silence-1d"
)

// Label is what stands on the button.
func (b Button) Label() string {
	switch b {
	case Acknowledge:
		return "Acknowledge"
	case SilenceHour:
		return "Silence 1 h"
	default:
		return "Silence 1 day"
	}
}

// Known reports whether there is such a button.
func (b Button) Known() bool { return b == Acknowledge || b.Silence() > 0 }

// Silence is how long the button silences; 0: it does not.
func (b Button) Silence() time.Duration {
	switch b {
	case SilenceHour:
		return time.Hour
	case SilenceDay:
		return 24 * time.Hour
	default:
		return 0
	}
}
