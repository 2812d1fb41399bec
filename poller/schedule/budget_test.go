package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fleet is a simulated account: spaces that change at random, each at a rate of
// its own.
type fleet struct {
	rates   []float64 // changes a day
	next    []float64 // time of the next change, in seconds
	last    []float64 // time of the last poll
	chance  *rand.Rand
	delay   float64 // of all changes until they were seen
	owed    float64 // what delay is on average, with polls at these times
	due     float64 // how many changes there are on average
	changes int
	oldest  float64 // the longest wait for a poll

	hints hints
}

// meanRate is what the rates of a fleet's spaces are on average, in changes a day.
const meanRate = 0.2

// newFleet makes spaces whose rates are drawn from a log-normal distribution.
func newFleet(spaces int, sigma float64, seed uint64) *fleet {
	f := &fleet{chance: rand.New(rand.NewPCG(seed, 2))}
	for range spaces {
		f.add(meanRate * math.Exp(sigma*f.chance.NormFloat64()-sigma*sigma/2))
	}
	return f
}

// newExactFleet makes spaces whose rates follow the distribution as closely as
// so many can: each has the mean rate of its share of it, from the calmest to
// the most restless. Seeds differ in when the changes come.
func newExactFleet(spaces int, sigma float64, seed uint64) *fleet {
	f := &fleet{chance: rand.New(rand.NewPCG(seed, 2))}
	// above is the part of all changes that the spaces from i on make.
	above := func(i int) float64 {
		z := math.Sqrt2 * math.Erfinv(2*float64(i)/float64(spaces)-1)
		return math.Erfc((z-sigma)/math.Sqrt2) / 2
	}
	for _, i := range f.chance.Perm(spaces) {
		f.add(meanRate * float64(spaces) * (above(i) - above(i+1)))
	}
	return f
}

func (f *fleet) add(rate float64) {
	f.rates = append(f.rates, rate)
	f.next = append(f.next, f.gap(rate))
	f.last = append(f.last, 0)
}

// advance lets a space's next change come, which may be hinted at.
func (f *fleet) advance(i int) {
	f.next[i] += f.gap(f.rates[i])
	f.hints.about(i, f.next[i])
}

func (f *fleet) gap(rate float64) float64 { return f.chance.ExpFloat64() / rate * 86400 }

// poll returns how many changes a poll at t finds.
func (f *fleet) poll(i int, t float64) (found int) {
	wait := t - f.last[i]
	f.oldest = max(f.oldest, wait)
	f.owed += f.rates[i] * wait * wait / 2
	if f.hints.targets > 0 && i >= f.hints.targets { // as it is to be expected: chance would hide what it costs
		f.hints.others += f.rates[i] * wait * wait / 2
		f.hints.ofOthers += f.rates[i] * wait
	}
	f.due += f.rates[i] * wait
	f.last[i] = t
	for ; f.next[i] <= t; found++ {
		f.delay += t - f.next[i]
		f.hints.found(i, t)
		f.advance(i)
	}
	f.changes += found
	return found
}

// simulate polls the fleet for 14 days, at so many seconds a round, and returns
// the mean delay of a change and the longest wait, both as parts of round
// robin's.
func (f *fleet) simulate(round float64) (delay, oldest float64) {
	f.simulateDays(14, round)
	return f.delay / float64(f.changes) / (round / 2), f.oldest / round
}

func (f *fleet) simulateDays(days, round float64) {
	rate := float64(len(f.rates)) / round
	s := New(Options{MaxAge: 5 * time.Minute, MinInterval: 30 * time.Second, Rate: rate, HintShare: 0.3})
	names := ids(len(f.rates))
	index := map[string]int{}
	for i, id := range names {
		index[id] = i
	}
	s.SetSpaces(names, epoch)
	for n := 0; ; n++ {
		t := float64(n) / rate
		if t > days*86400 {
			return
		}
		now := epoch.Add(time.Duration(t * float64(time.Second)))
		f.hints.arrive(t, 1/rate, func(i int, about string) { s.Hint(names[i], Hint{About: about}, now) })
		if id, ok := s.Next(now); ok {
			s.Done(id, Outcome{Changes: f.poll(index[id], t)}, now)
		}
	}
}

// optimum is the mean delay, as a part of round robin's, of the best intervals
// for rates that are known: none above two rounds.
func (f *fleet) optimum() float64 {
	used := func(c float64) (sum float64) {
		for _, r := range f.rates {
			sum += 1 / min(c/math.Sqrt(r), 2)
		}
		return sum / float64(len(f.rates))
	}
	low, high := 1e-9, 1e9
	for range 200 {
		if c := math.Sqrt(low * high); used(c) > 1 {
			low = c
		} else {
			high = c
		}
	}
	delay, sum := 0.0, 0.0
	for _, r := range f.rates {
		delay += r * min(high/math.Sqrt(r), 2)
		sum += r
	}
	return delay / sum
}

// shares are what 10,000 spaces must reach whose rates follow the distribution.
var shares = []struct{ sigma, goal float64 }{{0, 1.03}, {2, 0.50}, {2.5, 0.34}}

func TestBudgetGoesWhereChangesAre(t *testing.T) {
	for _, g := range shares {
		t.Run(fmt.Sprint("sigma ", g.sigma), func(t *testing.T) {
			t.Parallel()
			f := newExactFleet(2000, g.sigma, 1)
			delay, oldest := f.simulate(4000)
			t.Logf("%.3f of round robin (%.3f to be expected), best %.3f, oldest %.2f rounds, %d changes", delay, f.owed/f.due/2000, f.optimum(), oldest, f.changes)
			require.LessOrEqual(t, delay, g.goal)
			require.LessOrEqual(t, f.owed/f.due/2000, g.goal)
			require.LessOrEqual(t, oldest, 2.0)
		})
	}
}
