package view

import (
	"cmp"
	"maps"
	"slices"

	"numwatch/alert"
	"numwatch/phone"
)

// Alert returns an alert by its id.
func (v *View) Alert(id string) (*alert.Alert, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.alerts.Get(id)
}

// Alerts returns the alerts in no order, closed ones too while they are kept.
func (v *View) Alerts() []*alert.Alert {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.alerts.All()
}

// AlertsOf returns the alerts of an incident, in no order.
func (v *View) AlertsOf(incident string) []*alert.Alert {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.alerts.Of(incident)
}

// Message returns a message by its id.
func (v *View) Message(id string) (*alert.Message, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.messages.Get(id)
}

// Messages returns all messages in no order.
func (v *View) Messages() []*alert.Message {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.messages.All()
}

// MessagesOf returns the messages that show an incident, in no order.
func (v *View) MessagesOf(incident string) []*alert.Message {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.messages.Of(incident)
}

// DeadLetters returns the messages that Slack has permanently rejected, oldest first.
func (v *View) DeadLetters() []*alert.Message {
	dead := slices.DeleteFunc(v.Messages(), func(m *alert.Message) bool { return m.State != alert.Dead })
	slices.SortFunc(dead, func(a, b *alert.Message) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return dead
}

// Silences returns the silences in force, the one that ends first in front.
func (v *View) Silences() []alert.Silence {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.SortedFunc(maps.Values(v.silences), func(a, b alert.Silence) int {
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID))
	})
}

// Silence returns a silence in force by its id.
func (v *View) Silence(id string) (alert.Silence, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, ok := v.silences[id]
	return s, ok
}

// Conditions returns the conditions that are not OK, in no order.
func (v *View) Conditions() []phone.Condition {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Collect(maps.Values(v.conditions))
}
