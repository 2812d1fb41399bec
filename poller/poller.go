// Package poller polls the spaces of one account: as fast as the account's limit
// of requests allows, and where a change is likely and matters. Poller joins
// ratelimit (how fast), schedule (who is next) and cams (the cloud API), hands
// each result on, and waits until it is taken. It imports phone and its own
// subpackages; the bot makes one for each account.
package poller

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"numwatch/phone"
	"numwatch/poller/health"
	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
)

// Fetcher fetches a space's complete list; *cams.Client is one. Its errors should
// be of type *cams.Error; others are taken for transient.
type Fetcher interface {
	// Ready returns once a request can be sent without further waiting.
	Ready(ctx context.Context) error
	// Fetch sends a request on a turn that was just taken.
	Fetch(ctx context.Context, space phone.SpaceKey, turn ratelimit.Turn) (*phone.Snapshot, error)
}

// Options make a Poller. Account, Fetcher, Pace and Deliver are required.
type Options struct {
	Account string
	Fetcher Fetcher
	// Pace is shared with whatever else sends requests for the account.
	Pace *ratelimit.Pace
	// Deliver hands a result on and returns once what came of it is committed;
	// it is called for several spaces at once. Its error ends the run.
	Deliver func(ctx context.Context, r Result) (schedule.Outcome, error)
	// Behind reports whether more results than can be taken wait to be delivered: then no
	// poll is sent; nil: never.
	Behind func() bool
	// Health is what polls are reported to, and whose changes the receiver of the
	// results takes; nil: the poller's own.
	Health      *health.Account
	MaxAge      time.Duration // 0: 5 min
	MinInterval time.Duration // 0: 30 s
	Timeout     time.Duration // of one poll; 0: 10 s
	// Concurrency is how many polls may be in flight; 0: as many as the pace
	// needs if each takes the whole Timeout.
	Concurrency int
	HintShare   float64               // the share of the pace that hints may use; 0: DefaultHintShare
	HintSources []string              // where hints come from
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

	changed chan struct{} // something may be due sooner than the dispatcher knows

	mu       sync.Mutex
	inFlight int
	schedule *schedule.Schedule
	meter    meter
	hinted   map[string]HintedPolls // by source
	found    int                    // changes
}

// New makes a poller without spaces. It starts nothing.
func New(o Options) *Poller {
	o.MaxAge = or(o.MaxAge, 5*time.Minute)
	o.MinInterval = or(o.MinInterval, 30*time.Second)
	o.Timeout = or(o.Timeout, 10*time.Second)
	if o.Concurrency <= 0 {
		o.Concurrency = min(max(int(math.Ceil(o.Pace.Rate()*o.Timeout.Seconds())), 4), 256)
	}
	if o.Behind == nil {
		o.Behind = func() bool { return false }
	}
	if o.HintShare <= 0 {
		o.HintShare = DefaultHintShare
	}
	if o.Health == nil {
		o.Health = health.New(o.Account, nil)
	}
	p := &Poller{
		o:       o,
		log:     o.Log,
		changed: make(chan struct{}, 1),
		schedule: schedule.New(schedule.Options{
			MaxAge: o.MaxAge, MinInterval: o.MinInterval, Rate: o.Pace.Rate(), HintShare: o.HintShare, Seed: o.Seed,
		}),
		hinted: map[string]HintedPolls{},
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.log = p.log.With("account", o.Account)
	if err := p.restore(o.Checkpoint); err != nil {
		p.log.Warn("the saved schedule could not be read; starting with a new one", "err", err)
	}
	p.o.Checkpoint = nil // the schedule has it now
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
	ids := make([]string, len(spaces))
	for i, k := range spaces {
		ids[i] = k.ID
	}
	now := time.Now()
	p.o.Health.SetSpaces(ids, now)
	p.mu.Lock()
	p.schedule.SetSpaces(ids, now)
	p.mu.Unlock()
	p.wake()
}

// Checkpoint returns the state of the schedule, for Options.Checkpoint of a
// later run: when each space last answered, and how often it changes.
func (p *Poller) Checkpoint() ([]byte, error) {
	p.mu.Lock()
	c := p.schedule.Checkpoint()
	p.mu.Unlock()
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding the schedule of account %s: %w", p.o.Account, err)
	}
	return b, nil
}

func (p *Poller) restore(checkpoint []byte) error {
	if checkpoint == nil {
		return nil
	}
	var c schedule.Checkpoint
	if err := json.Unmarshal(checkpoint, &c); err != nil {
		return fmt.Errorf("decoding the schedule: %w", err)
	}
	return p.schedule.Restore(c)
}
