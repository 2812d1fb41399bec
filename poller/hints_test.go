package poller

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
)

// A hint changes which space is polled, and never how fast requests go out.
func TestHintsStayWithinThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{latency: 50 * time.Millisecond}, &sink{}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1000))
		stop := start(t, p)
		for n := range 3000 {
			p.Hint(fmt.Sprint(n%1000), schedule.Hint{Source: "api", About: fmt.Sprint(n)})
			time.Sleep(10 * time.Millisecond)
		}
		require.NoError(t, stop())
		hinted, _ := p.Hinted()
		require.InDelta(t, 9.8*30*0.3/1.3, hinted["api"].Polls, 5)
		require.InDelta(t, 9.8*30, c.count(), 3)
		require.LessOrEqual(t, maxInASecond(c.starts), 10)
	})
}

// Precision and recall: which polls a hint led to, and which of the changes they found.
func TestWhatHintsFoundIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		changed := map[string]int{}
		c, s := &cloudy{}, &sink{}
		s.answer = func(_ context.Context, r Result) (schedule.Outcome, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			found := changed[r.Space.ID]
			delete(changed, r.Space.ID)
			return schedule.Outcome{Changes: found}, nil
		}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Metrics: registry})
		p.SetSpaces(spaces(3000))
		stop := start(t, p)
		time.Sleep(6 * time.Minute)
		require.False(t, p.Hint("of nobody", schedule.Hint{Source: "api"}))
		s.mu.Lock()
		changed["7"], changed["8"] = 2, 1
		s.mu.Unlock()
		p.Hint("7", schedule.Hint{Source: "nats"})
		p.Hint("9", schedule.Hint{Source: "api"})
		time.Sleep(time.Second)
		hinted, found := p.Hinted()
		require.Equal(t, map[string]HintedPolls{"nats": {Polls: 1, Hits: 1, Changes: 2}, "api": {Polls: 1}}, hinted)
		require.Equal(t, 2, found)
		time.Sleep(6 * time.Minute)
		_, found = p.Hinted()
		require.Equal(t, 3, found, "one was found without a hint")
		families, err := registry.Gather()
		require.NoError(t, err)
		counted := map[string]float64{}
		for _, f := range families {
			for _, m := range f.Metric {
				if f.GetName() == "numwatch_changes_found_total" || f.GetName() == "numwatch_hinted_polls_total" {
					counted[f.GetName()+" "+m.Label[1].GetValue()] = m.Counter.GetValue()
				}
			}
		}
		require.Equal(t, map[string]float64{
			"numwatch_changes_found_total nats": 2, "numwatch_changes_found_total schedule": 1,
			"numwatch_hinted_polls_total nats": 1, "numwatch_hinted_polls_total api": 1, "numwatch_changes_found_total api": 0,
		}, counted)
		require.NoError(t, stop())
	})
}
