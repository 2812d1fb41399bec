package rules

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/vm"

	"numwatch/alert"
	"numwatch/phone"
)

// State is the alerts as they stand, open and lately closed, with the indexes
// that Step needs. It belongs to one goroutine: Step changes nothing in
// it, and the caller Applies what came of it.
type State struct {
	all       map[string]*alert.Alert          // by ID
	bySubject map[phone.Subject][]*alert.Alert // open ones
	pending   map[string]*alert.Alert
	closed    map[alert.Key]*alert.Alert // the last one that was closed

	lastClosed map[phone.Subject]*alert.Alert // the last one that was closed, whatever its rule
	flapping   map[fieldOf]*flap

	vm vm.VM // that expressions run on
}

// NewState returns a state that holds the alerts.
func NewState(alerts []alert.Alert) *State {
	s := &State{
		all:       make(map[string]*alert.Alert, len(alerts)),
		bySubject: make(map[phone.Subject][]*alert.Alert, len(alerts)),
		pending:   map[string]*alert.Alert{},
		closed:    map[alert.Key]*alert.Alert{},

		lastClosed: map[phone.Subject]*alert.Alert{},
		flapping:   map[fieldOf]*flap{},
	}
	for _, a := range alerts {
		s.Apply(a)
	}
	for _, a := range s.all { // once all that flap are known
		s.noteFlap(a)
	}
	return s
}

// Unsaid reports whether the alert is gone before anything was sent: a pending one
// whose condition became false. It is dropped, not stored.
func Unsaid(a *alert.Alert) bool { return a.State.Closed() && a.Revision == 0 }

// Apply puts an alert in the place of the one with its ID. One that is Unsaid
// is dropped.
func (s *State) Apply(a alert.Alert) {
	s.remove(a.ID)
	if Unsaid(&a) {
		return
	}
	s.all[a.ID] = &a
	s.noteFlap(&a)
	if a.State.Closed() {
		if last := s.lastClosed[a.Subject]; last == nil || !a.Changed.Before(last.Changed) {
			s.lastClosed[a.Subject] = &a
		}
		if last := s.closed[a.Key()]; last == nil || !a.Changed.Before(last.Changed) {
			s.closed[a.Key()] = &a
		}
		return
	}
	s.bySubject[a.Subject] = append(s.bySubject[a.Subject], &a)
	if a.State == alert.Pending {
		s.pending[a.ID] = &a
	}
}

// Drop forgets an alert; an unknown id is fine.
func (s *State) Drop(id string) {
	if a, ok := s.all[id]; ok {
		if f := s.flapping[fieldOf{a.Subject, a.Field}]; f != nil && f.alert == a {
			delete(s.flapping, fieldOf{a.Subject, a.Field})
		}
		s.remove(id)
	}
}

func (s *State) remove(id string) {
	a, ok := s.all[id]
	if !ok {
		return
	}
	delete(s.all, id)
	delete(s.pending, id)
	if s.closed[a.Key()] == a {
		delete(s.closed, a.Key())
	}
	if s.lastClosed[a.Subject] == a {
		delete(s.lastClosed, a.Subject)
	}
	if a.State.Closed() {
		return
	}
	open := slices.DeleteFunc(s.bySubject[a.Subject], func(o *alert.Alert) bool { return o == a })
	if s.bySubject[a.Subject] = open; len(open) == 0 {
		delete(s.bySubject, a.Subject)
	}
}

// Get returns the alert with the id.
func (s *State) Get(id string) (alert.Alert, bool) {
	if a, ok := s.all[id]; ok {
		return *a, true
	}
	return alert.Alert{}, false
}

// All yields every alert, open or closed, in no particular order.
func (s *State) All() iter.Seq[alert.Alert] {
	return func(yield func(alert.Alert) bool) {
		for _, a := range s.all {
			if !yield(*a) {
				return
			}
		}
	}
}

// Len is how many alerts the state holds.
func (s *State) Len() int { return len(s.all) }

// open yields the open alerts by subject.
func (s *State) open() iter.Seq[*alert.Alert] {
	return func(yield func(*alert.Alert) bool) {
		for group := range maps.Values(s.bySubject) {
			for _, a := range group {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// LastClosed returns the alert that closed last of those with the key.
func (s *State) LastClosed(k alert.Key) (alert.Alert, bool) {
	if a, ok := s.closed[k]; ok {
		return *a, true
	}
	return alert.Alert{}, false
}

// openOf returns the open alert of a rule on a subject's field, nil if none.
func (s *State) openOf(rule string, subject phone.Subject, f phone.Field) *alert.Alert {
	for _, a := range s.bySubject[subject] {
		if a.Rule == rule && a.Field == f {
			return a
		}
	}
	return nil
}

// incident returns the current incident of a subject: something of it is open or
// flaps, or was until recently.
func (s *State) incident(subject phone.Subject, since time.Time, lives time.Duration) (id string, ok bool) {
	for _, a := range s.bySubject[subject] {
		if a.State == alert.Firing {
			return a.Incident, true
		}
	}
	for f := range phone.Fields() {
		if flaps := s.flapping[fieldOf{subject, f}]; flaps != nil {
			return flaps.alert.Incident, true
		}
	}
	if last := s.lastClosed[subject]; last != nil && since.Sub(last.Changed) <= lives {
		return last.Incident, true
	}
	return "", false
}

// fieldOf is a field of a subject.
type fieldOf struct {
	phone.Subject
	phone.Field
}

// flap is a field that keeps changing back and forth, about which people are told
// nothing until it has been stable for a while.
type flap struct {
	alert *alert.Alert // the worst one that is Flapping
	last  *alert.Alert // on the field, of all that moved
}

// noteFlap takes note of an alert on a field that flaps.
func (s *State) noteFlap(a *alert.Alert) {
	k := fieldOf{a.Subject, a.Field}
	f := s.flapping[k]
	switch {
	case a.Flapping && f == nil:
		s.flapping[k] = &flap{alert: a, last: a}
		return
	case f == nil:
		return
	case a.Flapping && a.Severity < f.alert.Severity:
		f.alert = a
	case f.alert.ID == a.ID && !a.Flapping:
		delete(s.flapping, k)
		return
	case f.alert.ID == a.ID:
		f.alert = a
	}
	if a.State != alert.Pending && !a.Changed.Before(f.last.Changed) {
		f.last = a
	}
}

// flappingOn returns the alerts that flap on a field.
func (s *State) flappingOn(k fieldOf) (all []*alert.Alert) {
	for _, a := range s.all {
		if a.Flapping && a.Subject == k.Subject && a.Field == k.Field {
			all = append(all, a)
		}
	}
	return all
}
