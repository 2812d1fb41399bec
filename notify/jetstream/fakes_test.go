package jetstream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// memory is the store as the sinks see it: a log and what they reported.
type memory struct {
	mu         sync.Mutex
	events     []alert.Event // Seq of the first is trimmed+1
	trimmed    uint64
	cursor     alert.Cursor
	cursors    int
	conditions map[string]string
	reasons    map[string]string
	fail       func(alert.DeliveryUpdate) error
	kept       func(alert.DeliveryUpdate)
}

func newMemory() *memory {
	return &memory{conditions: map[string]string{}, reasons: map[string]string{}}
}

func (m *memory) ReadLog(from uint64, most int) ([]alert.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := int(max(from, m.trimmed+1) - m.trimmed - 1)
	if i >= len(m.events) {
		return nil, nil
	}
	return slices.Clone(m.events[i:min(len(m.events), i+most)]), nil
}

func (m *memory) LastSeq() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trimmed + uint64(len(m.events))
}

func (m *memory) add(events ...alert.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range events {
		e.Seq = m.trimmed + uint64(len(m.events)) + 1
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		m.events = append(m.events, e)
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
	if r.Cursor != nil {
		m.cursor = *r.Cursor
		m.cursors++
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

func (m *memory) condition(part string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conditions[part]
}

func (m *memory) forgetCondition(part string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conditions, part)
}

func (m *memory) reason(part string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reasons[part]
}

func (m *memory) keptCursor() alert.Cursor {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func number(i int) phone.Number {
	n := phone.Number{PhoneNumber: fmt.Sprintf("86138%08d", i)}
	n.Set(phone.VerifiedName, fmt.Sprintf("Shop %d", i))
	n.Set(phone.Status, "CONNECTED")
	n.Set(phone.QualityRating, "RED")
	n.Set(phone.UpCallbackUrl, "https://hooks.example.com/wa?token=secret")
	return n
}

func change(i int) phone.Change {
	n := number(i)
	return phone.Change{
		Subject: phone.Subject{Account: "main", Space: "29348", PhoneNumber: n.PhoneNumber},
		Field:   phone.QualityRating, Old: "YELLOW", New: "RED", Direction: phone.Worse,
		SeenAfter: noon.Add(-3 * time.Minute), SeenAt: noon, RequestId: "R-1", Number: &n,
	}
}

func changeEvent(i int) alert.Event {
	return alert.Event{Kind: alert.KindChange, Change: change(i)}
}

func firing(i int) alert.Alert {
	c := change(i)
	k := alert.Key{Rule: "quality-red", Subject: c.Subject, Field: c.Field}
	a := alert.Alert{
		ID: alert.ID(k, noon), Rule: k.Rule, Severity: alert.Critical, Subject: c.Subject, Field: c.Field, State: alert.Firing,
		Change: c, Before: "YELLOW", Transition: alert.Opened, Revision: 1, Notified: 1, Since: noon, Changed: noon, Openings: 1,
		Summary: alert.Text{"Quality of ", c.Subject.PhoneNumber, " (", c.Number.Get(phone.VerifiedName), ") fell from ", "YELLOW", " to ", "RED"},
		Action:  alert.Text{"Pause marketing and find the blocked or reported templates."}, Runbook: "https://wiki.example.com/wa/quality",
		Channels: []string{"ops"},
	}
	a.Incident = a.NewIncident()
	return a
}

func alertEvent(a alert.Alert) alert.Event {
	return alert.Event{Kind: alert.KindAlert, Change: a.Change, Alert: &a}
}

func resolved(a alert.Alert, at time.Time) alert.Alert {
	a.State, a.Transition = alert.Resolved, alert.WasResolved
	a.Revision++
	a.Notified = a.Revision
	a.Changed = at
	a.Change.Old, a.Change.New, a.Change.Direction = a.Change.New, "GREEN", phone.Better
	a.Change.SeenAt = at
	a.Closing = "recovered: now GREEN"
	return a
}

func spaceOf(k phone.SpaceKey) phone.Space {
	return phone.Space{SpaceKey: k, Name: "Acme", Labels: map[string]string{"tier": "gold"}}
}
