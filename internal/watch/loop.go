// Package watch is the loop that joins the packages: it takes one input after the other,
// compares, judges, and commits the outcome in one transaction before anybody acts on
// it. It is the only writer of the store. It imports phone, alert, diff, rules,
// store and the poller; the bot, the tests of rules and back-tests run it.
//
// One goroutine (Run) owns the rules, the open alerts, the silences, and the conditions
// of spaces and sinks. Everybody else hands it an input and waits until the commit
// with its consequences is on disk. Inputs that wait together share a commit.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/phone"
	"numwatch/poller/health"
	"numwatch/rules"
	"numwatch/store"
)

// Store is what the loop needs of the store.
type Store interface {
	SpaceState(k phone.SpaceKey) (*phone.SpaceState, error)
	Same(s *phone.Snapshot) (bool, error)
	SpacesOf(phoneNumber string) ([]phone.SpaceKey, error)
	GoneFrom(phoneNumber string) ([]phone.SpaceKey, error)
	Spaces(yield func(phone.SpaceKey) bool) error
	Alerts() ([]alert.Alert, error)
	Conditions() ([]phone.Condition, error)
	Silences() ([]alert.Silence, error)
	Checkpoint(name string) ([]byte, error)
	FirstSeq() uint64
	LastSeq() uint64
	ReadLog(from uint64, max int) ([]alert.Event, error)
	Commit(c *store.Commit) error
}

// Messenger shows alerts to people. Its methods do not block.
type Messenger interface {
	Update(alerts []alert.Alert)  // these have new revisions, or are new
	BaselineDone(account string)  // the first round of the account is over
	Notice(text string)           // a text that cannot be stored first
	Channels(set []rules.Channel) // the channels of the rules now in force
}

// Options are what the loop joins, and how it compares.
type Options struct {
	Store     Store
	Rules     *rules.Set
	Directory *Directory
	Messenger Messenger
	Wake      func() // tells whoever follows the log that it has grown
	// Hangs says what may be wrong where a commit takes long; "": the disk.
	Hangs string
	// Committed sees every commit once it is on disk, and must be quick; it may
	// be nil.
	Committed func(*store.Commit)
	Diff      diff.Options
	// Explain finds out why these alerts opened or got worse, and calls Explained. It
	// must not block; nil: nobody does.
	Explain func([]alert.Alert)
	// Health returns the health of an account, to which polls are reported before
	// they are delivered; nil where it has none.
	Health func(account string) *health.Account
	// LongestWait is how long a space may have to wait for its poll; 0 where that is
	// not known.
	LongestWait func(account string) time.Duration
	History     time.Duration // events older than this leave the log; 0 keeps all
	Metrics     *Metrics
	Log         *slog.Logger
	Trace       func(point string) // "commit:before", "commit:after"; may be nil
	// Now is the time that the loop goes by; nil is the clock. A loop with a time
	// of its own makes no ticks: whoever sets the time calls Tick.
	Now func() time.Time
}

// health returns the health of an account, nil where it has none.
func (o *Options) health(account string) *health.Account {
	if o.Health == nil {
		return nil
	}
	return o.Health(account)
}

// Loop is the one writer of the store.
type Loop struct {
	o           Options
	polls       chan *input   // results of polls
	undelivered atomic.Int32  // results whose consequences are not committed yet
	rest        chan *input   // everything else, which goes first: polls may wait in thousands
	ended       chan struct{} // closed when Run has returned
	// failed is why the last attempt to commit failed; nil after a commit.
	failed atomic.Pointer[error]
	// since is when the batch under way began; nil between batches.
	since atomic.Pointer[time.Time]

	// Owned by Run.
	rules      *rules.Set
	state      *rules.State
	conditions conditions
	silences   map[string]alert.Silence // by id
	rounds     map[string]firstRound    // first rounds that are not over, by account
	partial    map[string]bool          // accounts that may have spaces which are not known yet
	started    bool                     // every account has its spaces: see Started
	upkeep     *upkeep
	seq        uint64
	ticks      bool // by the clock
}

// input is one thing for the loop to process: apply adds its consequences to the
// batch; done receives one value when they are committed.
type input struct {
	apply func(*batch) error
	done  chan error
}

const (
	// maxBatch bounds how many inputs share a commit.
	maxBatch = 256
	// maxUndelivered is how many results may wait before no more are asked for.
	maxUndelivered = 4 * maxBatch
	tick           = time.Second
	// stallAfter is how long a batch may take before the bot counts as not ready. A
	// commit takes milliseconds: only a disk or file system that hangs takes this long.
	stallAfter = 10 * time.Second
)

// New reads the open alerts and conditions from the store and returns a loop
// that is ready to Run.
func New(o Options) (*Loop, error) {
	if o.Trace == nil {
		o.Trace = func(string) {}
	}
	if o.Hangs == "" {
		o.Hangs = "the store does not respond (does its disk or file system hang?)"
	}
	if o.Committed == nil {
		o.Committed = func(*store.Commit) {}
	}
	ticks := o.Now == nil
	if ticks {
		o.Now = time.Now
	}
	alerts, err := o.Store.Alerts()
	if err != nil {
		return nil, fmt.Errorf("reading the open alerts: %w", err)
	}
	conditions, err := o.Store.Conditions()
	if err != nil {
		return nil, fmt.Errorf("reading the conditions: %w", err)
	}
	silences, err := o.Store.Silences()
	if err != nil {
		return nil, fmt.Errorf("reading the silences: %w", err)
	}
	l := &Loop{
		o:          o,
		polls:      make(chan *input),
		rest:       make(chan *input),
		ended:      make(chan struct{}),
		rules:      o.Rules,
		state:      rules.NewState(alerts),
		conditions: newConditions(conditions),
		silences:   make(map[string]alert.Silence),
		rounds:     make(map[string]firstRound),
		partial:    make(map[string]bool),
		seq:        o.Store.LastSeq(),
		ticks:      ticks,
	}
	for _, s := range silences {
		l.silences[s.ID] = s
	}
	return l, nil
}

// Run takes inputs until ctx ends, which is no error: whoever hands in inputs
// must have stopped before. It returns an error when the store cannot be read.
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.ended)
	var ticked <-chan time.Time
	if l.ticks {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		ticked = ticker.C
	}
	l.upkeep = newUpkeep(l.o.Now())
	for {
		var inputs []*input
		select {
		case <-ctx.Done():
			return nil
		case <-ticked:
			inputs = append(inputs, &input{apply: l.upkeep.tick, done: make(chan error, 1)})
		case in := <-l.rest:
			inputs = append(inputs, in)
		case in := <-l.polls:
			inputs = append(inputs, in)
		}
		if err := l.process(ctx, l.addWaiting(inputs)); err != nil {
			return err
		}
	}
}

// addWaiting adds the inputs that are waiting already, polls last.
func (l *Loop) addWaiting(inputs []*input) []*input {
	return drain(l.polls, drain(l.rest, inputs))
}

func drain(waiting <-chan *input, inputs []*input) []*input {
	for len(inputs) < maxBatch {
		select {
		case in := <-waiting:
			inputs = append(inputs, in)
		default:
			return inputs
		}
	}
	return inputs
}

// process makes one commit of the inputs and answers everybody who waits for it.
func (l *Loop) process(ctx context.Context, inputs []*input) error {
	ended := l.watchForStall()
	t := l.newBatch(l.o.Now())
	var err error
	for _, in := range inputs {
		if err = in.apply(t); err != nil {
			break
		}
	}
	if err == nil {
		err = l.commit(ctx, t)
	}
	ended() // before the answers: whoever has one may ask whether the loop is ready
	for _, in := range inputs {
		in.done <- err
	}
	return err
}

// commit stores the batch, again and again until that succeeds, and then wakes the
// sinks. Meanwhile no input is taken, so that polling pauses.
func (l *Loop) commit(ctx context.Context, t *batch) error {
	if t.empty() {
		return nil
	}
	for attempt := 0; ; attempt++ {
		l.o.Trace("commit:before")
		start := time.Now()
		err := l.o.Store.Commit(&t.commit)
		l.o.Metrics.committed(time.Since(start), err)
		if err == nil {
			break
		}
		if store.Corrupt(err) || errors.Is(err, store.ErrFenced) {
			return err // it would stay so, and nothing would be polled
		}
		if err := l.waitToRetry(ctx, attempt, err); err != nil {
			return err
		}
	}
	l.o.Trace("commit:after")
	l.failed.Store(nil)
	l.o.Committed(&t.commit)
	if len(t.commit.Alerts) > 0 {
		l.o.Messenger.Update(t.commit.Alerts)
	}
	if len(t.unexplained) > 0 && l.o.Explain != nil {
		l.o.Explain(t.unexplained)
	}
	if len(t.commit.Events) > 0 {
		l.o.Wake()
	}
	for _, account := range t.roundsOver {
		l.o.Messenger.BaselineDone(account)
	}
	return nil
}

// waitToRetry reports that a commit failed and waits for the next attempt. It
// returns an error when ctx ends first.
func (l *Loop) waitToRetry(ctx context.Context, attempt int, cause error) error {
	err := fmt.Errorf("the store cannot be written: %w; polling is paused until it can (is the disk full?)", cause)
	l.failed.Store(&err)
	l.o.Log.Error("the store cannot be written; polling is paused", "err", cause, "attempt", attempt+1)
	if attempt == 0 {
		l.o.Messenger.Notice(alert.StoreFails + ": " + cause.Error())
	}
	wait := min(30*time.Second, 200*time.Millisecond<<min(attempt, 10))
	wait = wait/2 + rand.N(wait/2)
	select {
	case <-ctx.Done():
		return err
	case <-time.After(wait):
		return nil
	}
}

// watchForStall marks the beginning of a batch, and reports one that takes too long.
// The function that it returns marks the end.
func (l *Loop) watchForStall() (done func()) {
	now := time.Now()
	l.since.Store(&now)
	timer := time.AfterFunc(stallAfter, func() {
		if l.failed.Load() != nil {
			return // it has been reported that commits fail
		}
		l.o.Log.Error("the store does not respond; polling is paused", "err", l.o.Hangs, "after", stallAfter)
		l.o.Messenger.Notice(alert.NotWatching + ": " + l.o.Hangs)
	})
	return func() {
		l.since.Store(nil)
		if !timer.Stop() {
			l.o.Log.Info("the store responds again", "took", time.Since(now))
		}
	}
}

// Tick tells a loop with a time of its own that time has passed, and returns
// once the consequences are committed.
func (l *Loop) Tick(ctx context.Context) error {
	return l.submit(ctx, l.rest, func(t *batch) error { return l.upkeep.tick(t) })
}

// Ready returns why the loop cannot commit now, or nil.
func (l *Loop) Ready() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	if since := l.since.Load(); since != nil && time.Since(*since) >= stallAfter {
		return fmt.Errorf("%s; polling has been paused since %s", l.o.Hangs, since.UTC().Format(time.RFC3339))
	}
	return nil
}

// Behind reports whether so many results of polls wait for the loop that more would only
// take memory.
func (l *Loop) Behind() bool { return l.undelivered.Load() >= maxUndelivered }

// submit hands an input to the loop and waits for its commit.
func (l *Loop) submit(ctx context.Context, to chan<- *input, apply func(*batch) error) error {
	in := &input{apply: apply, done: make(chan error, 1)}
	select {
	case to <- in:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended:
		return errEnded
	}
	select {
	case err := <-in.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errEnded = errors.New("the loop has ended")
