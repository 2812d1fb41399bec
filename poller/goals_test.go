package poller

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// goalSeeds is how many fleets or roads a goal is measured on: one alone may be
// luck.
const goalSeeds = 8

// measured are the figures of the seeds, by name.
type measured struct {
	mu      sync.Mutex
	figures map[string][]float64
}

func (m *measured) note(name string, value float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures[name] = append(m.figures[name], value)
}

// onSeeds runs work for every seed, as many at once as there are processors.
func onSeeds(work func(m *measured, seed uint64)) *measured {
	m := &measured{figures: map[string][]float64{}}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for seed := range uint64(goalSeeds) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			work(m, seed+1)
		})
	}
	wg.Wait()
	return m
}

func (m *measured) sum(name string) (sum float64) {
	for _, v := range m.figures[name] {
		sum += v
	}
	return sum
}

// report prints a figure as a line of its own; a goal of 0 is none.
func (m *measured) report(b *testing.B, name string, goal float64) {
	b.Run(name, func(b *testing.B) {
		values := m.figures[name]
		for range b.N { // it has been measured
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(slices.Min(values), "min")
		b.ReportMetric(m.sum(name)/float64(len(values)), "mean")
		b.ReportMetric(slices.Max(values), "max")
		if goal > 0 {
			b.ReportMetric(goal, "goal")
		}
	})
}

// BenchmarkGoalLimit measures ten minutes at the limit of 10 requests a second,
// in virtual time, against a server that counts strictly.
func BenchmarkGoalLimit(b *testing.B) {
	for _, c := range []struct {
		jitter time.Duration
		used   float64
	}{{20 * time.Millisecond, 0.96}, {100 * time.Millisecond, 0.88}} {
		b.Run(fmt.Sprintf("alone, J=%s", c.jitter), func(b *testing.B) {
			m := onSeeds(func(m *measured, seed uint64) {
				r := newRoad(10, c.jitter, seed)
				var ours tally
				r.drive(NewLimit(10), &ours)
				r.run(epoch.Add(tenMinutes))
				m.note("used", float64(ours.sent-ours.refused)/(10*tenMinutes.Seconds()))
				m.note("throttled", ours.share())
			})
			m.report(b, "used", c.used)
			m.report(b, "throttled", 0.001)
		})
	}
	for _, counts := range []bool{false, true} {
		b.Run(fmt.Sprintf("beside 3 a second, J=20ms, refused count: %t", counts), func(b *testing.B) {
			m := onSeeds(func(m *measured, seed uint64) { beside(m, seed, 3, 20*time.Millisecond, counts, tenMinutes) })
			m.report(b, "we are refused", 0.01)
			m.report(b, "they are refused", 0.01)
			m.report(b, "of what is left", 0.75)
		})
	}
}

// beside measures what becomes of us and of another client at its own pace,
// from 30 s after the start.
func beside(m *measured, seed uint64, perSecond float64, jitter time.Duration, counts bool, span time.Duration) {
	r := newRoad(10, jitter, seed)
	r.server.countRefused = counts
	r.ignore = epoch.Add(30 * time.Second)
	var ours, theirs tally
	r.drive(NewLimit(10), &ours)
	r.other(perSecond, &theirs, time.Duration(seed)*37*time.Millisecond, span)
	r.run(epoch.Add(span))
	m.note("we are refused", ours.share())
	m.note("they are refused", theirs.share())
	m.note("of what is left", float64(ours.sent-ours.refused)/((10-perSecond)*(span-30*time.Second).Seconds()))
}

// BenchmarkGoalSchedule measures 14 days of 10,000 spaces at 10 requests a
// second, in virtual time: the mean delay until a change is seen as a part of
// round robin's, beside what would be best if the rates were known. The goals
// are for rates that follow their distribution. Where each space draws its rate,
// few of them make most of the changes, and what can be done differs from fleet
// to fleet: these are reported beside, with their own best.
func BenchmarkGoalSchedule(b *testing.B) {
	for _, g := range goals {
		b.Run(fmt.Sprintf("sigma=%.1f, exact", g.sigma), func(b *testing.B) {
			m := watchFleets(func(seed uint64) *fleet { return newExactFleet(10_000, g.sigma, seed) })
			m.report(b, "delay", g.goal)
			m.report(b, "delay to be expected", g.goal)
			m.reportFleets(b)
		})
		if g.sigma == 0 {
			continue
		}
		b.Run(fmt.Sprintf("sigma=%.1f, drawn", g.sigma), func(b *testing.B) {
			m := watchFleets(func(seed uint64) *fleet { return newFleet(10_000, g.sigma, seed) })
			m.report(b, "delay", 0)
			m.reportFleets(b)
			m.note("all together", m.sum("delays")/m.sum("changes")/500)
			m.report(b, "all together", 0)
		})
	}
}

// watchFleets polls a fleet for every seed, a round taking 1,000 s.
func watchFleets(build func(seed uint64) *fleet) *measured {
	return onSeeds(func(m *measured, seed uint64) {
		f := build(seed)
		delay, oldest := f.simulate(1000)
		m.note("delay", delay)
		m.note("delay to be expected", f.owed/f.due/500)
		m.note("oldest, in rounds", oldest)
		m.note("best possible delay", f.optimum())
		m.note("delay over the best", delay/f.optimum())
		m.note("delays", f.delay)
		m.note("changes", float64(f.changes))
	})
}

func (m *measured) reportFleets(b *testing.B) {
	m.report(b, "best possible delay", 0)
	m.report(b, "delay over the best", 0)
	m.report(b, "oldest, in rounds", 2)
	require.LessOrEqual(b, slices.Max(m.figures["oldest, in rounds"]), 2.0)
}
