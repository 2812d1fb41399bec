package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"numwatch/internal/bench/goals"
)

// BenchmarkGoalLimit measures ten minutes at the limit of 10 requests a second,
// in virtual time, against a server that counts strictly.
func BenchmarkGoalLimit(b *testing.B) {
	for _, c := range []struct {
		jitter time.Duration
		used   float64
	}{{20 * time.Millisecond, 0.96}, {100 * time.Millisecond, 0.88}} {
		b.Run(fmt.Sprintf("alone, J=%s", c.jitter), func(b *testing.B) {
			m := goals.OnSeeds(func(m *goals.Measured, seed uint64) {
				r := newRoad(10, c.jitter, seed)
				var ours tally
				r.drive(NewLimit(10), &ours)
				r.run(epoch.Add(tenMinutes))
				m.Note("used", float64(ours.sent-ours.refused)/(10*tenMinutes.Seconds()))
				m.Note("throttled", ours.share())
			})
			m.Report(b, "used", c.used)
			m.Report(b, "throttled", 0.001)
		})
	}
	for _, counts := range []bool{false, true} {
		b.Run(fmt.Sprintf("beside 3 a second, J=20ms, refused count: %t", counts), func(b *testing.B) {
			m := goals.OnSeeds(func(m *goals.Measured, seed uint64) { beside(m, seed, 3, 20*time.Millisecond, counts, tenMinutes) })
			m.Report(b, "we are refused", 0.01)
			m.Report(b, "they are refused", 0.01)
			m.Report(b, "of what is left", 0.75)
		})
	}
}

// beside measures what becomes of us and of another client at its own pace,
// from 30 s after the start.
func beside(m *goals.Measured, seed uint64, perSecond float64, jitter time.Duration, counts bool, span time.Duration) {
	r := newRoad(10, jitter, seed)
	r.server.countRefused = counts
	r.ignore = epoch.Add(30 * time.Second)
	var ours, theirs tally
	r.drive(NewLimit(10), &ours)
	r.other(perSecond, &theirs, time.Duration(seed)*37*time.Millisecond, span)
	r.run(epoch.Add(span))
	m.Note("we are refused", ours.share())
	m.Note("they are refused", theirs.share())
	m.Note("of what is left", float64(ours.sent-ours.refused)/((10-perSecond)*(span-30*time.Second).Seconds()))
}
