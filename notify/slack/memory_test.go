package slack

import (
	"context"
	"maps"
	"slices"
	"sync"

	"numwatch/alert"
)

// memory is the store as the sink sees it: what it reported.
type memory struct {
	mu         sync.Mutex
	messages   map[string]alert.Message
	forgotten  []string
	conditions map[string]string
	reasons    map[string]string
	fail       func(alert.DeliveryUpdate) error
	kept       func(alert.DeliveryUpdate)
}

func newMemory() *memory {
	return &memory{messages: map[string]alert.Message{}, conditions: map[string]string{}, reasons: map[string]string{}}
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
	for _, v := range r.Messages {
		v.Alerts = slices.Clone(v.Alerts)
		m.messages[v.ID] = v
	}
	for _, id := range r.Drop {
		delete(m.messages, id)
	}
	m.forgotten = append(m.forgotten, r.Forget...)
	if r.Sink != nil {
		m.conditions[r.Sink.Component] = r.Sink.Value
		m.reasons[r.Sink.Component] = r.Sink.Reason
	}
	if m.kept != nil {
		m.kept(r)
	}
	return nil
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

func (m *memory) keptMessages() []alert.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.messages), func(a, b alert.Message) int { return a.At.Compare(b.At) })
}
