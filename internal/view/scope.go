package view

import (
	"maps"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Scope is what one reader may see of a view: everything, or what concerns the spaces
// with some labels. It has every method that a reader needs, so that none can be
// forgotten: what a limited scope cannot tell apart by space, it does not show.
type Scope struct {
	v        *View
	labels   map[string]string // none: everything
	describe func(phone.SpaceKey) phone.Space
}

// Of returns what a reader of spaces with all of these labels may see; no labels mean
// everything. A space is known by what describe says of it.
func (v *View) Of(labels map[string]string, describe func(phone.SpaceKey) phone.Space) Scope {
	return Scope{v, labels, describe}
}

// Limited reports whether the reader may see only some spaces.
func (s Scope) Limited() bool { return len(s.labels) > 0 }

// Has reports whether the reader may see a space.
func (s Scope) Has(k phone.SpaceKey) bool { return !s.Limited() || s.describe(k).HasLabels(s.labels) }

func (s Scope) hasSubject(about phone.Subject) bool {
	return !s.Limited() || about.Space != "" && s.Has(about.SpaceKey())
}

// Alert returns an alert by its id.
func (s Scope) Alert(id string) (*alert.Alert, bool) {
	a, ok := s.v.Alert(id)
	if !ok || !s.hasSubject(a.Subject) {
		return nil, false
	}
	return s.Seen(a), true
}

// Alerts returns the alerts in no order, closed ones too while they are kept.
func (s Scope) Alerts() []*alert.Alert { return s.seen(s.v.Alerts()) }

// AlertsOf returns the alerts of an incident, in no order.
func (s Scope) AlertsOf(incident string) []*alert.Alert { return s.seen(s.v.AlertsOf(incident)) }

func (s Scope) seen(all []*alert.Alert) []*alert.Alert {
	if !s.Limited() {
		return all
	}
	var own []*alert.Alert
	for _, a := range all {
		if s.hasSubject(a.Subject) {
			own = append(own, s.Seen(a))
		}
	}
	return own
}

// Seen returns an alert of the scope as the reader may see it: the space that a number
// came from may be another customer's.
func (s Scope) Seen(a *alert.Alert) *alert.Alert {
	out := *a
	if s.hides(a.Change.MovedFrom, a.Subject) {
		out.Change.MovedFrom = ""
	}
	if from := a.Origin; from != nil && s.hides(from.Space, a.Subject) {
		out.Origin, out.Title, out.Summary, out.Action = nil, from.Title, from.Summary, from.Action
	}
	return &out
}

// hides reports whether the reader must not see that a number came from a space, whose id
// may be empty.
func (s Scope) hides(from string, about phone.Subject) bool {
	return from != "" && !s.Has(phone.SpaceKey{Account: about.Account, ID: from})
}

// Message returns a message by its id. One may show the alerts of several spaces.
func (s Scope) Message(id string) (*alert.Message, bool) {
	if s.Limited() {
		return nil, false
	}
	return s.v.Message(id)
}

// MessagesOf returns the messages that show an incident, in no order.
func (s Scope) MessagesOf(incident string) []*alert.Message {
	if s.Limited() && len(s.AlertsOf(incident)) == 0 {
		return nil
	}
	return s.v.MessagesOf(incident)
}

// DeadLetters returns the messages that Slack has permanently rejected, oldest first.
func (s Scope) DeadLetters() []*alert.Message {
	if s.Limited() {
		return nil
	}
	return s.v.DeadLetters()
}

// Silences returns the silences in force that concern nothing but the scope, the one
// that ends first in front.
func (s Scope) Silences() []alert.Silence {
	return slices.DeleteFunc(s.v.Silences(), func(one alert.Silence) bool { return !s.confines(&one.Match) })
}

// Silence returns such a silence by its id.
func (s Scope) Silence(id string) (alert.Silence, bool) {
	one, ok := s.v.Silence(id)
	if !ok || !s.confines(&one.Match) {
		return alert.Silence{}, false
	}
	return one, true
}

// confines reports whether a matcher can choose alerts of the scope only.
func (s Scope) confines(m *alert.Matcher) bool {
	for name, value := range s.labels {
		if m.Labels[name] != value {
			return false
		}
	}
	return true
}

// Confine makes a matcher choose alerts of the scope only; false: it then chooses none.
func (s Scope) Confine(m *alert.Matcher) bool {
	labels, ok := s.confined(m.Labels)
	m.Labels = labels
	return ok
}

// confined adds the labels of the scope to others; false: they contradict each other.
func (s Scope) confined(labels map[string]string) (map[string]string, bool) {
	if !s.Limited() {
		return labels, true
	}
	out := maps.Clone(s.labels)
	for name, value := range labels {
		if own, ok := out[name]; ok && own != value {
			return nil, false
		}
		out[name] = value
	}
	return out, true
}

// Find returns the numbers that match, as View.Find does.
func (s Scope) Find(q Query) (Found, error) {
	var ok bool
	if q.Labels, ok = s.confined(q.Labels); !ok {
		return Found{}, nil
	}
	return s.v.Find(q, s.describe)
}

// Each visits the numbers that match, as View.Each does.
func (s Scope) Each(q Query, visit func(*phone.Space, *phone.Number)) error {
	var ok bool
	if q.Labels, ok = s.confined(q.Labels); !ok {
		return nil
	}
	return s.v.Each(q, s.describe, visit)
}

// Number returns what is known about a number; nil if nothing is.
func (s Scope) Number(k phone.SpaceKey, phoneNumber string) (*Known, error) {
	if !s.Has(k) {
		return nil, nil
	}
	return s.v.Number(k, phoneNumber)
}

// History returns events about a subject, as View.History does.
func (s Scope) History(about phone.Subject, before uint64, limit int) ([]alert.Event, error) {
	if !s.hasSubject(about) {
		return nil, nil
	}
	events, err := s.v.History(about, before, limit)
	return s.seenEvents(events), err
}

// SpaceHistory returns events about a space, as View.SpaceHistory does.
func (s Scope) SpaceHistory(k phone.SpaceKey, since time.Time, limit int) ([]alert.Event, error) {
	if !s.Has(k) {
		return nil, nil
	}
	events, err := s.v.SpaceHistory(k, since, limit)
	return s.seenEvents(events), err
}

// seenEvents makes events of the scope fit for the reader, as Seen does an alert.
func (s Scope) seenEvents(events []alert.Event) []alert.Event {
	for i := range events {
		if e := &events[i]; e.Alert != nil {
			e.Alert = s.Seen(e.Alert)
		}
		if c := &events[i].Change; s.hides(c.MovedFrom, c.Subject) {
			c.MovedFrom = ""
		}
	}
	return events
}

// Counts returns how many numbers stand in which state, as View.Counts does.
func (s Scope) Counts() []Count {
	if !s.Limited() {
		return s.v.Counts()
	}
	return s.v.countsOf(s.Has)
}

// Space returns what is known about a space.
func (s Scope) Space(k phone.SpaceKey) Space {
	if !s.Has(k) {
		return Space{}
	}
	return s.v.Space(k)
}

// Activity returns the changes up to now, as View.Activity does; nil in a limited scope,
// because changes are not counted by space.
func (s Scope) Activity(now time.Time, n int, width time.Duration) []Bar {
	if s.Limited() {
		return nil
	}
	return s.v.Activity(now, n, width)
}

// Changed returns a channel that the next change closes; nil in a limited scope, whose
// reader would learn from it that something happened to somebody else.
func (s Scope) Changed() <-chan struct{} {
	if s.Limited() {
		return nil
	}
	return s.v.Changed()
}

// Built reports whether what was stored before the start is in the view.
func (s Scope) Built() bool { return s.v.Built() }
