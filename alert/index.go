package alert

import (
	"maps"
	"slices"
)

// Alerts are alerts by their ids and by their incidents. The zero Alerts holds none.
type Alerts struct{ index[Alert] }

// Put adds an alert, or replaces the one with its id. One that is pending has no incident
// yet.
func (as *Alerts) Put(a *Alert) {
	var incidents []string
	if a.Incident != "" {
		incidents = []string{a.Incident}
	}
	as.put(a.ID, a, incidents)
}

// Messages are messages by their ids and by the incidents that they show. The zero
// Messages holds none.
type Messages struct{ index[Message] }

// Put adds a message, or replaces the one with its id.
func (ms *Messages) Put(m *Message) { ms.put(m.ID, m, m.Incidents()) }

// index finds values by their ids and by the incidents that they are about.
type index[T any] struct {
	byID map[string]entry[T]
	of   map[string][]*T // by incident
}

type entry[T any] struct {
	value     *T
	incidents []string
}

// Get returns the value with an id.
func (x *index[T]) Get(id string) (*T, bool) {
	e, ok := x.byID[id]
	return e.value, ok
}

// Len is how many there are.
func (x *index[T]) Len() int { return len(x.byID) }

// All returns all in no order.
func (x *index[T]) All() []*T {
	all := make([]*T, 0, len(x.byID))
	for e := range maps.Values(x.byID) {
		all = append(all, e.value)
	}
	return all
}

// Of returns those that are about an incident, in no order. What is in the slice never
// changes, so readers may hold it.
func (x *index[T]) Of(incident string) []*T { return x.of[incident] }

func (x *index[T]) put(id string, value *T, incidents []string) {
	if x.byID == nil {
		x.byID, x.of = map[string]entry[T]{}, map[string][]*T{}
	}
	x.Drop(id)
	x.byID[id] = entry[T]{value, incidents}
	for _, i := range incidents {
		x.of[i] = append(x.of[i], value)
	}
}

// Drop removes the value with an id; an unknown one is fine.
func (x *index[T]) Drop(id string) {
	old, ok := x.byID[id]
	if !ok {
		return
	}
	delete(x.byID, id)
	for _, i := range old.incidents {
		rest := slices.DeleteFunc(slices.Clone(x.of[i]), func(v *T) bool { return v == old.value })
		if x.of[i] = rest; len(rest) == 0 {
			delete(x.of, i)
		}
	}
}
