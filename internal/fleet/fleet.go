// Package fleet keeps in memory what pages and the API must answer at once, and
// nothing that grows with the numbers but a few counts for each space: how many
// numbers stand in which state, how much changed when, how often each rule
// spoke, the alerts, the messages that show them, the silences, and for every event of the
// log a fingerprint of its subject. Listings are read from the store, in order.
//
// The view is fed with every commit after it is on disk, so it is never ahead
// of the store, and Build fills in what was stored before, in the background.
// It stands beside the loop and not in it, because what pages want to see is
// none of the loop's business.
package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
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
	EachNumber(enter func(phone.SpaceKey) bool, visit func(phone.SpaceKey, *store.Line) bool) error
	ReadHeads(from uint64, limit int) ([]store.Head, error)
	ReadLog(from uint64, limit int) ([]alert.Event, error)
	FirstSeq() uint64
	LastSeq() uint64
	Alerts() ([]alert.Alert, error)
	Messages() ([]alert.Message, error)
	Silences() ([]alert.Silence, error)
}

// View is safe for concurrent use.
type View struct {
	store Store

	mu       sync.RWMutex
	spaces   spaces
	activity activity
	hits     hits
	prints   prints
	alerts   map[string]*alert.Alert
	messages map[string]*alert.Message
	silences map[string]alert.Silence
	built    bool
	changed  chan struct{} // closed by the next change
}

// New returns a view of the alerts and messages in the store; Build adds the
// rest.
func New(s Store) (*View, error) {
	v := &View{
		store: s, spaces: newSpaces(), hits: hits{}, prints: newPrints(s.FirstSeq()),
		alerts: map[string]*alert.Alert{}, messages: map[string]*alert.Message{}, silences: map[string]alert.Silence{}, changed: make(chan struct{}),
	}
	alerts, err := s.Alerts()
	if err != nil {
		return nil, err
	}
	for i := range alerts {
		v.alerts[alerts[i].ID] = &alerts[i]
	}
	messages, err := s.Messages()
	if err != nil {
		return nil, err
	}
	for i := range messages {
		v.messages[messages[i].ID] = &messages[i]
	}
	silences, err := s.Silences()
	if err != nil {
		return nil, err
	}
	for _, s := range silences {
		v.silences[s.ID] = s
	}
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
		return fmt.Errorf("counting the fleet: %w", err)
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
		func(_ phone.SpaceKey, l *store.Line) bool {
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
		delete(v.alerts, id)
	}
	for i := range c.Alerts {
		a := c.Alerts[i]
		v.alerts[a.ID] = &a
	}
	for _, id := range c.DropMessages {
		delete(v.messages, id)
	}
	for i := range c.Messages {
		m := c.Messages[i]
		v.messages[m.ID] = &m
	}
	for _, id := range c.DropSilences {
		delete(v.silences, id)
	}
	for _, s := range c.Silences {
		v.silences[s.ID] = s
	}
	v.prints.trim(v.store.FirstSeq())
	if len(c.SpaceStates)+len(c.DropSpaces)+len(c.Events)+len(c.Alerts)+len(c.Messages)+len(c.DropMessages)+len(c.Silences)+len(c.DropSilences) > 0 {
		v.tell()
	}
}

// tell wakes whoever waits for a change. It is called with the lock held.
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

// Alerts returns the alerts, closed ones too while they are kept. They must not
// be modified.
func (v *View) Alerts() []*alert.Alert {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := make([]*alert.Alert, 0, len(v.alerts))
	for _, a := range v.alerts {
		all = append(all, a)
	}
	return all
}

// Silences returns the silences in force, the one that ends first in front.
func (v *View) Silences() []alert.Silence {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.silences), func(a, b alert.Silence) int {
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID))
	})
}

// Messages returns the messages that show an alert, in no order. They must not
// be modified.
func (v *View) Messages(alertID string) []*alert.Message {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var all []*alert.Message
	for _, m := range v.messages {
		for _, s := range m.Alerts {
			if s.Alert == alertID {
				all = append(all, m)
				break
			}
		}
	}
	return all
}
