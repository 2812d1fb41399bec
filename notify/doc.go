// Package notify tells the world what happened. NATS carries events: a cursor
// over the store's log, every event once and in order per subject. Slack shows
// state: an alert has a revision, a message knows the revisions it shows, and
// what differs is made true; there is no queue. Console prints what Slack would
// show. Sinks deliver first and report afterwards, through Keeper.
package notify

import (
	"context"

	"numwatch/alert"
)

// Log is the append-only log of events. Implementations must be safe for
// concurrent use.
type Log interface {
	// ReadLog returns the events with Seq >= from, in order, at most max.
	ReadLog(from uint64, max int) ([]alert.Event, error)
	// LastSeq is the last event's Seq, 0 while there is none.
	LastSeq() uint64
}

// Recorder commits what a sink reports and returns once it is on disk. It must
// outlive the sinks: they report once more while they stop.
type Recorder interface {
	Record(ctx context.Context, r alert.DeliveryUpdate) error
}
