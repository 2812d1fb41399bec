package schedule

import (
	"fmt"
	"math"
	"time"

	"numwatch/phone"
)

// Plan is what a schedule can promise at present.
type Plan struct {
	Spaces      int
	PerSecond   float64       // requests that may be used
	Round       time.Duration // to poll every space once
	MaxAge      time.Duration // as configured
	MinInterval time.Duration
	Feasible    bool          // MaxAge can be held
	Expected    time.Duration // until a change is seen, on average over the changes
	Worst       time.Duration // until a change is seen
}

// Plan returns what can be promised to so many spaces, before anything is known
// of them.
func (o Options) Plan(spaces int) Plan {
	round := time.Duration(o.round(spaces))
	p := Plan{
		Spaces: spaces, PerSecond: o.Rate, Round: round, MaxAge: o.MaxAge, MinInterval: o.MinInterval,
		Feasible: o.feasible(spaces), Worst: o.bound(spaces), Expected: max(round, o.MinInterval) / 2,
	}
	if p.Feasible {
		p.Worst = o.MaxAge
	}
	if round <= o.MinInterval { // every space has its turn as soon as it may
		p.Worst = o.MinInterval
	}
	return p
}

// Plan returns what can be promised at present.
func (s *Schedule) Plan() Plan {
	p := s.o.Plan(len(s.spaces))
	rate, delay := 0.0, 0.0
	for _, e := range s.spaces {
		rate += e.rate
		delay += e.rate * float64(e.waited) / 2
	}
	if rate > 0 {
		p.Expected = time.Duration(delay / rate)
	}
	return p
}

const (
	early  = 0.93 // of MaxAge: leaves time for latency and for those that come together
	spare  = 0.98 // of MaxAge: a round that takes longer cannot be held to it
	rounds = 1.98 // where MaxAge cannot be held, no space waits longer than two
)

// bound is the age at which a space goes before all others.
func (o Options) bound(spaces int) time.Duration {
	round := o.round(spaces)
	if o.feasible(spaces) {
		return time.Duration(max(early*float64(o.MaxAge), round))
	}
	return time.Duration(rounds * round)
}

// feasible reports whether the rate allows every space within MaxAge.
func (o Options) feasible(spaces int) bool {
	return o.round(spaces) <= spare*float64(o.MaxAge)
}

// round is how long it takes to poll every space once, in nanoseconds.
func (o Options) round(spaces int) float64 {
	return float64(spaces) / o.Rate * float64(time.Second)
}

// String tells the plan in a sentence.
func (p Plan) String() string {
	can := "is met"
	if !p.Feasible {
		can = "cannot be met"
	}
	return fmt.Sprintf("%s at %.3g/s need %s s a round; max_age %s %s; worst case %s, expected %s",
		phone.Count(p.Spaces, "space"), p.PerSecond, phone.Grouped(int(math.Ceil(p.Round.Seconds()))),
		phone.Duration(p.MaxAge), can, phone.Span(p.Worst), phone.Span(p.Expected))
}
