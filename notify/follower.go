package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// CodeUnavailable is the code of a sink that is parked because its deliveries keep failing.
	CodeUnavailable = "unavailable"

	parkAfter   = 2 * time.Minute // of failures in a row; it goes on trying
	minBackoff  = time.Second
	maxBackoff  = time.Minute
	storeWithin = 5 * time.Second // at the stop
)

// NewOutcomes returns the counter of a kind of sinks, by channel and outcome.
func NewOutcomes(r prometheus.Registerer, name, help string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"channel", "outcome"})
	r.MustRegister(c)
	return c
}

// FollowerOptions configures a follower. Everything is needed but where it says so.
type FollowerOptions struct {
	Channel      string // in config.yaml
	Name         string // of the sink as a part of the bot, and of its checkpoint
	AllowPrivate bool   // it may connect to private addresses
	Log          Log
	Recorder     Recorder
	Saver        Saver
	Stored       []byte       // its checkpoint; nil: there is none, so it begins at the end of the log
	May          func() error // called before each request; its error prevents it. Nil: all may be sent
	Outcomes     *prometheus.CounterVec
	Logger       *slog.Logger
	Trace        func(point string) // nil: none; for tests
}

// Follower is what sinks have in common that follow the log and send requests. Its methods
// are safe for concurrent use, but Follow and Pause, which are for the sink's own loop.
type Follower struct {
	FollowerOptions
	Cursor *Cursor
	Client *http.Client

	state, dead *SinkState // dead: of what was given up since the start
	wake, again Signal
}

// NewFollower returns a follower at its checkpoint, which has counted nothing of the
// outcomes that there may be.
func NewFollower(o FollowerOptions, outcomes ...string) *Follower {
	if o.Trace == nil {
		o.Trace = func(string) {}
	}
	f := &Follower{
		FollowerOptions: o, Cursor: NewCursor(o.Name, o.Log, o.Saver, o.Stored), Client: NewClient(o.AllowPrivate, o.May),
		state: NewSinkState(o.Name, o.Recorder, o.Logger), dead: NewSinkState(o.Name+DeadSuffix, o.Recorder, o.Logger),
		wake: NewSignal(), again: NewSignal(),
	}
	for _, outcome := range outcomes {
		f.Count(outcome, 0)
	}
	return f
}

// Component is its name as a part of the bot.
func (f *Follower) Component() string { return f.Name }

// Wake says that the log has grown. It never blocks.
func (f *Follower) Wake() { f.wake.Send() }

// Retry tries again now, whatever there is to wait for. It never blocks.
func (f *Follower) Retry() { f.again.Send() }

// Status returns its state. Its lag is the events of the log that it is not done with.
func (f *Follower) Status() Status { return f.state.Status(f.Cursor.Lag()) }

// Follow takes steps until ctx ends, and then stores how far it got. A step says when the
// next one is due, unless the log grows before; 0: at once. Each is tried until it
// succeeds; after two minutes the sink is parked, with advice.
func (f *Follower) Follow(ctx context.Context, step func(context.Context) (time.Duration, error), advice string) error {
	defer f.Client.CloseIdleConnections()
	for failures := 0; ctx.Err() == nil; {
		wait, err := step(ctx)
		switch {
		case ctx.Err() != nil || err == nil && wait == 0:
		case err == nil:
			failures = 0
			f.Works(ctx)
			f.pause(ctx, wait, f.wake)
		default:
			f.Failed(ctx, err, advice)
			f.Pause(ctx, Backoff(failures, minBackoff, maxBackoff))
			failures++
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	return f.Cursor.Store(ctx)
}

// Works notes that deliveries succeed.
func (f *Follower) Works(ctx context.Context) {
	f.dead.Report(ctx)
	f.state.Works(ctx)
}

// Failed notes that a delivery failed. If there is advice, it parks the sink once that has
// gone on for two minutes.
func (f *Follower) Failed(ctx context.Context, err error, advice string) {
	if f.state.Failed(ctx, err) >= parkAfter && advice != "" {
		f.Park(ctx, CodeUnavailable, fmt.Sprintf("%s does not accept what is sent: %v. %s", f.Name, err, advice))
	}
}

// Park records that nothing can be delivered, why, and what to do.
func (f *Follower) Park(ctx context.Context, code, reason string) { f.state.Park(ctx, code, reason) }

// Refused notes that something is never delivered. The first of it is reported to the
// rules, until the next start.
func (f *Follower) Refused(ctx context.Context, reason string) {
	if _, reported := f.dead.Parked(); !reported {
		f.dead.Park(ctx, CodeDead, reason)
	}
}

// Count counts outcomes.
func (f *Follower) Count(outcome string, n uint64) {
	_, name, _ := strings.Cut(f.Name, ":")
	f.Outcomes.WithLabelValues(name, outcome).Add(float64(n))
}

// Pause waits for a time, or until ctx ends or somebody asks to try again now.
func (f *Follower) Pause(ctx context.Context, d time.Duration) { f.pause(ctx, d, nil) }

func (f *Follower) pause(ctx context.Context, d time.Duration, news Signal) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-f.again:
	case <-news:
	case <-t.C:
	}
}
