package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/sim/simtest"
	slacksim "numwatch/internal/sim/slack"
)

const simToken = "xoxb-sim"

// rig is a simulated workspace, what was kept, and what posts there.
type rig struct {
	t       *testing.T
	sim     *slacksim.Server
	memory  *memory
	log     logged
	alerts  map[string]alert.Alert
	sink    *Sink
	points  map[string]int
	buttons bool
	// between may put something between the sink and what it works with.
	between func(*Options)
	mu      sync.Mutex
	stop    func()
}

var opsChannel = []Channel{{Name: "ops", Slack: "C0000000001", Mention: []string{"<!subteam^S012>"}}}

// withRig runs a test in simulated time.
func withRig(t *testing.T, test func(t *testing.T, d *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &rig{t: t, memory: newMemory(), alerts: map[string]alert.Alert{}, points: map[string]int{}}
		d.sim = slacksim.New(slacksim.Config{Token: simToken, Channels: []slacksim.Channel{
			{ID: "C0000000001", Name: "wa-ops"}, {ID: "C0000000002", Name: "wa-gold"},
		}})
		defer d.halt()
		test(t, d)
	})
}

func (d *rig) start(channels []Channel) {
	o := Options{
		Poster: NewAPI(simToken, "http://slack.test/api/", simtest.Direct(d.sim)), State: d.memory, Recorder: d.memory, Channels: channels,
		Log: &d.log, Space: alerttest.Space, Link: "https://numwatch.example.com", Trace: d.count, Buttons: d.buttons,
	}
	if d.between != nil {
		d.between(&o)
	}
	d.sink = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.sink.Run(ctx) }()
	d.stop = func() {
		cancel()
		require.NoError(d.t, <-done)
	}
}

func (d *rig) halt() {
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
}

func (d *rig) count(point string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points[point]++
}

func (d *rig) update(alerts ...alert.Alert) {
	for _, a := range alerts {
		d.alerts[a.ID] = a
	}
	d.memory.put(alerts...)
	d.log.add(alerts...)
	if d.sink != nil {
		d.sink.Update(alerts)
	}
}

// dead lists the dead letters.
func (d *rig) dead() (all []alert.Message) {
	for _, m := range d.memory.keptMessages() {
		if m.State == alert.Dead {
			all = append(all, m)
		}
	}
	return all
}

func (d *rig) messages() []slacksim.Message { return d.sim.Messages("C0000000001") }

// after lets simulated time pass.
func (d *rig) after(wait time.Duration) {
	time.Sleep(wait)
	synctest.Wait()
}

// requireShown checks guarantee G2: each alert is listed once, by a posted
// message that shows it as it is.
func (d *rig) requireShown(channel string) {
	d.t.Helper()
	shown := map[string]int{}
	for _, m := range d.memory.keptMessages() {
		if m.Channel != channel {
			continue
		}
		require.Equal(d.t, alert.Posted, m.State)
		require.NotEmpty(d.t, m.TS)
		require.Nil(d.t, m.Reply)
		for _, s := range m.Alerts {
			shown[s.Alert]++
			a := d.alerts[s.Alert]
			require.Equal(d.t, a.Revision, s.Revision, "the message shows an old revision")
			require.Equal(d.t, a.State == alert.Firing, s.NotifiedOpen, "what people heard last is true")
		}
	}
	require.Len(d.t, shown, d.of(channel))
	for id, n := range shown {
		require.Equal(d.t, 1, n, "alert %s is shown by %d messages", id, n)
	}
	kept := map[string]bool{}
	for _, m := range d.memory.keptMessages() {
		kept[m.TS] = true
	}
	for _, m := range d.sim.Messages(rigChannels[channel]) {
		require.True(d.t, kept[m.Ts], "a message in Slack that nothing knows of: %s", m.Text)
	}
}

var rigChannels = map[string]string{"ops": "C0000000001", "gold": "C0000000002"}

// of counts the alerts of a channel.
func (d *rig) of(channel string) (n int) {
	for _, a := range d.alerts {
		if slices.Contains(a.Channels, channel) {
			n++
		}
	}
	return n
}

// inSpace moves an alert to a space of its own, and so to a message of its own.
func inSpace(a alert.Alert, space int) alert.Alert {
	a.Subject.Space = fmt.Sprint(space)
	a.Change.Subject = a.Subject
	a.ID = fmt.Sprintf("%s-%d", a.ID, space)
	a.Incident = a.NewIncident()
	return a
}

func texts(t *testing.T, blocks json.RawMessage) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(blocks, &v))
	return fmt.Sprint(v)
}
