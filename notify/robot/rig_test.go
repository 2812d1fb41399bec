package robot

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	sim "numwatch/internal/sim/robot"
	"numwatch/internal/sim/simtest"
	"numwatch/phone"
)

// memory is what is committed.
type memory struct {
	mu       sync.Mutex
	alerts   alert.Alerts
	messages alert.Messages
	states   map[string]string
	broken   error // of the disk
}

func (m *memory) Record(ctx context.Context, u alert.DeliveryUpdate) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil || ctx.Err() != nil {
		return m.broken
	}
	for _, v := range u.Messages {
		m.messages.Put(&v)
	}
	for _, id := range u.Drop {
		m.messages.Drop(id)
	}
	if u.Sink != nil {
		m.states[u.Sink.Component] = strings.TrimSpace(u.Sink.Value + " " + u.Sink.Code + " " + u.Sink.Reason)
	}
	return nil
}

func (m *memory) Alerts() []*alert.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alerts.All()
}

func (m *memory) AlertsOf(incident string) []*alert.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.alerts.Of(incident))
}

func (m *memory) Message(id string) (*alert.Message, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messages.Get(id)
}

func (m *memory) Messages() []*alert.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.messages.All()
}

func (m *memory) MessagesOf(incident string) []*alert.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.messages.Of(incident))
}

func (m *memory) Silence(string) (alert.Silence, bool) { return alert.Silence{}, false }

func (m *memory) state(component string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.states[component]
}

// rig is a group, what is committed, and a robot that tells the group.
type rig struct {
	t       *testing.T
	group   *sim.Group
	memory  *memory
	dialect *Dialect
	trace   func(string)
	*Robot
	stop func()
}

const simToken, simSecret = "TOPSECRET-token", "SECtopsecret"

// dialects are all of them, with how their simulators call them.
func dialects() map[string]*Dialect {
	return map[string]*Dialect{sim.DingTalk: DingTalk(), sim.Feishu: Feishu(), sim.WeCom: WeCom()}
}

// inEach runs a test with each dialect, in simulated time.
func inEach(t *testing.T, test func(t *testing.T, d *rig)) {
	for name, dialect := range dialects() {
		t.Run(name, func(t *testing.T) { inOne(t, dialect, test) })
	}
}

func inOne(t *testing.T, dialect *Dialect, test func(t *testing.T, d *rig)) {
	synctest.Test(t, func(t *testing.T) {
		d := &rig{t: t, dialect: dialect, memory: &memory{states: map[string]string{}}}
		d.group = sim.New(sim.Config{Kind: dialect.Kind, Token: simToken, Secret: d.secret()})
		defer func() {
			if d.stop != nil {
				d.stop()
			}
		}()
		test(t, d)
	})
}

func (d *rig) secret() string {
	if d.dialect.sign == nil {
		return ""
	}
	return simSecret
}

func (d *rig) start(channels ...Channel) {
	if len(channels) == 0 {
		channels = []Channel{{Name: "ops", Mention: []string{"user:ann"}}}
	}
	d.Robot = New(Options{
		Dialect: d.dialect, Name: "oncall", URL: "https://chat.example.com" + d.group.Path(), Secret: d.secret(), AllowPrivate: true, Channels: channels,
		State: d.memory, Recorder: d.memory, Space: alerttest.Space, Link: "https://numwatch.example.com",
		Messages: NewMessages(prometheus.NewRegistry(), d.dialect.Kind), Logger: slog.New(slog.DiscardHandler), Trace: d.trace,
	})
	d.client.Transport = simtest.Direct(d.group)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.stop = func() { cancel(); <-done; d.stop = nil }
	synctest.Wait()
}

func (d *rig) update(alerts ...alert.Alert) {
	d.memory.mu.Lock()
	for _, a := range alerts {
		d.memory.alerts.Put(&a)
	}
	d.memory.mu.Unlock()
	if d.Robot != nil {
		d.Update(alerts)
	}
}

func (d *rig) after(wait time.Duration) {
	time.Sleep(wait)
	synctest.Wait()
}

func (d *rig) texts() (all []string) {
	for _, m := range d.group.Taken() {
		all = append(all, m.Title+"\n"+m.Text+"\n"+m.Plain)
	}
	return all
}

// requireTrue checks that what people heard last of each incident is so.
func (d *rig) requireTrue() {
	d.t.Helper()
	for _, a := range d.memory.Alerts() {
		heard := 0
		for _, m := range d.memory.MessagesOf(a.Incident) {
			for _, s := range m.Alerts {
				if s.Alert == a.ID {
					heard++
					require.Equal(d.t, a.State == alert.Firing, s.NotifiedOpen, "%s is %s", a.ID, a.State)
				}
			}
		}
		require.Equal(d.t, 1, heard, a.ID)
	}
	for code := range d.group.Answers() {
		require.Zero(d.t, code, "the group refused something")
	}
}

// numbered is an alert of a space of its own.
func numbered(i int) alert.Alert {
	a := alerttest.Firing(i)
	a.Subject.Space = "s" + a.Subject.PhoneNumber
	a.Change.Subject = a.Subject
	a.Change.RequestId = ""
	k := alert.Key{Rule: a.Rule, Subject: a.Subject, Field: a.Field}
	a.Since, a.Changed = time.Now(), time.Now()
	a.ID = alert.ID(k, a.Since)
	a.Incident = a.NewIncident()
	return a
}

func banned(a alert.Alert) alert.Alert {
	b := a
	b.Rule, b.Field, b.Severity = "banned", phone.Status, alert.Critical
	b.Change.Field, b.Change.Old, b.Change.New = phone.Status, "CONNECTED", "BANNED"
	b.Summary = alert.Text{"Number ", a.Subject.PhoneNumber, " is ", "BANNED"}
	b.Since, b.Changed = time.Now(), time.Now()
	b.ID = alert.ID(alert.Key{Rule: b.Rule, Subject: b.Subject, Field: b.Field}, b.Since)
	return b
}
