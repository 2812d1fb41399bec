package ratelimit

import (
	"context"
	"sync"
	"time"
)

// Pace is an account's Limit on the wall clock, shared by all that sends
// requests for the account. It is safe for concurrent use.
type Pace struct {
	mu    sync.Mutex
	limit *Limit
}

// NewPace returns a pace of at most perSecond requests, which must be positive.
func NewPace(perSecond float64) *Pace { return &Pace{limit: NewLimit(perSecond)} }

// Wait returns when a request may be sent, which the caller then does, or when
// ctx ends.
func (p *Pace) Wait(ctx context.Context) error {
	for {
		now := time.Now()
		at := p.Take(now)
		if !at.After(now) {
			return ctx.Err()
		}
		if err := sleep(ctx, at.Sub(now)); err != nil {
			return err
		}
	}
}

// Take takes the turn if it is due at now, and returns when it is.
func (p *Pace) Take(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.limit.Next(now)
	if !at.After(now) {
		p.limit.Take(now)
	}
	return at
}

// Next returns when a request may be sent, as things stand.
func (p *Pace) Next(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit.Next(now)
}

// Throttled notes that a request sent at sent has been answered as beyond the
// limit.
func (p *Pace) Throttled(sent time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit.Throttled(time.Now(), sent, retryAfter)
}

// Rate is the present pace, in requests per second.
func (p *Pace) Rate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit.Rate()
}

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
