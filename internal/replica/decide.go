package replica

import (
	"bytes"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"numwatch/store"
)

// lookup is the answer to a read of one record.
type lookup struct {
	record []byte // nil where there is none, or err is set
	seq    uint64 // of the record
	err    error  // it is not known what is there
	gone   bool   // the stream does not exist
	// last is the last sequence of the stream, where find found nothing from a position on. A stream that was emptied still
	// knows it, and it may be behind the position then.
	last uint64
}

// step is what to do after an answer about a record that is to be appended.
type step int

const (
	stepStored step = iota // it is in the log
	stepLook               // look at what stands in its place
	stepAgain              // send the same bytes again
	stepFull               // the log is full: the same, once there is room
	stepFenced             // another record stands in its place
)

// errCodeFull is that of a stream with DiscardNew that has reached its limit.
const errCodeFull jetstream.ErrorCode = 10077

// afterPublish says what the acknowledgement, or error, of a record that should become seq means.
func afterPublish(acked, seq uint64, err error) step {
	if err == nil {
		if acked == seq {
			return stepStored
		}
		return stepLook // never seen without Msg-Ids: what counts is what is in the log
	}
	var refused *jetstream.APIError
	if !errors.As(err, &refused) {
		return stepAgain
	}
	switch refused.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return stepLook
	case errCodeFull:
		return stepFull
	default:
		return stepAgain
	}
}

// afterLook compares what stands in the place of a record with its bytes. While nothing stands
// there, it may only be waiting for a quorum.
func afterLook(mine []byte, l lookup) step {
	switch {
	case l.err != nil || l.record == nil:
		return stepAgain
	case bytes.Equal(mine, l.record):
		return stepStored
	default:
		return stepFenced
	}
}

// verdict is how the log relates to a position.
type verdict int

const (
	verdictUnknown  verdict = iota // ask again
	verdictSame                    // the log continues the store
	verdictAhead                   // the log ends before the position, or is another: people have to say which is right
	verdictDiverged                // the log has another record there: the log is right
	verdictPurged                  // the log begins behind the position
)

// judge says how the log relates to a position, after a look at the record there or, where that was
// purged, at the first one that is left.
func judge(p store.Position, l lookup) verdict {
	switch {
	case l.gone:
		return verdictAhead
	case l.err != nil:
		return verdictUnknown
	case l.record == nil && l.last < p.Seq:
		return verdictAhead
	case l.record == nil:
		return verdictUnknown // the log was emptied
	case l.seq > p.Seq:
		return judgeFirst(p, l)
	case hashOf(l.record) == p.Hash:
		return verdictSame
	}
	if h, _, err := decode(l.record); err == nil && h.Log != p.Log {
		return verdictAhead
	}
	return verdictDiverged
}

func judgeFirst(p store.Position, l lookup) verdict {
	h, _, err := decode(l.record)
	switch {
	case err == nil && h.Log != p.Log:
		return verdictAhead
	case err == nil && l.seq == p.Seq+1 && h.Prev == hash(p.Hash).String():
		return verdictSame
	default:
		return verdictPurged
	}
}

// quiet is what a standby knows about the time since the last record.
type quiet struct {
	heard    time.Duration // when the last record came, by the monotonic clock
	readable time.Duration // since when every read was answered
	reads    bool          // the last one was
	released bool
	jitter   time.Duration // behind a release, so that not all appear at once
}

// mayLead reports whether a standby at the log's end may try to lead. A leader that only lost its
// connection to NATS comes first: it retries more often than every quarter of a lease.
func (q quiet) mayLead(lease, now time.Duration) bool {
	if !q.reads {
		return false
	}
	if q.released {
		return now-q.heard >= q.jitter
	}
	return now-q.heard >= lease && now-q.readable >= lease/4
}

// beginning is what a replica finds when it joins.
type beginning struct {
	log      lookup // of the record at the store's position, or the first one behind it
	store    bool   // there is a store with something in it
	epoch    string // of that
	events   uint64 // its last sequence
	position store.Position
	genesis  *genesis // of the log, where its first record is still there
}

// isSnapshot reports whether the log was begun with this very store, by a process that ended before it
// had noted that.
func (b *beginning) isSnapshot() bool {
	g := b.genesis
	return g != nil && g.Snapshot && g.Epoch == b.epoch && g.Events == b.events
}

// plan is how a replica joins.
type plan int

const (
	planWait      plan = iota // it is not known
	planGenesis               // begin the log
	planReplay                // begin with an empty store, at the log's first record
	planFetch                 // get the store of another replica
	planFollow                // go on behind the position
	planAhead                 // people have to decide
	planForeign               // the store never was in this log, which exists already
	planDiverged              // set the store aside, and get that of another
	planUnmatched             // the log was emptied by hand: it can verify nobody
)

// join decides how to begin.
func join(b beginning) plan {
	fresh := b.position == (store.Position{})
	empty := b.log.record == nil && b.log.last == 0 && !b.log.gone
	switch {
	case b.log.err != nil:
		return planWait
	case fresh && empty:
		return planGenesis
	case fresh && b.log.gone:
		return planWait
	case fresh && b.store && b.isSnapshot():
		return planReplay
	case fresh && b.store:
		return planForeign
	case b.log.record == nil && b.log.last >= max(b.position.Seq, 1):
		return planUnmatched
	case fresh && b.genesis != nil && !b.genesis.Snapshot:
		return planReplay
	case fresh:
		return planFetch
	}
	switch judge(b.position, b.log) {
	case verdictSame:
		return planFollow
	case verdictAhead:
		return planAhead
	case verdictDiverged:
		return planDiverged
	case verdictPurged:
		return planFetch
	default:
		return planWait
	}
}
