package schedule

import "time"

// totals sums up over all spaces, one answer at a time, what the status says of
// the delay until a change is seen.
type totals struct {
	rate  float64 // of changes, a day
	delay float64 // rate times half the last interval, in seconds
}

// contribution is what one space adds.
type contribution struct {
	rate, delay float64
	known       bool
}

func (t *totals) note(s *contribution, rate float64, interval time.Duration, started bool) {
	t.drop(s)
	if !started {
		return
	}
	*s = contribution{rate, rate * interval.Seconds() / 2, true}
	t.rate += s.rate
	t.delay += s.delay
}

func (t *totals) drop(s *contribution) {
	if s.known {
		t.rate -= s.rate
		t.delay -= s.delay
	}
	*s = contribution{}
}
