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
}
