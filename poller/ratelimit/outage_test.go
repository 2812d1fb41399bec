package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// While everything is refused hardly anything is sent, and soon after it the
// pace is what it was, however long it took.
func TestLimitRecoversFromAnOutage(t *testing.T) {
	for _, lasts := range []time.Duration{5 * time.Second, time.Minute, time.Hour, 5 * time.Hour} {
		for _, other := range []float64{0, 3} {
			t.Run(fmt.Sprint(lasts, other), func(t *testing.T) {
				r := newRoad(10, 20*time.Millisecond, 1)
				begins := epoch.Add(time.Minute)
				ends := begins.Add(lasts)
				r.server.outage = [2]time.Time{begins, ends}
				var ours, theirs tally
				l := NewLimit(10)
				r.drive(l, &ours)
				if other > 0 {
					r.other(other, &theirs, 0, lasts+time.Hour)
				}
				r.run(begins)
				before := ours.refused
				r.run(ends)
				require.LessOrEqual(t, ours.refused-before, 10+int(lasts/(20*time.Second)))
				r.run(ends.Add(3 * time.Minute))
				require.GreaterOrEqual(t, l.Rate(), 4.9)
				r.run(ends.Add(10 * time.Minute))
				least := 9.8
				if other > 0 {
					least = 4.9 // two levels below what is left: a try may just have failed
				}
				require.GreaterOrEqual(t, l.Rate(), least)
			})
		}
	}
}

// A client that leaves less than half is no outage.
func TestLimitLivesWithAClientThatTakesMost(t *testing.T) {
	for _, other := range []float64{5, 7, 8.5} {
		for _, countRefused := range []bool{false, true} {
			t.Run(fmt.Sprint(other, countRefused), func(t *testing.T) {
				r := newRoad(10, 20*time.Millisecond, 1)
				r.server.countRefused = countRefused
				r.ignore = epoch.Add(30 * time.Second)
				var ours, theirs tally
				r.drive(NewLimit(10), &ours)
				r.other(other, &theirs, 0, time.Hour)
				r.run(epoch.Add(time.Hour))
				t.Logf("we %.2f%% of %d, they %.2f%% of %d", 100*ours.share(), ours.sent, 100*theirs.share(), theirs.sent)
				require.LessOrEqual(t, ours.share(), 0.01)
				require.LessOrEqual(t, theirs.share(), 0.025)
				require.GreaterOrEqual(t, float64(ours.sent-ours.refused), 0.5*(10-other)*3600)
			})
		}
	}
}

// What a client that takes most of the limit made us learn is forgotten when it leaves.
func TestLimitRecoversWhenABusyClientLeaves(t *testing.T) {
	for _, perSecond := range []float64{5, 7, 8.5} {
		r := newRoad(10, 20*time.Millisecond, 1)
		var ours, theirs tally
		l := NewLimit(10)
		r.drive(l, &ours)
		r.other(perSecond, &theirs, 0, time.Hour)
		r.run(epoch.Add(time.Hour))
		require.Less(t, l.Rate(), 9.0)
		r.run(epoch.Add(time.Hour + 13*time.Minute))
		require.GreaterOrEqual(t, l.Rate(), 9.7, "beside %v a second", perSecond)
	}
}
