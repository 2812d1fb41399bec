package ratelimit

import (
	"context"
	"sync"
	"time"
)

// Pace is an account's Limit on the clock, shared by whatever sends requests for
// the account. It is safe for concurrent use.
type Pace struct {
	mu    sync.Mutex
	limit *Limit
	first chan struct{} // holds one token, for whoever is next to take a turn
}

// NewPace returns a pace of at most perSecond requests, which must be positive.
func NewPace(perSecond float64) *Pace {
	p := &Pace{limit: NewLimit(perSecond), first: make(chan struct{}, 1)}
	p.first <- struct{}{}
	return p
}

// Hold takes the last second as used, as after a start: an earlier process may
// have sent requests until just now.
func (p *Pace) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit.Hold(time.Now())
}

// Turn is the right to send one request soon. The zero Turn is none.
type Turn struct{ taken time.Time }

// Wait takes a turn, in the order in which it is called, or returns an error when
// ctx ends.
func (p *Pace) Wait(ctx context.Context) (Turn, error) {
	select {
	case <-ctx.Done():
		return Turn{}, ctx.Err()
	case <-p.first:
	}
	defer func() { p.first <- struct{}{} }()
	for {
		now := time.Now()
		at := p.take(now)
		if !at.After(now) {
			return Turn{now}, ctx.Err()
		}
		if err := sleep(ctx, at.Sub(now)); err != nil {
			return Turn{}, err
		}
	}
}

// Use returns when the request of a turn may go out: at once if the turn is still good,
// and else on a new one, which it returns. So requests that were held up on their way,
// by a slow connection, do not go out together, nor when the cloud asked for a pause.
func (p *Pace) Use(ctx context.Context, t Turn) (Turn, error) {
	if p.good(t) {
		return t, nil
	}
	return p.Wait(ctx)
}

func (p *Pace) good(t Turn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit.Good(t.taken, time.Now())
}

// Sent notes that the request of a turn has been written by now, which may be later than
// it should: its connection was slow, or the process had to wait for a processor.
func (p *Pace) Sent(t Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit.Sent(t.taken, time.Now())
}

// take takes the turn if it is due at now, and returns when it is.
func (p *Pace) take(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.limit.Next(now)
	if !at.After(now) {
		p.limit.Take(now)
	}
	return at
}

// Answered notes an answer. For a throttled one it reports whether it is shared:
// whether it comes of the account's limit rather than of one of the space alone.
// The time At is that of the call.
func (p *Pace) Answered(a Answer) (shared bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.At = time.Now()
	return p.limit.Answered(a)
}

// Rate is the present pace, in requests per second.
func (p *Pace) Rate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit.Rate()
}

// Full is the greatest pace, in requests per second.
func (p *Pace) Full() float64 { return p.limit.levels[0].perSecond() }

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
