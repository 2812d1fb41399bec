// Package watch is the loop that joins the parts: it takes what comes in, one
// input after the other, compares, judges, and commits what came of it in one
// transaction before anybody is told. It alone decides the order of effects.
//
// One goroutine (Run) owns the rules, the open alerts and the conditions of
// spaces and sinks. Everybody else hands it an input and waits until the commit
// that holds its consequences is on disk. Inputs that wait together share a
// commit.
package watch

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"numwatch/alert"
	"numwatch/diff"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// Store is what the loop needs of the store.
type Store interface {
	SpaceState(k phone.SpaceKey) (*phone.SpaceState, error)
	Same(s *phone.Snapshot) (bool, error)
	SpacesOf(phoneNumber string) ([]phone.SpaceKey, error)
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

// Board shows alerts to people. Its methods do not block.
type Board interface {
	Update(alerts []alert.Alert)  // these have new revisions, or are new
	BaselineDone(account string)  // the first round of the account is over
	Notice(text string)           // something that could not be stored
	Channels(set []rules.Channel) // the channels of the rules now in force
}

// Options are the parts that the loop joins, and how it compares.
type Options struct {
	Store     Store
	Rules     *rules.Set
	Directory *Directory
	Board     Board
	Wake      func() // tells whoever follows the log that it has grown
	// Committed sees every commit once it is on disk, and must be quick; it may
	// be nil.
	Committed func(*store.Commit)
	Diff      diff.Options
	// BlindAfter is how long a space may go without a successful poll before
	// it counts as failing; 0 means never.
	BlindAfter func(account string) time.Duration
	History    time.Duration // events older than this leave the log; 0 keeps all
	Metrics    *Metrics
	Log        *slog.Logger
	Trace      func(point string) // "commit:before", "commit:after"; may be nil
	// Now is the time that the loop goes by; nil is the clock. A loop with a time
	// of its own makes no ticks: whoever sets the time calls Tick.
	Now func() time.Time
}

// Loop is the one writer of the store.
type Loop struct {
	o     Options
	polls chan *input   // what polls brought
	rest  chan *input   // everything else, which goes before: polls may wait in thousands
	ended chan struct{} // closed when Run has returned
	ready atomic.Pointer[error]

	// Owned by Run.
	rules    *rules.Set
	state    *rules.State
	health   *health
	silences map[string]alert.Silence     // by id
	seen     map[phone.SpaceKey]time.Time // the last successful poll
	rounds   map[string]round             // first rounds that are not over, by account
	partial  map[string]bool              // accounts that may have spaces which are not known yet
	begun    bool                         // every account has its spaces: see Started
	upkeep   *upkeep
	seq      uint64
	ticks    bool // by the clock
}

// input is something for the loop to do: take puts its consequences into the
// draft; done receives one value when they are committed.
type input struct {
	take func(*draft) error
	done chan error
}

const (
	// maxBatch bounds how many inputs share a commit.
	maxBatch = 256
	tick     = time.Second
)

// New reads the open alerts and conditions from the store and returns a loop
// that is ready to Run.
func New(o Options) (*Loop, error) {
	if o.Trace == nil {
		o.Trace = func(string) {}
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
		o:        o,
		polls:    make(chan *input),
		rest:     make(chan *input),
		ended:    make(chan struct{}),
		rules:    o.Rules,
		state:    rules.NewState(alerts),
		health:   newHealth(conditions),
		silences: make(map[string]alert.Silence),
		seen:     make(map[phone.SpaceKey]time.Time),
		rounds:   make(map[string]round),
		partial:  make(map[string]bool),
		seq:      o.Store.LastSeq(),
		ticks:    ticks,
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
		var batch []*input
		select {
		case <-ctx.Done():
			return nil
		case <-ticked:
			batch = append(batch, &input{take: l.upkeep.tick, done: make(chan error, 1)})
		case in := <-l.rest:
			batch = append(batch, in)
		case in := <-l.polls:
			batch = append(batch, in)
		}
		if err := l.turn(ctx, l.gather(batch)); err != nil {
			return err
		}
	}
}

// gather adds the inputs that are waiting already, polls last.
func (l *Loop) gather(batch []*input) []*input {
	return drain(l.polls, drain(l.rest, batch))
}

func drain(waiting <-chan *input, batch []*input) []*input {
	for len(batch) < maxBatch {
		select {
		case in := <-waiting:
			batch = append(batch, in)
		default:
			return batch
		}
	}
	return batch
}

// turn makes one commit of a batch and tells everybody who waits for it.
func (l *Loop) turn(ctx context.Context, batch []*input) error {
	d := l.draft(l.o.Now())
	var err error
	for _, in := range batch {
		if err = in.take(d); err != nil {
			break
		}
	}
	if err == nil {
		err = l.commit(ctx, d)
	}
	for _, in := range batch {
		in.done <- err
	}
	return err
}

// commit stores the draft, again and again until that succeeds, and then wakes
// the sinks. Meanwhile no input is taken, so that polling pauses.
func (l *Loop) commit(ctx context.Context, d *draft) error {
	if d.empty() {
		return nil
	}
	for attempt := 0; ; attempt++ {
		l.o.Trace("commit:before")
		start := time.Now()
		err := l.o.Store.Commit(&d.commit)
		l.o.Metrics.committed(time.Since(start), err)
		if err == nil {
			break
		}
		if err := l.stuck(ctx, attempt, err); err != nil {
			return err
		}
	}
	l.o.Trace("commit:after")
	l.ready.Store(nil)
	l.o.Committed(&d.commit)
	if len(d.commit.Alerts) > 0 {
		l.o.Board.Update(d.commit.Alerts)
	}
	if len(d.commit.Events) > 0 {
		l.o.Wake()
	}
	for _, text := range d.notices {
		l.o.Board.Notice(text)
	}
	for _, account := range d.roundsOver {
		l.o.Board.BaselineDone(account)
	}
	return nil
}

// stuck tells that a commit failed and waits for the next attempt. It returns
// an error when ctx ends first.
func (l *Loop) stuck(ctx context.Context, attempt int, cause error) error {
	err := fmt.Errorf("storing what was seen: %w; polling pauses until the store can be written (is the disk full?)", cause)
	l.ready.Store(&err)
	l.o.Log.Error("the store cannot be written; polling pauses", "err", cause, "attempt", attempt+1)
	if attempt == 0 {
		l.o.Board.Notice("numwatch cannot write its store and has paused polling: " + cause.Error())
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

// Tick tells a loop with a time of its own that time has passed, and returns
// once what came of it is committed.
func (l *Loop) Tick(ctx context.Context) error {
	return l.submit(ctx, l.rest, func(d *draft) error { return l.upkeep.tick(d) })
}

// Ready returns why the loop cannot commit now, or nil.
func (l *Loop) Ready() error {
	if err := l.ready.Load(); err != nil {
		return *err
	}
	return nil
}

// submit hands an input to the loop and waits for its commit.
func (l *Loop) submit(ctx context.Context, to chan<- *input, take func(*draft) error) error {
	in := &input{take: take, done: make(chan error, 1)}
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

var errEnded = fmt.Errorf("the loop has ended")
