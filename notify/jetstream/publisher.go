package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"numwatch/alert"
	"numwatch/internal/reconnect"
	"numwatch/notify"
)

const (
	component   = "nats"
	codeBehind  = "behind"
	parkAfter   = 2 * time.Minute // a server that is updated is away for less
	backoffMin  = 200 * time.Millisecond
	backoffMax  = 15 * time.Second
	behindAfter = 5 * time.Minute
	mayEvery    = 50 * time.Millisecond // how often it is asked again whether events may be published
)

// Options configures the cursor over the log.
type Options struct {
	Log      notify.Log
	Recorder notify.Recorder
	Renderer *Renderer
	Cursor   alert.Cursor // as stored, zero if none is
	Login    Login
	Stream   StreamOptions
	// PublishChanges false passes over change events: only alerts and the bot's
	// own notices are published.
	PublishChanges bool
	OtherEpoch     func(epoch string) // called when the stream ends with an event of another store; may be nil
	Ready          func() error       // why the bot sends no heartbeat; nil: it always does
	May            func() error       // called before each event; its error prevents it. Nil: all may be sent
	// Hint takes a message on numwatch.hint.ACCOUNT and returns the answer; nil: none
	// are taken.
	Hint func(account string, body []byte) (answer []byte)

	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Trace      func(point string)    // nil: none; for tests
}

// Publisher publishes the log to a JetStream stream, every event once and in
// order per subject. An event that can never be published (too large for the
// server) is logged, counted and passed over. Its methods are safe for
// concurrent use.
type Publisher struct {
	o       Options
	log     *slog.Logger
	events  *prometheus.CounterVec
	beat    time.Duration
	patient time.Duration // how long it may fail before it counts as parked
	slow    time.Duration // how old what it publishes may be before it counts as behind
	// ackWithin is how long the server has to acknowledge.
	ackWithin time.Duration
	lookAfter time.Duration // how long without an acknowledgement until the stream's end is looked at

	wake      notify.Signal // something was appended to the log
	connected notify.Signal // look again at once
	lost      notify.Signal // the connection broke
	closed    chan struct{}

	state       *notify.SinkState
	deadLetters *notify.SinkState // of events that were passed over since the start

	// Of the publishing goroutine alone.
	cursor   alert.Cursor // as last known
	stored   alert.Cursor
	storedAt time.Time
	failing  time.Time           // since when; zero while it works
	server   *reconnect.Patience // while it fails
	resumed  time.Time           // when it last began to publish
	behind   bool                // it works, and publishes more slowly than events come

	acked atomic.Uint64 // every event up to here is acknowledged

	mu        sync.Mutex
	conn      *nats.Conn
	lastError string
	warnings  []string // of the stream
}

// Status is a view for pages.
type Status struct {
	Connected bool
	Parked    bool
	Cursor    uint64 // every event up to here is acknowledged
	Lag       uint64 // events of the log behind it
	LastError string // "" once it works again
	Warnings  []string
}

// New returns a cursor that does nothing until Run.
func New(o Options) *Publisher {
	p := &Publisher{
		o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), beat: notify.BeatEvery, patient: parkAfter, slow: behindAfter, ackWithin: ackTimeout, lookAfter: lookAfter,
		wake: notify.NewSignal(), connected: notify.NewSignal(), lost: notify.NewSignal(), closed: make(chan struct{}),
		cursor: o.Cursor, stored: o.Cursor,
	}
	if p.o.Trace == nil {
		p.o.Trace = func(string) {}
	}
	if p.o.OtherEpoch == nil {
		p.o.OtherEpoch = func(string) {}
	}
	if p.o.May == nil {
		p.o.May = func() error { return nil }
	}
	if p.o.Ready == nil {
		p.o.Ready = func() error { return nil }
	}
	p.acked.Store(o.Cursor.Seq)
	p.state = notify.NewSinkState(component, o.Recorder, p.log)
	p.deadLetters = notify.NewSinkState(component+notify.DeadSuffix, o.Recorder, p.log)
	p.register(o.Registerer)
	return p
}

// register makes the metrics. Outcomes of events: ok, held (the stream had it),
// failed (an attempt), dead (passed over for good), trimmed (left the log
// unpublished), lost (the stream had it and lost it; published again).
func (p *Publisher) register(r prometheus.Registerer) {
	f := promauto.With(r)
	p.events = f.NewCounterVec(prometheus.CounterOpts{
		Name: "numwatch_nats_events_total", Help: "Events published to NATS, by outcome.",
	}, []string{"outcome"})
	// A counter that begins at its first event has not increased, for Prometheus.
	for _, outcome := range []string{"ok", "held", "failed", "dead", "trimmed", "lost"} {
		p.events.WithLabelValues(outcome)
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "numwatch_nats_lag_events", Help: "Events in the log that NATS has not acknowledged.",
	}, func() float64 { return float64(p.lag()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "numwatch_nats_parked", Help: "1 while events cannot be delivered to NATS.",
	}, func() float64 {
		if _, parked := p.state.Parked(); parked {
			return 1
		}
		return 0
	})
}

// Wake says that the log has grown. It never blocks.
func (p *Publisher) Wake() { p.wake.Send() }

// Status returns the state of publishing.
func (p *Publisher) Status() Status {
	reason, parked := p.state.Parked()
	p.mu.Lock()
	defer p.mu.Unlock()
	return Status{
		Connected: p.conn != nil && p.conn.IsConnected(), Parked: parked,
		Cursor: p.acked.Load(), Lag: p.lag(), LastError: cmp.Or(p.lastError, reason), Warnings: p.warnings,
	}
}

func (p *Publisher) lag() uint64 {
	end := p.o.Log.LastSeq()
	return end - min(end, p.acked.Load())
}

// Run publishes until ctx ends, through outages of any length. It then waits a
// bounded time for what is in flight, reports the cursor and closes the
// connection. It is called once.
func (p *Publisher) Run(ctx context.Context) error {
	nc, err := p.connectWhenPossible(ctx)
	if err != nil {
		return nil // ctx ended before anything was begun
	}
	if err := p.takeHints(nc); err != nil {
		p.log.Warn("hints are not taken from nats", "err", err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.heartbeat(gctx, nc) })
	g.Go(func() error { return p.publish(gctx, nc) })
	return errors.Join(g.Wait(), p.disconnect(nc))
}

// connectWhenPossible tries until the files that the connection needs are there.
// The server in this process may still be reading what it has.
func (p *Publisher) connectWhenPossible(ctx context.Context) (*nats.Conn, error) {
	if s := p.o.Login.Server; s != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.Up():
		}
	}
	for failures := 0; ctx.Err() == nil; failures++ {
		nc, err := p.connect()
		if err == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.conn = nc
			return nc, nil
		}
		p.failed(ctx, err, failures)
	}
	return nil, ctx.Err()
}

func (p *Publisher) publish(ctx context.Context, nc *nats.Conn) error {
	for failures := 0; ctx.Err() == nil; failures++ {
		if p.o.May() != nil { // that is no failure of NATS
			select {
			case <-ctx.Done():
			case <-time.After(mayEvery):
			}
			continue
		}
		before := p.cursor.Seq
		err := p.session(ctx, nc)
		if ctx.Err() != nil {
			break
		}
		if p.o.May() != nil || errors.Is(err, errWentBack) {
			continue // locate says what it means
		}
		if p.cursor.Seq > before {
			failures = 0
		}
		p.leave(nc)
		p.failed(ctx, err, failures)
	}
	return p.storeLast(ctx)
}

// leave tries another server where this one, though it is connected, has stored nothing for a while, whatever it answers.
func (p *Publisher) leave(nc *nats.Conn) {
	switch {
	case p.failing.IsZero() || p.server == nil:
		p.server = reconnect.New(nc)
	case p.o.Login.Server == nil && nc.IsConnected():
		p.server.Undecided(p.failing)
	}
}

// session goes from a look at the stream to the next failure.
func (p *Publisher) session(ctx context.Context, nc *nats.Conn) error {
	if !nc.IsConnected() {
		return unreached(&p.o.Login, cmp.Or(nc.LastError(), nats.ErrNoServers))
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*window),
		jetstream.WithPublishAsyncTimeout(p.ackWithin), jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		return fmt.Errorf("using jetstream: %w", err)
	}
	defer js.CleanupPublisher()
	stream, err := p.o.Stream.open(ctx, js)
	if err != nil {
		return err
	}
	p.warn(stream.CachedInfo().Config)
	read, err := newReader(nc, p.o.Stream.Name)
	if err != nil {
		return err
	}
	at, err := p.locate(ctx, stream, read)
	if err != nil {
		return err
	}
	s := newSession(p, js, at)
	p.log.Info("publishing to nats continues", "stream", p.o.Stream.Name, "from", at.from)
	p.resumed = time.Now()
	err = s.run(ctx)
	s.drain(ctx)
	p.cursor = s.cursor()
	return err
}

// warn notes what is wrong with a usable stream.
func (p *Publisher) warn(c jetstream.StreamConfig) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.warnings
	p.warnings = p.o.Stream.warnings(c)
	for _, w := range p.warnings {
		if !slices.Contains(before, w) {
			p.log.Warn("the stream is not as it should be", "why", w)
		}
	}
}

// failed notes a failure and backs off, or until the connection is up again.
func (p *Publisher) failed(ctx context.Context, err error, failures int) {
	p.events.WithLabelValues("failed").Inc()
	if s := p.o.Login.Server; s != nil {
		err = s.recoverFrom(err)
	}
	now := time.Now()
	if p.failing.IsZero() {
		p.failing = now
		p.log.Warn("publishing to nats fails", "err", err)
	}
	p.setError(err)
	if now.Sub(p.failing) >= p.patient {
		p.state.Park(ctx, notify.CodeUnavailable, err.Error())
	}
	select {
	case <-ctx.Done():
	case <-p.connected:
	case <-time.After(notify.Backoff(failures, backoffMin, backoffMax)):
	}
}

func (p *Publisher) setError(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastError = ""
	if err != nil {
		p.lastError = err.Error()
	}
}

// working notes that events are published, or that none wait.
func (p *Publisher) working(ctx context.Context) {
	p.deadLetters.Report(ctx)
	if !p.failing.IsZero() {
		p.log.Info("publishing to nats works again", "after", time.Since(p.failing).Round(time.Second))
		p.failing = time.Time{}
		p.setError(nil)
	}
	if !p.behind {
		p.state.Works(ctx)
	}
}

// checkAge parks NATS while what goes out is old although nothing fails, and not
// just because it begins to make up for an outage; zero: nothing waits.
func (p *Publisher) checkAge(ctx context.Context, oldest time.Time) {
	since := oldest
	if p.resumed.After(oldest) {
		since = p.resumed
	}
	age := time.Since(since)
	switch {
	case !p.behind && !oldest.IsZero() && age > p.slow:
		p.behind = true
		p.state.Park(ctx, codeBehind, fmt.Sprintf("nats accepts events more slowly than they arrive: %d are waiting, the first since %s",
			p.lag(), oldest.UTC().Format("2006-01-02 15:04 UTC")))
	case p.behind && (oldest.IsZero() || age < p.slow/2):
		p.behind = false
		p.state.Works(ctx)
	}
}

// deadLetter skips an event that can never be published. The first one is reported
// to the rules, until the next start: where one is too large others are.
func (p *Publisher) deadLetter(ctx context.Context, e *alert.Event, err error) {
	id := p.o.Renderer.ID(e.Seq)
	p.events.WithLabelValues("dead").Inc()
	p.log.Error("an event can never be published and is skipped", "event_id", id, "err", err)
	if _, parked := p.deadLetters.Parked(); !parked {
		p.deadLetters.Park(ctx, notify.CodeDead, fmt.Sprintf(
			"event %s can never be published and is skipped: %v; it stays in the history. If the server or the stream limits the size "+
				"of messages, raise that. The log names all such events", id, err))
	}
}
