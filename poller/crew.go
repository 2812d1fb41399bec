package poller

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// crew is the goroutines that poll; the poller's lock guards it. Each waits for
// the clock, takes a turn if there is one, polls, and waits again. The clock is
// one timer for all: when it fires, one who is idle wakes and polls himself, so
// that nothing is handed from goroutine to goroutine, which would cost about as
// much as a third of a poll.
type crew struct {
	clock *time.Timer // fires when a turn may be taken
	hire  func()      // starts one more; nil before Run
	all   int
	idle  int
}

func newCrew() crew {
	c := crew{clock: time.NewTimer(time.Hour)}
	c.clock.Stop()
	return c
}

// Run polls until ctx ends, which is no error, or until Deliver fails. When it
// returns no poll is in flight; those that ctx ended are not delivered. It is
// called once.
func (p *Poller) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	p.mu.Lock()
	p.crew.hire = func() {
		p.crew.all++
		p.crew.idle++
		group.Go(func() error { return p.work(ctx) })
	}
	p.crew.hire()
	p.wind(time.Now())
	p.mu.Unlock()
	defer p.crew.clock.Stop()
	return group.Wait()
}

func (p *Poller) work(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.crew.clock.C:
		}
		id, ok := p.take()
		if !ok {
			continue
		}
		if err := p.poll(ctx, id); err != nil {
			return err
		}
		if !p.release() {
			return nil
		}
	}
}

// take takes a turn if there is one, and sees to it that somebody waits for the
// next.
func (p *Poller) take() (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now() // not before: a request counts from when it is sent
	defer p.wind(now)
	at, ok := p.schedule.Due(now)
	if !ok || at.After(now) || p.refusal.until.After(now) || p.o.Pace.Take(now).After(now) {
		return "", false
	}
	p.schedule.SetRate(p.o.Pace.Rate())
	if id, ok = p.schedule.Next(now); !ok {
		return "", false
	}
	p.refusal.tried(now)
	p.meter.sent(now)
	if p.crew.idle--; p.crew.idle == 0 && p.crew.all < p.o.Concurrency {
		p.crew.hire()
	}
	return id, true
}

// mostIdle is how many wait for the clock at most: after a slow time the others
// are not needed.
const mostIdle = 4

// release makes who has polled idle again, and reports whether he stays.
func (p *Poller) release() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wind(time.Now())
	if p.crew.idle >= mostIdle {
		p.crew.all--
		return false
	}
	p.crew.idle++
	return true
}

// wind sets the clock to the next time at which a turn may be taken. Call it,
// with the lock held, after whatever may change that time. A clock that fires
// too early is wound again.
func (p *Poller) wind(now time.Time) {
	at, ok := p.schedule.Due(now)
	if !ok {
		p.crew.clock.Stop()
		return
	}
	p.crew.clock.Reset(slices.MaxFunc([]time.Time{at, p.refusal.until, p.o.Pace.Next(now)}, time.Time.Compare).Sub(now))
}
