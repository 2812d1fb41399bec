package slack

import (
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// editBurst is how many edits may follow each other at once.
const editBurst = 5

// budget is what the workspace allows of edits, which channels share: whoever
// has waited longest is next, and goes to the end of the line. Callers serialise
// its use.
type budget struct {
	limit *rate.Limiter
	every time.Duration
	line  []*outlet
	from  time.Time // no edit before this
}

func newBudget(every time.Duration) *budget {
	return &budget{limit: rate.NewLimiter(rate.Every(every), editBurst), every: every}
}

// turn is when a channel may edit, if those ahead of it all do. One that does
// not holds up the others only as long as the burst lasts.
func (b *budget) turn(o *outlet, now time.Time) time.Time {
	ahead := slices.Index(b.line, o)
	if ahead < 0 {
		ahead = len(b.line)
	}
	short := float64(min(ahead, editBurst-1)+1) - b.limit.TokensAt(now)
	if short <= 0 {
		return b.from
	}
	return later(b.from, now.Add(time.Duration(short*float64(b.every))+time.Millisecond))
}

// spend takes an edit out of the budget at once, lest others count on it too.
func (b *budget) spend(o *outlet, now time.Time) {
	b.limit.AllowN(now, 1)
	b.leave(o)
}

// queue has a channel wait in line, if it does not yet.
func (b *budget) queue(o *outlet) {
	if !slices.Contains(b.line, o) {
		b.line = append(b.line, o)
	}
}

func (b *budget) leave(o *outlet) {
	b.line = slices.DeleteFunc(b.line, func(other *outlet) bool { return other == o })
}
