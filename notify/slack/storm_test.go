package slack

import (
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/golden"
	slacksim "numwatch/internal/sim/slack"
)

const (
	stormSize = 10_000
	perPoll   = 5
)

// stormAlert is one of many: five to a poll of a space.
func stormAlert(i int) alert.Alert {
	a := inSpace(alerttest.Firing(i), i/perPoll)
	a.Change.RequestId = fmt.Sprint("R-", i/perPoll)
	a.Since, a.Changed = time.Now(), time.Now()
	return a
}

func TestSlackStormOfTenThousand(t *testing.T) {
	size := stormSize
	if testing.Short() {
		size /= 10
	}
	withRig(t, func(t *testing.T, d *rig) {
		start := heap()
		d.start(opsChannel)
		var all []alert.Alert
		for i := 0; i < size; i += perPoll {
			var poll []alert.Alert
			for j := range perPoll {
				poll = append(poll, stormAlert(i+j))
			}
			all = append(all, poll...)
			d.update(poll...)
			d.after(time.Minute * perPoll / stormSize)
		}
		d.after(time.Minute)
		require.LessOrEqual(t, len(d.messages()), 20)
		require.Equal(t, size, counted(t, d))
		require.Zero(t, d.sim.Stats(slacksim.PostMessage).Limited)
		require.Contains(t, d.messages()[2].Text, "more: <https://numwatch.example.com/alerts|all alerts>")
		d.requireShown("ops")
		require.Less(t, heap()-start, int64(96<<20), "what is open and shown is held, and no more")

		for i := range all {
			all[i] = alerttest.Resolved(all[i], time.Now())
		}
		d.update(all...)
		d.after(10 * time.Minute)
		d.requireShown("ops")
		require.LessOrEqual(t, len(d.messages()), 20)
		d.after(4 * time.Hour)
		require.Empty(t, d.memory.keptMessages(), "it is all over and forgotten")
		require.Len(t, d.memory.forgot(), size)
		all, d.alerts, d.memory, d.log.events = nil, nil, newMemory(), nil
		require.Less(t, heap()-start, int64(16<<20), "nothing of the storm is left")
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// counted adds up what the channel's messages list, and what they say is not listed,
// as people would. A message without a list is about one alert.
func counted(t *testing.T, d *rig) (sum int) {
	t.Helper()
	listed, rest := regexp.MustCompile(`(?m)^[A-Z][a-z]+: 86`), regexp.MustCompile(`(?m)^and ([\d,]+) more: `)
	for _, m := range d.messages() {
		n := 0
		if found := rest.FindStringSubmatch(m.Text); found != nil {
			var err error
			n, err = strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
			require.NoError(t, err)
		}
		sum += max(1, n+len(listed.FindAllString(m.Text, -1)))
	}
	return sum
}

// A storm that goes on is told ever more seldom, and a calm channel at once.
func TestSlackCollectsForLongerWhileItStorms(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		for i := range 3600 {
			d.update(inSpace(alerttest.Firing(2*i), 2*i))
			d.after(500 * time.Millisecond)
			d.update(inSpace(alerttest.Firing(2*i+1), 2*i+1))
			d.after(500 * time.Millisecond)
		}
		d.after(time.Minute)
		require.Less(t, len(d.messages()), 130)
		d.requireShown("ops")
		before := len(d.messages())
		d.update(inSpace(alerttest.Firing(8000), 8000))
		d.after(time.Second)
		require.Len(t, d.messages(), before+1)
	})
}

// What people had with other systems: alerts lost or repeated where Slack failed
// for three seconds.
func TestSlackThreeSecondsOfTrouble(t *testing.T) {
	for name, f := range map[string]slacksim.Fault{
		"429":                            {Kind: slacksim.RateLimited, RetryAfter: time.Second},
		"500":                            {Kind: slacksim.ServerError},
		"500 that took effect":           {Kind: slacksim.ServerError, Applied: true},
		"answers dropped after the fact": {Kind: slacksim.Drop, Applied: true},
		"refused connections":            {Kind: slacksim.Drop},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.start(opsChannel)
				f.For = 3 * time.Second
				d.sim.Inject(f)
				for i := range 200 {
					d.update(inSpace(alerttest.Firing(i), i))
					d.after(2 * time.Second / 200)
				}
				d.after(10 * time.Minute)
				d.requireShown("ops")
				d.requireOnce()
			})
		})
	}
}

func TestSlackTellsAsResolvedWhatResolvedDuringTheOutage(t *testing.T) {
	for _, f := range []slacksim.Fault{
		{Kind: slacksim.RateLimited, RetryAfter: time.Second}, {Kind: slacksim.ServerError}, {Kind: slacksim.Drop, Applied: true},
	} {
		t.Run(fmt.Sprint(f.Kind), func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				f.For = time.Minute
				d.sim.Inject(f)
				d.start(opsChannel)
				var all []alert.Alert
				for i := range 50 {
					all = append(all, inSpace(alerttest.Firing(i), i))
				}
				d.update(all...)
				d.after(10 * time.Second)
				for _, a := range all[:25] {
					d.update(alerttest.Resolved(a, time.Now()))
				}
				d.after(10 * time.Minute)
				d.requireShown("ops")
				d.requireOnce()
				var said strings.Builder
				for _, m := range d.messages() {
					said.WriteString(texts(t, m.Blocks) + "\n")
				}
				for i, a := range all {
					good := regexp.MustCompile(`Resolved(: |\*  )` + a.Subject.PhoneNumber).MatchString(said.String())
					require.Equal(t, i < 25, good, "%s in\n%s", a.Subject.PhoneNumber, said.String())
					require.Contains(t, said.String(), a.Subject.PhoneNumber)
				}
			})
		})
	}
}

// requireOnce checks that no message and no reply was posted twice, and that no
// line in a thread says what another one said.
func (d *rig) requireOnce() {
	d.t.Helper()
	ids := map[string]bool{}
	for _, m := range d.messages() {
		lines := map[string]bool{}
		for i, v := range append(m.Replies, m) {
			id := string(v.Metadata.EventPayload)
			require.False(d.t, ids[id], "posted twice: %s", v.Text)
			ids[id] = true
			if i < len(m.Replies) {
				require.False(d.t, lines[v.Text], "told twice: %s", v.Text)
				lines[v.Text] = true
			}
		}
	}
}

// Slack is down for three days in which much happens; what is posted in the end
// is one message that people can read.
func TestSlackDownForThreeDays(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		end := d.sim.Inject(slacksim.Fault{Kind: slacksim.ServerError, Status: 503})
		channels := append([]Channel{{Name: "gold", Slack: "#wa-gold"}}, opsChannel...)
		d.start(channels)
		threeDays(d)
		end()
		d.after(10 * time.Minute)
		d.requireShown("ops")
		d.requireShown("gold")
		require.Empty(t, d.messages()[0].Replies)
		require.Empty(t, d.messages()[0].Edits)
		require.Len(t, d.sim.Messages("C0000000002"), 1)
		require.Len(t, d.messages(), 1)
		golden.Equal(t, "testdata/three-days.golden", "#wa-gold\n\n"+d.sim.Messages("C0000000002")[0].Text+"\n\n#wa-ops\n\n"+d.messages()[0].Text+"\n")
	})
}

// threeDays lets an alert open every two hours; every second one is over before
// anybody hears of it.
func threeDays(d *rig) {
	for i := range 36 {
		a := inSpace(alerttest.Firing(i), i)
		a.Since, a.Changed = time.Now(), time.Now()
		if i%6 == 0 {
			a.Channels = []string{"gold", "ops"}
		}
		if i%3 == 1 {
			a.Rule, a.Severity = "quality-yellow", alert.Warning
			a.Change.Old, a.Change.New = "GREEN", "YELLOW"
			a.Summary = alert.Text{"Quality of ", a.Subject.PhoneNumber, " fell to ", "YELLOW"}
		}
		d.update(a)
		d.after(time.Hour)
		switch {
		case i%4 == 1:
			d.update(alerttest.Resolved(a, time.Now()))
		case i%4 == 3:
			worse := alerttest.Worsened(a)
			worse.Changed = time.Now()
			d.update(worse)
		}
		d.after(time.Hour)
	}
}
