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

// upkeep is what the passing of time asks for.
type upkeep struct {
	started, blind, trimmed time.Time
}

func newUpkeep(now time.Time) *upkeep {
	return &upkeep{started: now, blind: now, trimmed: now}
}

// tick lets the rules see the time and, less often, looks for blind spaces and
// trims the log.
func (u *upkeep) tick(d *draft) error {
	d.judge(rules.Tick{})
	d.expire()
	if d.now.Sub(u.blind) >= blindEvery {
		u.blind = d.now
		d.findBlind(u.started)
	}
	if d.now.Sub(u.trimmed) >= trimEvery {
		u.trimmed = d.now
		return d.trim()
	}
	return nil
}

// trim drops events that are older than the history to be kept, but none that
// NATS has not acknowledged.
func (d *draft) trim() error {
	if d.l.o.History <= 0 {
		return nil
	}
	acked, err := d.acknowledged()
	if err != nil {
		return err
	}
	// One first: most of the time it stays, and so do all that follow.
	for _, limit := range []int{1, trimAtMost} {
		before, err := d.outdated(limit, acked)
		if err != nil || before == 0 {
			return err
		}
		d.commit.TrimBefore = before
	}
	return nil
}

// outdated looks at no more than limit of the oldest events, and returns the
// sequence before which they may go; 0 where none may.
func (d *draft) outdated(limit int, acked uint64) (before uint64, err error) {
	o := d.l.o
	events, err := o.Store.ReadLog(o.Store.FirstSeq(), limit)
	if err != nil {
		return 0, fmt.Errorf("reading the oldest events: %w", err)
	}
	oldest := d.now.Add(-o.History)
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
func (d *draft) acknowledged() (uint64, error) {
	b, err := d.l.o.Store.Checkpoint(CursorCheckpoint)
	if err != nil || b == nil {
		return 0, err
	}
	var c alert.Cursor
	if err := json.Unmarshal(b, &c); err != nil {
		return 0, fmt.Errorf("decoding the cursor of nats: %w", err)
	}
	return c.Seq, nil
}
