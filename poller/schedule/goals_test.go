package schedule

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/bench/goals"
)

// BenchmarkGoalSchedule measures 14 days of 10,000 spaces at 10 requests a
// second, in virtual time: the mean delay until a change is seen as a part of
// round robin's, beside what would be best if the rates were known. The goals
// are for rates that follow their distribution. Where each space draws its rate,
// few of them make most of the changes, and what can be done differs from fleet
// to fleet: these are reported beside, with their own best.
func BenchmarkGoalSchedule(b *testing.B) {
	for _, g := range shares {
		b.Run(fmt.Sprintf("sigma=%.1f, exact", g.sigma), func(b *testing.B) {
			m := watchFleets(func(seed uint64) *fleet { return newExactFleet(10_000, g.sigma, seed) })
			m.Report(b, "delay", g.goal)
			m.Report(b, "delay to be expected", g.goal)
			reportFleets(b, m)
		})
		if g.sigma == 0 {
			continue
		}
		b.Run(fmt.Sprintf("sigma=%.1f, drawn", g.sigma), func(b *testing.B) {
			m := watchFleets(func(seed uint64) *fleet { return newFleet(10_000, g.sigma, seed) })
			m.Report(b, "delay", 0)
			reportFleets(b, m)
			m.Note("all together", m.Sum("delays")/m.Sum("changes")/500)
			m.Report(b, "all together", 0)
		})
	}
}

// watchFleets polls a fleet for every seed, a round taking 1,000 s.
func watchFleets(build func(seed uint64) *fleet) *goals.Measured {
	return goals.OnSeeds(func(m *goals.Measured, seed uint64) {
		f := build(seed)
		delay, oldest := f.simulate(1000)
		m.Note("delay", delay)
		m.Note("delay to be expected", f.owed/f.due/500)
		m.Note("oldest, in rounds", oldest)
		m.Note("best possible delay", f.optimum())
		m.Note("delay over the best", delay/f.optimum())
		m.Note("delays", f.delay)
		m.Note("changes", float64(f.changes))
	})
}

func reportFleets(b *testing.B, m *goals.Measured) {
	m.Report(b, "best possible delay", 0)
	m.Report(b, "delay over the best", 0)
	m.Report(b, "oldest, in rounds", 2)
	require.LessOrEqual(b, slices.Max(m.Figures["oldest, in rounds"]), 2.0)
}

// BenchmarkGoalHints measures the fleet of BenchmarkGoalSchedule with hints, in seconds:
// of nine changes in ten, 5 s after each; and what 100 forged ones a second cost the
// spaces that they are not about.
func BenchmarkGoalHints(b *testing.B) {
	b.Run("sigma=2.0, exact, recall=0.9", func(b *testing.B) {
		m := goals.OnSeeds(func(m *goals.Measured, seed uint64) {
			f := newExactFleet(10_000, 2, seed)
			f.expectHints(0.9, 5)
			f.simulateDays(14, 1000)
			m.Note("seconds until a change is seen", f.delay/float64(f.changes))
			m.Note("hinted changes seen within 10 s of the hint", float64(f.hints.prompt)/float64(f.hints.all))
		})
		m.Report(b, "seconds until a change is seen", 35)
		m.Report(b, "hinted changes seen within 10 s of the hint", 0.95)
		require.LessOrEqual(b, slices.Max(m.Figures["seconds until a change is seen"]), 35.0)
		require.GreaterOrEqual(b, slices.Min(m.Figures["hinted changes seen within 10 s of the hint"]), 0.95)
	})
	b.Run("sigma=2.0, exact, 100 forged hints a second", func(b *testing.B) {
		m := goals.OnSeeds(func(m *goals.Measured, seed uint64) {
			calm, flooded := newExactFleet(10_000, 2, seed), newExactFleet(10_000, 2, seed)
			flooded.hints.forged, flooded.hints.targets = 100, 1000
			calm.hints.targets = flooded.hints.targets
			calm.simulateDays(2, 1000)
			flooded.simulateDays(2, 1000)
			m.Note("delay of the others over that without", flooded.others()/calm.others())
		})
		m.Report(b, "delay of the others over that without", 1.3)
		require.LessOrEqual(b, slices.Max(m.Figures["delay of the others over that without"]), 1.3)
	})
}
