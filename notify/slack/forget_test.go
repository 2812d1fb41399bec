package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

// What a channel was told of an incident outlives the alert that it was told of: its end
// is told days later too.
func TestTheEndOfAnIncidentIsToldAfterItsFirstAlertWasForgotten(t *testing.T) {
	r := NewSimulation([]string{"oncall", "ops"}, alerttest.Noon)
	now := alerttest.Noon
	a := alerttest.Firing(1)
	a.Channels = []string{"oncall", "ops"}
	b := blockedBeside(alerttest.Firing(1))
	b.Severity = alert.Warning
	r.Update(a, now)
	r.Update(b, now)
	r.Until(now.Add(time.Minute))
	now = now.Add(time.Hour)
	r.Update(alerttest.Resolved(a, now), now)
	r.Until(now.Add(time.Minute))
	now = now.Add(72 * time.Hour)
	r.Forget(now, 2*time.Hour)
	r.Update(alerttest.Resolved(b, now), now)
	told := map[string]Means{}
	for _, n := range r.Until(now.Add(time.Minute)) {
		told[n.Channel] = n.Means
	}
	require.Equal(t, map[string]Means{"oncall": Reply, "ops": Reply}, told)
	require.Len(t, r.Forget(now.Add(3*time.Hour), 2*time.Hour), 2, "then nothing is left to be told")
}

// counting counts how often the alerts of incidents are asked for.
type counting struct {
	State
	asked int
}

func (c *counting) AlertsOf(incident string) []*alert.Alert {
	c.asked++
	return c.State.AlertsOf(incident)
}

// What it takes to forget a message of many incidents does not grow with their square.
func TestForgettingALongListIsCheap(t *testing.T) {
	const n = 300
	r := NewSimulation([]string{"ops"}, alerttest.Noon)
	var all []alert.Alert
	for i := range n {
		a := inSpace(alerttest.Firing(i), i)
		a.Baseline = true
		all = append(all, a)
		r.Update(a, alerttest.Noon)
	}
	r.BaselineDone("main", alerttest.Noon)
	require.Len(t, r.Until(alerttest.Noon.Add(time.Minute)), 1)
	now := alerttest.Noon.Add(time.Hour)
	for _, a := range all {
		r.Update(alerttest.Resolved(a, now), now)
	}
	r.Until(now.Add(time.Minute))
	state := &counting{State: r.state}
	r.plan.state = state
	require.Len(t, r.Forget(now.Add(3*time.Hour), 2*time.Hour), n)
	require.Less(t, state.asked, 5*n)
}
