package poller

import (
	"time"

	"numwatch/phone"
)

// Result is what a poll of a space brought: exactly one of Snapshot and Err.
type Result struct {
	Space    phone.SpaceKey
	Snapshot *phone.Snapshot
	Err      *Error
	Started  time.Time // when the request was sent
	At       time.Time // when the answer was complete, or the attempt given up
}

// Outcome is what the receiver made of a result. It feeds the schedule.
type Outcome struct {
	Changes int  // that were found against the last snapshot
	Hot     bool // something there may soon change: YELLOW, FLAGGED, PENDING, under review
}
