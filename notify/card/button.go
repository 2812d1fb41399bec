package card

import (
	"time"

	"numwatch/notify/wording"
	"numwatch/phone"
)

// Button is a button on a message that lists open alerts.
type Button string

// The buttons.
const (
	Acknowledge Button = "acknowledge"
	SilenceHour Button = "silence-1h"
	SilenceDay  Button = "silence-1d"
)

// Label is the text on the button.
func (b Button) Label(l phone.Language) string {
	names := wording.In(l).Buttons
	switch b {
	case Acknowledge:
		return names.Acknowledge
	case SilenceHour:
		return names.SilenceHour
	default:
		return names.SilenceDay
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
