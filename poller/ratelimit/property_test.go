package ratelimit

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// world is a cloud that refuses requests for several reasons at once.
type world struct {
	spaces   int
	shared   float64         // share of all requests that is refused, whatever the pace
	alone    map[int]float64 // the same of single spaces
	capacity float64         // requests a second that are left to us in each second
	counts   bool            // refused ones count against it, so beyond it hardly any is accepted
}

// randomWorld is a world for one seed.
func randomWorld(chance *rand.Rand) world {
	w := world{spaces: 2 + int(chance.ExpFloat64()*300), capacity: 10, alone: map[int]float64{}}
	if chance.IntN(2) == 0 {
		w.shared = 0.8 * chance.Float64()
	}
	if chance.IntN(2) == 0 {
		w.capacity, w.counts = 0.5+9.5*chance.Float64(), chance.IntN(2) == 0
	}
	for range chance.IntN(1 + w.spaces/5) {
		w.alone[chance.IntN(w.spaces)] = chance.Float64()
	}
	return w
}

// granted is what is granted of a full pace: the greatest pace at which a request
// more still is an answer more. Refusals that come whatever the pace leave it where it
// is, so it is the capacity, or the full pace where that is less.
func (w *world) granted(full float64) float64 { return min(w.capacity, full) }

// best is how many a second are accepted at a pace.
func (w *world) best(pace float64) float64 {
	accepted := 1.0
	for _, share := range w.alone {
		accepted -= share / float64(w.spaces)
	}
	return pace * (1 - w.shared) * accepted
}

// admits reports whether the cloud accepts a request of a space, with its tokens, of
// which there is one for each request that the capacity allows.
func (w *world) admits(space int, tokens *float64, chance *rand.Rand) bool {
	refused := *tokens < 1 && w.capacity < 10 || chance.Float64() < w.shared || chance.Float64() < w.alone[space]
	if !refused || w.counts {
		*tokens = max(*tokens-1, -w.capacity)
	}
	return !refused
}

// run drives a limit for so long. It returns the longest time in which the pace was
// always less than half of what is granted, and, from ten minutes on, how many
// requests were accepted of those that could have been.
func (w *world) run(chance *rand.Rand, span time.Duration) (slow time.Duration, used float64) {
	l := NewLimit(10)
	granted := w.granted(l.Rate())
	tokens, filled := w.capacity, epoch
	fast := epoch // when the pace was last half of what is granted
	var waiting []Answer
	for now := epoch; now.Before(epoch.Add(span)); {
		next := l.Next(now.Add(1)) // what was sent now went before the pace changes
		for len(waiting) > 0 && !waiting[0].At.After(next) {
			now = waiting[0].At
			l.Answered(waiting[0])
			waiting = waiting[1:]
			next = l.Next(now)
		}
		now = next
		l.Take(now)
		if l.Rate() >= granted/2 {
			fast = now
		}
		slow = max(slow, now.Sub(fast))
		tokens, filled = min(tokens+w.capacity*now.Sub(filled).Seconds(), max(w.capacity, 1)), now
		space := chance.IntN(w.spaces)
		accepted := w.admits(space, &tokens, chance)
		if accepted && now.Sub(epoch) > tenMinutes {
			used++
		}
		waiting = append(waiting, Answer{Space: fmt.Sprint(space), Sent: now, At: now.Add(60 * time.Millisecond), Throttled: !accepted})
	}
	return slow, used / (span - tenMinutes).Seconds() / w.best(granted)
}

// Whatever is refused, at random, to all spaces or to some, for too fast a pace or for
// both reasons, the pace is never below half of what is granted for more than ten
// minutes. That short tries do not hide a pace that is too slow, at least a quarter of
// what could be accepted is.
func TestLimitNeverStaysSlow(t *testing.T) {
	suite := uint64(40)
	if testing.Short() {
		suite = 8
	}
	worlds := cmp.Or(number(t, "NUMWATCH_SOAK_WORLDS"), suite)
	first := number(t, "NUMWATCH_TEST_SEED")
	for seed := first; seed < first+worlds; seed++ {
		w := randomWorld(rand.New(rand.NewPCG(seed, 4)))
		slow, used := w.run(rand.New(rand.NewPCG(seed, 3)), 2*time.Hour)
		assert.LessOrEqual(t, slow, tenMinutes, "seed %d: %+v", seed, w)
		assert.GreaterOrEqual(t, used, 0.25, "seed %d: %+v", seed, w)
	}
}

// Refusals that come whatever the pace are no reason to be slow.
func TestLimitGoesBackWhereSlownessDoesNotHelp(t *testing.T) {
	for _, share := range []float64{0.02, 0.1, 0.3, 0.5} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			w := world{spaces: 1000, shared: share, capacity: 10}
			slow, used := w.run(rand.New(rand.NewPCG(1, 3)), 2*time.Hour)
			require.LessOrEqual(t, slow, tenMinutes)
			require.GreaterOrEqual(t, used, 0.5)
		})
	}
}

// number is the value of a variable of the environment, 0 if it is not set.
func number(t *testing.T, variable string) uint64 {
	value := os.Getenv(variable)
	if value == "" {
		return 0
	}
	n, err := strconv.ParseUint(value, 10, 64)
	require.NoError(t, err, variable)
	return n
}
