package alertmanager

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	sim "numwatch/internal/sim/alertmanager"
	"numwatch/internal/sim/simtest"
	"numwatch/notify"
	"numwatch/phone"
)

// world is the log and the alerts, and what is committed about a sink.
type world struct {
	mu     sync.Mutex
	events []alert.Event
	first  uint64
	reads  int // of the log
	alerts map[string]alert.Alert
	saved  map[string][]byte
	saves  int
	broken error // of the disk
	states map[string]string
	labels map[string]string // of every space
}

func newWorld() *world {
	return &world{alerts: map[string]alert.Alert{}, saved: map[string][]byte{}, states: map[string]string{}, labels: map[string]string{"tier": "gold"}}
}

func number(n int) phone.Subject {
	return phone.Subject{Account: "main", Space: "1001", PhoneNumber: fmt.Sprintf("86138%08d", n)}
}

// move makes a transition of the alert on a number, as the loop commits it.
func (w *world) move(n int, state alert.State, t alert.Transition) alert.Alert {
	return w.change(n, func(a *alert.Alert) {
		if t == alert.Opened || t == alert.Reopened {
			a.Since = time.Now()
		}
		a.State, a.Transition, a.Changed = state, t, time.Now()
		a.Revision++
	}, true)
}

// change changes the alert on a number, which is noted in the log or not.
func (w *world) change(n int, how func(*alert.Alert), logged bool) alert.Alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := fmt.Sprint("a-", n)
	a, known := w.alerts[id]
	if !known {
		a = alert.Alert{
			ID: id, Rule: "quality-red", Incident: fmt.Sprint("i-", n), Severity: alert.High, Subject: number(n), Field: phone.QualityRating,
			Summary: alert.Text{"quality of ", "x", " is RED"}, Runbook: "https://wiki.example.com/red", Followers: []string{"prod"},
		}
	}
	how(&a)
	w.alerts[id] = a
	if logged {
		w.events = append(w.events, alert.Event{Seq: uint64(len(w.events) + 1), Time: time.Now(), Kind: alert.KindAlert, Alert: &a})
	}
	return a
}

func (w *world) opens(n int) alert.Alert { return w.move(n, alert.Firing, alert.Opened) }
func (w *world) ends(n int) alert.Alert  { return w.move(n, alert.Resolved, alert.WasResolved) }

func (w *world) Alerts() (all []*alert.Alert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.alerts {
		all = append(all, &a)
	}
	return all
}

func (w *world) ReadLog(from uint64, most int) ([]alert.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	from = max(from, w.first, 1)
	if from > uint64(len(w.events)) {
		return nil, nil
	}
	rest := w.events[from-1:]
	return rest[:min(most, len(rest))], nil
}

func (w *world) LastSeq() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return uint64(len(w.events))
}

func (w *world) Save(_ context.Context, name string, value []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken == nil {
		w.saved[name] = value
		w.saves++
	}
	return w.broken
}

func (w *world) Record(_ context.Context, r alert.DeliveryUpdate) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states[r.Sink.Component] = strings.TrimSpace(r.Sink.Value + " " + r.Sink.Code)
	return nil
}

func (w *world) state(component string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[component]
}

func (w *world) space(k phone.SpaceKey) phone.Space {
	w.mu.Lock()
	defer w.mu.Unlock()
	return phone.Space{SpaceKey: k, Name: "Acme", Labels: w.labels}
}

// bed is one address of a channel. In a bubble of synctest, its time passes at once.
type bed struct {
	t  *testing.T
	w  *world
	am *sim.Server
	o  Options
	*Sink
	stop func()
}

func newBed(t *testing.T, w *world, host string) *bed {
	return &bed{t: t, w: w, am: sim.New(sim.Config{}), o: Options{
		URL: "http://" + host + ":9093", Alerts: w.Alerts, Space: w.space, Link: "https://numwatch.example.com/",
		Follower: notify.FollowerOptions{
			Channel: "prod", Name: ComponentOf("prod", "http://"+host+":9093"), AllowPrivate: true, Log: w, Recorder: w, Saver: w,
			Outcomes: notify.NewOutcomes(prometheus.NewRegistry(), "requests", ""), Logger: slog.New(slog.DiscardHandler),
		},
	}}
}

func (b *bed) start() {
	b.o.Follower.Stored = b.w.saved[b.o.Follower.Name]
	b.Sink = New(b.o)
	b.Client.Transport = simtest.Direct(b.am)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = func() { cancel(); require.NoError(b.t, <-done) }
	synctest.Wait()
}

// pass lets the sink take notice, and a time pass.
func (b *bed) pass(d time.Duration) {
	b.Wake()
	time.Sleep(d)
	synctest.Wait()
}

// away makes the Alertmanager fail until it is healed.
func (b *bed) away(code int) { b.am.Fail(slices.Repeat([]sim.Fault{{Code: code}}, 10_000)...) }

// firing are the numbers for which something fires.
func (b *bed) firing() (numbers []string) {
	for a := range maps.Values(b.am.Firing()) {
		numbers = append(numbers, cmp.Or(a.Labels["number"], a.Labels["part"]))
	}
	slices.Sort(numbers)
	return numbers
}

func (b *bed) count(outcome string) float64 {
	_, channel, _ := strings.Cut(b.Name, ":")
	return testutil.ToFloat64(b.Outcomes.WithLabelValues(channel, outcome))
}

func bubble(t *testing.T, test func(b *bed)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, newWorld(), "am")
		test(b)
		b.stop()
		require.Empty(t, b.am.Wrong())
	})
}
