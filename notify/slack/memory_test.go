package slack

import (
	"context"
	"slices"
	"sync"

	"numwatch/alert"
	"numwatch/phone"
)

// memory is the store as the sink sees it: what is committed, and what it
// reported.
type memory struct {
	mu         sync.Mutex
	state      *simulatedState
	silences   map[string]alert.Silence
	conditions map[string]string // of components that reported
	reasons    map[string]string
	forgotten  []string
	fail       func(alert.DeliveryUpdate) error
	kept       func(alert.DeliveryUpdate)
}

func newMemory() *memory {
	return &memory{
		state: &simulatedState{}, silences: map[string]alert.Silence{}, conditions: map[string]string{}, reasons: map[string]string{},
	}
}

func (m *memory) put(alerts ...alert.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range alerts {
		m.state.alerts.Put(&a)
	}
}

func (m *memory) putMessages(messages ...alert.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range messages {
		m.state.messages.Put(&v)
	}
}

func (m *memory) Record(ctx context.Context, r alert.DeliveryUpdate) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(r); err != nil {
			return err
		}
	}
	for _, id := range r.Drop {
		m.state.messages.Drop(id)
	}
	for _, v := range r.Messages {
		v.Alerts = slices.Clone(v.Alerts)
		m.state.messages.Put(&v)
	}
	for _, id := range r.Forget {
		if a, known := m.state.Alert(id); known && a.State.Closed() {
			m.state.alerts.Drop(id)
			m.forgotten = append(m.forgotten, id)
		}
	}
	if r.Sink != nil {
		m.conditions[r.Sink.Component] = r.Sink.Value
		m.reasons[r.Sink.Component] = r.Sink.Reason
	}
	if m.kept != nil {
		m.kept(r)
	}
	return nil
}

func (m *memory) Alert(id string) (*alert.Alert, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Alert(id)
}

func (m *memory) Alerts() []*alert.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Alerts()
}

func (m *memory) Message(id string) (*alert.Message, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Message(id)
}

func (m *memory) Messages() []*alert.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Messages()
}

func (m *memory) AlertsOf(incident string) []*alert.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.state.AlertsOf(incident))
}

func (m *memory) MessagesOf(id string) []*alert.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.state.MessagesOf(id))
}

func (m *memory) Silence(id string) (alert.Silence, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.silences[id]
	return s, ok
}

func (m *memory) Conditions() (all []phone.Condition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for component, value := range m.conditions {
		if value == phone.Parked {
			all = append(all, phone.Condition{
				Subject: phone.Subject{Component: component}, Field: phone.Sink, Value: value, Reason: m.reasons[component],
			})
		}
	}
	return all
}

func (m *memory) condition(part string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conditions[part]
}

func (m *memory) forgot() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.forgotten)
}

func (m *memory) reason(part string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reasons[part]
}

// keptMessages are the messages, oldest first.
func (m *memory) keptMessages() (all []alert.Message) {
	for _, v := range m.Messages() {
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b alert.Message) int { return a.At.Compare(b.At) })
	return all
}
