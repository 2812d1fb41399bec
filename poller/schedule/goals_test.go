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
