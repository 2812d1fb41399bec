package alert

import (
	"maps"
	"slices"
)

// Messages are messages by their ids and by the alerts that they show. The zero
// Messages holds none.
type Messages struct {
	byID    map[string]*Message
	showing map[string][]*Message
}

// Get returns a message by its id.
func (ms *Messages) Get(id string) (*Message, bool) {
	m, ok := ms.byID[id]
	return m, ok
}

// All returns the messages in no order.
func (ms *Messages) All() []*Message {
	return slices.AppendSeq(make([]*Message, 0, len(ms.byID)), maps.Values(ms.byID))
}

// Of returns the messages that show an alert, in no order. What is in the slice
// never changes, so readers may hold it.
func (ms *Messages) Of(alertID string) []*Message { return ms.showing[alertID] }

// Put adds a message, or replaces the one with its id.
func (ms *Messages) Put(m *Message) {
	if ms.byID == nil {
		ms.byID, ms.showing = map[string]*Message{}, map[string][]*Message{}
	}
	ms.Drop(m.ID)
	ms.byID[m.ID] = m
	for _, s := range m.Alerts {
		ms.showing[s.Alert] = append(ms.showing[s.Alert], m)
	}
}

// Drop removes a message.
func (ms *Messages) Drop(id string) {
	old := ms.byID[id]
	if old == nil {
		return
	}
	delete(ms.byID, id)
	for _, s := range old.Alerts {
		rest := slices.DeleteFunc(slices.Clone(ms.showing[s.Alert]), func(m *Message) bool { return m == old })
		if ms.showing[s.Alert] = rest; len(rest) == 0 {
			delete(ms.showing, s.Alert)
		}
	}
}
