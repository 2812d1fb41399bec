package poller

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
)

// Run polls until ctx ends, which is no error, or until Deliver fails. When it
// returns no poll is in flight; those that ctx ended are not delivered. It is
// called once.
func (p *Poller) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		p.dispatch(ctx, group)
		return nil
	})
	return group.Wait()
}

// dispatch starts polls until ctx ends. It takes a turn only once everything else
// is at hand, and picks the space last of all: so requests go out as they take
// their turns, whatever is slow, and each pick is the best at that time.
func (p *Poller) dispatch(ctx context.Context, polls *errgroup.Group) {
	for p.waitUntilDue(ctx) == nil {
		notReady := p.o.Fetcher.Ready(ctx) // a failure takes a turn too, else all spaces would fail at once
		turn, err := p.o.Pace.Wait(ctx)
		if err != nil {
			return
		}
		if id, previous, ok := p.pick(); ok {
			polls.Go(func() error { return p.poll(ctx, id, previous, turn, notReady) })
		}
	}
}

// waitUntilDue returns when a space may be polled and there is room in flight, or
// an error when ctx ends.
func (p *Poller) waitUntilDue(ctx context.Context) error {
	for {
		var timer <-chan time.Time
		if wait, ok := p.untilDue(); ok {
			if wait <= 0 {
				return ctx.Err()
			}
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.changed:
		case <-timer:
		}
	}
}

// recheck is how soon the dispatcher looks again whether results are taken: so soon that
// there are always some to take.
const recheck = 20 * time.Millisecond

// untilDue returns how long it is until a space may be polled; it reports false
// if only a change can make one due.
func (p *Poller) untilDue() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	at, ok := p.schedule.Due(now)
	if !ok || p.inFlight >= p.o.Concurrency {
		return 0, false
	}
	if probe := p.o.Health.ProbeAt(); probe.After(at) {
		at = probe
	}
	if !at.After(now) && p.o.Behind() {
		return recheck, true
	}
	return at.Sub(now), true
}

// pick takes the space to poll now, if there still is one that may be.
func (p *Poller) pick() (id string, previous time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.o.Health.ProbeAt().After(now) {
		return "", time.Time{}, false
	}
	p.schedule.SetRate(p.o.Pace.Rate())
	if id, ok = p.schedule.Next(now); !ok {
		return "", time.Time{}, false
	}
	p.o.Health.Sending(now)
	p.meter.sent(now)
	p.inFlight++
	return id, p.schedule.Answered(id), true
}

// poll fetches a space, hands the result on and tells the schedule.
func (p *Poller) poll(ctx context.Context, id string, previous time.Time, turn ratelimit.Turn, notReady error) error {
	defer p.landed()
	r := Result{Space: phone.SpaceKey{Account: p.o.Account, ID: id}, Started: time.Now(), Previous: previous}
	if err := p.fetch(ctx, &r, turn, notReady); err != nil {
		r.Err = cams.AsError(r.Space, err)
	}
	if r.At = time.Now(); r.Err == nil {
		r.At = r.Snapshot.At
	}
	if ctx.Err() != nil {
		return nil
	}
	p.observe(r)
	outcome, err := p.o.Deliver(ctx, r)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	alone, denied := p.o.Health.DeniedAlone(id)
	switch {
	case r.Err == nil:
		p.answered(id, outcome, r.At)
	case r.Err.Class == cams.DeniedAccount && alone: // so that others are asked before it is asked again
		p.schedule.Failed(id, denied, 0, r.At)
	case r.Err.Class == cams.Throttled && r.Err.Shared || r.Err.Class == cams.DeniedAccount || r.Err.Class == cams.NoCredentials:
		p.schedule.Postponed(id, r.At)
	default:
		p.schedule.Failed(id, r.Err.Class == cams.DeniedSpace, r.Err.RetryAfter, r.At)
	}
	return nil
}

func (p *Poller) fetch(ctx context.Context, r *Result, turn ratelimit.Turn, notReady error) (err error) {
	if notReady != nil {
		return notReady
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	r.Snapshot, err = p.o.Fetcher.Fetch(ctx, r.Space, turn)
	return err
}

// landed makes room for another poll.
func (p *Poller) landed() {
	p.mu.Lock()
	p.inFlight--
	p.mu.Unlock()
	p.wake()
}

// wake has the dispatcher look again at what is due.
func (p *Poller) wake() {
	select {
	case p.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// observe takes a result into account before it is handed on, so that no poll is
// sent to an account that has just denied one.
func (p *Poller) observe(r Result) {
	Observe(p.o.Health, r)
	p.metrics.polled(r)
	if r.Err == nil {
		return
	}
	p.log.Debug("poll failed", "space", r.Space.ID, "err", r.Err)
	if r.Err.Class == cams.Throttled {
		p.mu.Lock()
		p.meter.throttled(r.At)
		p.mu.Unlock()
	}
}
