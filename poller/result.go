package poller

import (
	"time"

	"numwatch/phone"
	"numwatch/poller/cams"
)

// Result is what a poll of a space brought: exactly one of Snapshot and Err.
type Result struct {
	Space    phone.SpaceKey
	Snapshot *phone.Snapshot
	Err      *cams.Error
	Started  time.Time // when the request was sent
	At       time.Time // when the answer was complete, or the attempt given up
	// Previous is the time of the last answer that was handed on before, in an
	// earlier run too; zero if it is not known.
	Previous time.Time
}
