package fault_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	simfault "numwatch/internal/sim/fault"
)

func anyFault(string) bool { return true }

func TestBookKeepsBounds(t *testing.T) {
	b, now := simfault.NewBook[string](1), time.Unix(0, 0)
	b.Add("twice", simfault.Bounds{Count: 2}, now)
	b.Add("minute", simfault.Bounds{For: time.Minute}, now)
	remove := b.Add("ever", simfault.Bounds{}, now)
	take := func(at time.Duration) string {
		f, _ := b.Take(now.Add(at), anyFault)
		return f
	}
	require.Equal(t, []string{"twice", "twice", "minute", "minute", "ever"},
		[]string{take(0), take(0), take(0), take(time.Minute - 1), take(time.Minute)})
	remove()
	remove()
	_, ok := b.Take(now, anyFault)
	require.False(t, ok)
	b.Add("ever", simfault.Bounds{}, now)
	_, ok = b.Take(now, func(f string) bool { return f != "ever" })
	require.False(t, ok, "what does not match does not strike")
	b.Clear()
	require.Empty(t, take(0))
}

func TestBookRepeatsItsChance(t *testing.T) {
	course := func() (hits []bool) {
		b := simfault.NewBook[string](7)
		b.Add("maybe", simfault.Bounds{Probability: 0.3}, time.Unix(0, 0))
		for range 100 {
			_, ok := b.Take(time.Unix(0, 0), anyFault)
			hits = append(hits, ok)
		}
		return hits
	}
	require.Equal(t, course(), course())
	require.Contains(t, course(), true)
	require.Contains(t, course(), false)
}

func TestWindowSlides(t *testing.T) {
	w, begin := simfault.NewWindow(2, time.Second), time.Unix(0, 0)
	admit := func(ms int) (int, bool) {
		wait, ok := w.Admit(begin.Add(time.Duration(ms) * time.Millisecond))
		return int(wait.Milliseconds()), ok
	}
	for _, step := range []struct {
		at, wait int
		ok       bool
	}{{0, 0, true}, {600, 0, true}, {700, 300, false}, {999, 1, false}, {1000, 0, true}, {1001, 599, false}, {1600, 0, true}} {
		wait, ok := admit(step.at)
		require.Equal(t, step.ok, ok, step.at)
		require.Equal(t, step.wait, wait, step.at)
	}
	require.Equal(t, 2, w.Peak())
	w.Count(begin.Add(1700 * time.Millisecond)) // whatever the limit
	require.Equal(t, 3, w.Peak())
	_, ok := simfault.NewWindow(0, time.Second).Admit(begin)
	require.True(t, ok, "without a limit")
}

func TestSleepEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		simfault.Sleep(t.Context(), time.Second)
		require.Equal(t, time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		simfault.Sleep(ctx, time.Hour)
		simfault.Sleep(ctx, 0)
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}
