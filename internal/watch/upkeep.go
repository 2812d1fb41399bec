package watch

import (
	"encoding/json"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/rules"
)

const (
	blindEvery = 15 * time.Second
	trimEvery  = time.Minute
	trimAtMost = 5000 // events a time
)

// upkeep is periodic work.
type upkeep struct {
	blind, trimmed time.Time
}

func newUpkeep(now time.Time) *upkeep {
	return &upkeep{blind: now, trimmed: now}
}

// tick tells the rules the time and, less often, looks for blind spaces and trims
// the log.
func (u *upkeep) tick(t *batch) error {
	t.judge(rules.Tick{})
	t.updateSilences()
	if t.now.Sub(u.blind) >= blindEvery {
		u.blind = t.now
		t.findBlind()
	}
	if t.now.Sub(u.trimmed) >= trimEvery {
		u.trimmed = t.now
		return t.trim()
	}
	return nil
}

// trim drops events that are older than the history to be kept, but none that
// NATS has not acknowledged.
func (t *batch) trim() error {
	if t.l.o.History <= 0 {
		return nil
	}
	acked, err := t.acknowledged()
	if err != nil {
		return err
	}
	// One first: most of the time it stays, and so do all that follow.
	for _, limit := range []int{1, trimAtMost} {
		before, err := t.outdated(limit, acked)
		if err != nil || before == 0 {
			return err
		}
		t.commit.TrimBefore = before
	}
	return nil
}

// outdated looks at no more than limit of the oldest events, and returns the
// sequence before which they may go; 0 where none may.
func (t *batch) outdated(limit int, acked uint64) (before uint64, err error) {
	o := t.l.o
	events, err := o.Store.ReadLog(o.Store.FirstSeq(), limit)
	if err != nil {
		return 0, fmt.Errorf("reading the oldest events: %w", err)
	}
	oldest := t.now.Add(-o.History)
	for _, e := range events {
		if !e.Time.Before(oldest) {
			break
		}
		if e.Seq > acked {
			o.Log.Warn("events older than the history are kept: nats has not acknowledged them", "event_id", e.Seq, "history", o.History)
			break
		}
		before = e.Seq + 1
	}
	return before, nil
}

// acknowledged is the last event of which NATS has everything up to it.
func (t *batch) acknowledged() (uint64, error) {
	b, err := t.l.o.Store.Checkpoint(CursorCheckpoint)
	if err != nil || b == nil {
		return 0, err
	}
	var c alert.Cursor
	if err := json.Unmarshal(b, &c); err != nil {
		return 0, nil // the acknowledged position is unknown: keep everything
	}
	return c.Seq, nil
}
