package poller

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"numwatch/phone"
)

// Fetcher brings a space's complete list; *Client is one. Its errors should be
// of type *Error; others are taken for transient.
type Fetcher interface {
	Fetch(ctx context.Context, space phone.SpaceKey) (*phone.Snapshot, error)
}

// Options make a Poller. Account, Fetcher, Pace and Deliver are required.
type Options struct {
	Account string
	Fetcher Fetcher
	// Pace is shared with whatever else sends requests for the account.
	Pace *Pace
	// Deliver hands a result on and returns once what came of it is committed;
	// it is called for several spaces at once. Its error ends the run.
	Deliver     func(ctx context.Context, r Result) (Outcome, error)
	MaxAge      time.Duration // 0: 5 min
	MinInterval time.Duration // 0: 30 s
	Timeout     time.Duration // of one poll; 0: 10 s
	// Concurrency is how many polls may be in flight; 0: as many as the pace
	// needs if each takes the whole Timeout.
	Concurrency int
	Checkpoint  []byte                // of an earlier run; nil: none
	Seed        uint64                // of the jitter
	Log         *slog.Logger          // nil: silent
	Metrics     prometheus.Registerer // nil: none
}

// Poller polls the spaces of one account. It is safe for concurrent use.
type Poller struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	slots   chan struct{} // one element per poll in flight
	wake    chan struct{} // something may be due that was not

	mu       sync.Mutex
	schedule *Schedule
	meter    meter
	refusal  refusal
	failing  map[string]Failure
}

// New makes a poller without spaces. It starts nothing.
func New(o Options) *Poller {
	o.MaxAge = or(o.MaxAge, 5*time.Minute)
	o.MinInterval = or(o.MinInterval, 30*time.Second)
	o.Timeout = or(o.Timeout, 10*time.Second)
	if o.Concurrency <= 0 {
		o.Concurrency = min(max(int(math.Ceil(o.Pace.Rate()*o.Timeout.Seconds())), 4), 256)
	}
	p := &Poller{
		o:     o,
		log:   o.Log,
		slots: make(chan struct{}, o.Concurrency),
		wake:  make(chan struct{}, 1),
		schedule: NewSchedule(ScheduleOptions{
			MaxAge: o.MaxAge, MinInterval: o.MinInterval, Rate: o.Pace.Rate(), Seed: o.Seed,
		}),
		failing: map[string]Failure{},
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.log = p.log.With("account", o.Account)
	if o.Checkpoint != nil {
		if err := p.schedule.Restore(o.Checkpoint, time.Now()); err != nil {
			p.log.Warn("schedule starts anew", "err", err)
		}
	}
	p.metrics = newMetrics(p)
	return p
}

func or(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// SetSpaces replaces the set of spaces, before or during a run. Those that stay
// keep their place.
func (p *Poller) SetSpaces(spaces []phone.SpaceKey) {
	ids := make([]string, 0, len(spaces))
	keep := make(map[string]bool, len(spaces))
	for _, k := range spaces {
		ids = append(ids, k.ID)
		keep[k.ID] = true
	}
	p.mu.Lock()
	p.schedule.SetSpaces(ids, time.Now())
	for id := range p.failing {
		if !keep[id] {
			delete(p.failing, id)
		}
	}
	p.mu.Unlock()
	p.rouse()
}

// Checkpoint returns the state of the schedule, for Options.Checkpoint of a
// later run.
func (p *Poller) Checkpoint() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schedule.Checkpoint(time.Now())
}

// Run polls until ctx ends, which is no error, or until Deliver fails. When it
// returns no poll is in flight; those that ctx ended are not delivered. It is
// called once.
func (p *Poller) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	turns := make(chan string)
	group.Go(func() error {
		for {
			id, ok := p.turn(ctx)
			if !ok {
				return nil
			}
			select {
			case turns <- id:
			default:
				group.Go(func() error { return p.work(ctx, id, turns) })
			}
		}
	})
	return group.Wait()
}

// work polls a space, then others as their turns come. Whoever works is kept
// for that: a new goroutine would have to grow its stack for every poll.
func (p *Poller) work(ctx context.Context, id string, turns <-chan string) error {
	for {
		err := p.poll(ctx, id)
		<-p.slots
		p.rouse()
		if err != nil {
			return err
		}
		select {
		case id = <-turns:
		case <-ctx.Done():
			return nil
		}
	}
}

// turn waits until a poll may be sent and returns its space. It reports false
// when ctx has ended; else it has taken a slot.
func (p *Poller) turn(ctx context.Context) (id string, ok bool) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return "", false
	}
	for ctx.Err() == nil {
		if !p.waitDue(ctx) || p.o.Pace.Wait(ctx) != nil {
			continue
		}
		if id, ok := p.pick(time.Now()); ok {
			return id, true
		}
	}
	<-p.slots
	return "", false
}

// waitDue returns true when a space may be polled as far as the schedule goes,
// false when things may have changed meanwhile.
func (p *Poller) waitDue(ctx context.Context) bool {
	now := time.Now()
	p.mu.Lock()
	at, ok := p.schedule.Due(now)
	at = latest(at, p.refusal.until)
	p.mu.Unlock()
	if ok && !at.After(now) {
		return true
	}
	var due <-chan time.Time
	if ok {
		t := time.NewTimer(at.Sub(now))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-p.wake:
	case <-due:
	}
	return false
}

func (p *Poller) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Poller) pick(now time.Time) (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refusal.until.After(now) {
		return "", false
	}
	p.schedule.SetRate(p.o.Pace.Rate())
	if id, ok = p.schedule.Next(now); ok {
		p.refusal.tried(now)
		p.meter.sent(now)
	}
	return id, ok
}

// poll fetches a space, hands the result on and tells the schedule.
func (p *Poller) poll(ctx context.Context, id string) error {
	r := p.fetch(ctx, phone.SpaceKey{Account: p.o.Account, ID: id})
	if ctx.Err() != nil {
		return nil
	}
	p.note(r)
	outcome, err := p.o.Deliver(ctx, r)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Err != nil {
		p.schedule.Failed(id, r.Err.Class, r.At)
		return nil
	}
	if waited, ok := p.schedule.Done(id, outcome, r.At); ok && outcome.Changes > 0 {
		p.metrics.detected(waited)
	}
	return nil
}

func (p *Poller) fetch(ctx context.Context, space phone.SpaceKey) Result {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	r := Result{Space: space, Started: time.Now()}
	snapshot, err := p.o.Fetcher.Fetch(ctx, space)
	r.At = time.Now()
	if err == nil {
		r.Snapshot = snapshot
		return r
	}
	if e, ok := errors.AsType[*Error](err); ok {
		r.Err = e
		return r
	}
	r.Err = &Error{Class: Transient, Account: space.Account, Space: space.ID, Message: clean(scrub(err.Error()), maxMessage), Err: err}
	return r
}

// note keeps what a result says about the account and the space.
func (p *Poller) note(r Result) {
	p.metrics.polled(r)
	if r.Err != nil {
		p.log.Debug("a poll brought nothing", "space", r.Space.ID, "err", r.Err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Err == nil {
		p.refusal.lifted()
		delete(p.failing, r.Space.ID)
		return
	}
	switch r.Err.Class {
	case Throttled:
		p.meter.throttled(r.At)
		p.o.Pace.Throttled(r.Started, r.Err.RetryAfter)
		return
	case DeniedAccount:
		p.refusal.refused(r)
		return
	case DeniedSpace, Doubtful:
		p.refusal.lifted() // the account was let in
	}
	f := p.failing[r.Space.ID]
	if f.Failures++; f.Failures == 1 {
		f.Space, f.Since = r.Space, r.At
	}
	f.Err = r.Err
	p.failing[r.Space.ID] = f
}
