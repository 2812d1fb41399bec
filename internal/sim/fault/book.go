// Package fault holds what the simulators share: a book of injected faults,
// each bounded by a count, a time or a probability, and windows that count
// events in any sliding span of time. It knows nothing of what is simulated.
package fault

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Bounds says when a fault strikes. The zero value strikes always.
type Bounds struct {
	Count       int           // so many times; 0: no end
	For         time.Duration // so long from the injection on; 0: no end
	Probability float64       // of striking a request that matches; 0: certain
}

// Book holds the faults in the order of their injection. It is safe for
// concurrent use.
type Book[F any] struct {
	mu     sync.Mutex
	chance *rand.Rand
	pages  []*page[F]
}

type page[F any] struct {
	fault  F
	bounds Bounds
	since  time.Time
	struck int
}

// NewBook returns an empty book; seed decides the course of chance.
func NewBook[F any](seed uint64) *Book[F] {
	return &Book[F]{chance: rand.New(rand.NewPCG(seed, 0xfa))}
}

// Add enters a fault as of now. The function returned takes it out; calling it
// again is harmless.
func (b *Book[F]) Add(fault F, bounds Bounds, now time.Time) (remove func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &page[F]{fault: fault, bounds: bounds, since: now}
	b.pages = append(b.pages, p)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pages = slices.DeleteFunc(b.pages, func(q *page[F]) bool { return q == p })
	}
}

// Clear takes every fault out.
func (b *Book[F]) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages = nil
}

// Take finds the oldest fault that matches and strikes now, and counts it. A
// fault past its bounds is forgotten.
func (b *Book[F]) Take(now time.Time, matches func(F) bool) (fault F, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages = slices.DeleteFunc(b.pages, func(p *page[F]) bool { return p.over(now) })
	for _, p := range b.pages {
		if matches(p.fault) && b.strikes(p.bounds.Probability) {
			p.struck++
			return p.fault, true
		}
	}
	return fault, false
}

func (p *page[F]) over(now time.Time) bool {
	spent := p.bounds.Count > 0 && p.struck >= p.bounds.Count
	return spent || p.bounds.For > 0 && now.Sub(p.since) >= p.bounds.For
}

func (b *Book[F]) strikes(probability float64) bool {
	return probability <= 0 || b.chance.Float64() < probability
}

// Sleep waits for d or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Drop ends the handler that calls it and closes the client's connection; what
// was not flushed is never sent.
func Drop() { panic(http.ErrAbortHandler) }
