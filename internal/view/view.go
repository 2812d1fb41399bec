// Package view is the one read-only view of what is committed: alerts, messages,
// silences, conditions, how many numbers are in which state, how much changed when, how
// often each rule opened alerts, and an index of every subject's history. It is held in
// memory, except that numbers and events are read from the store.
//
// The loop hands it every commit once it is on disk, before sinks are woken, so that it
// never runs ahead of the store; Build adds in the background what was stored before.
// Slack, the pages, the API and the metrics read it, and must not modify what it returns.
// It imports phone, alert and store.
package view

import (
	"context"
	"fmt"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// Store is what the view reads.
type Store interface {
	Warm(ctx context.Context) error
	SpaceState(k phone.SpaceKey) (*phone.SpaceState, error)
	EachNumber(enter func(phone.SpaceKey) bool, visit func(phone.SpaceKey, *store.StoredNumber) bool) error
	ReadHeads(from uint64, limit int) ([]store.Head, error)
	ReadLog(from uint64, limit int) ([]alert.Event, error)
	FirstSeq() uint64
	LastSeq() uint64
	Alerts() ([]alert.Alert, error)
	Messages() ([]alert.Message, error)
	Silences() ([]alert.Silence, error)
	Conditions() ([]phone.Condition, error)
}

// View is safe for concurrent use.
type View struct {
	store Store

	mu         sync.RWMutex
	spaces     spaces
	activity   activity
	hits       hits
	prints     prints
	alerts     alert.Alerts
	messages   alert.Messages
	silences   map[string]alert.Silence
	conditions map[phone.Subject]phone.Condition
	built      bool
	changed    chan struct{} // closed by the next change
}

// New returns a view of the alerts, messages, silences and conditions in the store;
// Build adds the rest.
func New(s Store) (*View, error) {
	v := &View{
		store: s, spaces: newSpaces(), hits: hits{}, prints: newPrints(s.FirstSeq()),
		silences: map[string]alert.Silence{}, conditions: map[phone.Subject]phone.Condition{}, changed: make(chan struct{}),
	}
	var stored store.Commit
	var err error
	if stored.Alerts, err = s.Alerts(); err != nil {
		return nil, err
	}
	if stored.Messages, err = s.Messages(); err != nil {
		return nil, err
	}
	if stored.Silences, err = s.Silences(); err != nil {
		return nil, err
	}
	if stored.Conditions, err = s.Conditions(); err != nil {
		return nil, err
	}
	v.take(&stored)
	return v, nil
}

// headsPerRead bounds how long the view is locked while it is built.
const headsPerRead = 2000

// Build counts what was in the store before the first commit that the view saw.
// Commits may come meanwhile. It returns early, without an error, when ctx ends.
func (v *View) Build(ctx context.Context) error {
	if err := v.store.Warm(ctx); err != nil {
		return err
	}
	if err := v.countSpaces(ctx); err != nil {
		return fmt.Errorf("counting the numbers: %w", err)
	}
	if err := v.readLog(ctx); err != nil {
		return fmt.Errorf("reading the log for the pages: %w", err)
	}
	if ctx.Err() != nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.built = true
	v.spaces.built()
	v.tell()
	return nil
}

func (v *View) countSpaces(ctx context.Context) error {
	var now phone.SpaceKey
	var counted map[state]int
	flush := func() {
		if counted == nil {
			return
		}
		v.mu.Lock()
		v.spaces.found(now, counted)
		v.mu.Unlock()
	}
	err := v.store.EachNumber(
		func(k phone.SpaceKey) bool {
			flush()
			now, counted = k, map[state]int{}
			return true
		},
		func(_ phone.SpaceKey, l *store.StoredNumber) bool {
			counted[state{string(l.Get(phone.Status)), string(l.Get(phone.QualityRating))}]++
			return ctx.Err() == nil
		})
	if err == nil && ctx.Err() == nil {
		flush()
	}
	return err
}

func (v *View) readLog(ctx context.Context) error {
	last := v.store.LastSeq()
	for from := v.store.FirstSeq(); from <= last && ctx.Err() == nil; {
		heads, err := v.store.ReadHeads(from, headsPerRead)
		if err != nil || len(heads) == 0 {
			return err
		}
		v.mu.Lock()
		for i := range heads {
			if !v.prints.has(heads[i].Seq) { // else a commit brought it
				v.note(&heads[i])
			}
		}
		v.mu.Unlock()
		from = heads[len(heads)-1].Seq + 1
	}
	return nil
}

// note takes in an event's head. It is called with the lock held.
func (v *View) note(h *store.Head) {
	v.prints.put(h.Seq, h.Subject)
	switch h.Kind {
	case alert.KindChange:
		v.activity.note(h)
	case alert.KindAlert:
		v.hits.note(h)
	}
}

// Committed takes in a commit that is on disk.
func (v *View) Committed(c *store.Commit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.take(c)
	v.prints.trim(v.store.FirstSeq())
	if len(c.SpaceStates)+len(c.DropSpaces)+len(c.Events)+len(c.Alerts)+len(c.DropAlerts)+len(c.Messages)+len(c.DropMessages)+len(c.Silences)+len(c.DropSilences) > 0 {
		v.tell()
	}
}

// take applies a commit: what it drops first, as the store does.
func (v *View) take(c *store.Commit) {
	for _, k := range c.DropSpaces {
		v.spaces.drop(k)
	}
	for i := range c.SpaceStates {
		v.spaces.put(&c.SpaceStates[i])
	}
	for i := range c.Events {
		h := store.HeadOf(&c.Events[i])
		v.note(&h)
	}
	for _, id := range c.DropAlerts {
		v.alerts.Drop(id)
	}
	for _, a := range c.Alerts {
		v.alerts.Put(&a)
	}
	for _, id := range c.DropMessages {
		v.messages.Drop(id)
	}
	for _, m := range c.Messages {
		v.messages.Put(&m)
	}
	for _, id := range c.DropSilences {
		delete(v.silences, id)
	}
	for _, s := range c.Silences {
		v.silences[s.ID] = s
	}
	for _, condition := range c.Conditions {
		v.conditions[condition.Subject] = condition
		if condition.Value == phone.OK {
			delete(v.conditions, condition.Subject)
		}
	}
}

// tell wakes everybody who waits for a change. It is called with the lock held.
func (v *View) tell() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// Changed returns a channel that is closed by the next change of anything that
// the view shows.
func (v *View) Changed() <-chan struct{} {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.changed
}

// Built reports whether Build is done: before that, counts and histories lack
// what it has not come to yet.
func (v *View) Built() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.built
}

// Polled notes a successful poll of a space.
func (v *View) Polled(k phone.SpaceKey, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.spaces.polled(k, at)
}
