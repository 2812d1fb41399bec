// Package notify has what every sink needs: the log that sinks read, the recorder
// they report to, back-off, an HTTP transport, and clients that reach public addresses
// only; and the heartbeat. Sinks deliver first and report afterwards. It imports phone and
// alert; the sinks below it use it.
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
