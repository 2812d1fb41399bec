package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
)

const (
	component   = "nats"
	parkAfter   = 10 * time.Second
	backoffMin  = 200 * time.Millisecond
	backoffMax  = 15 * time.Second
	saveTimeout = 5 * time.Second
	heartbeat   = 30 * time.Second
	behindAfter = 5 * time.Minute
)

// Options configures the cursor over the log.
type Options struct {
	Log      notify.Log
	Keeper   notify.Recorder
	Renderer *Renderer
	Cursor   alert.Cursor // as stored, zero if none is
	Login    Login
	Stream   StreamOptions
	// PublishChanges false passes over change events: only alerts and the bot's
	// own notices are published.
	PublishChanges bool

	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Trace      func(point string)    // nil: none; for tests
}

// Publisher publishes the log to a JetStream stream, every event once and in order
// per subject. An event that can never be published (too large for the server)
// is logged, counted and passed over. Its methods are safe for concurrent use.
type Publisher struct {
	events  notify.Log
	keeper  notify.Recorder
	render  *Renderer
	login   Login
	stream  StreamOptions
	changes bool
	log     *slog.Logger
	trace   func(string)
	metrics *metrics
	beat    time.Duration
	patient time.Duration // how long it may fail before it counts as parked
	slow    time.Duration // how old what it publishes may be before it counts as behind

	wake   notify.Signal // something was appended to the log
	looked notify.Signal // the connection came up: look again at once
	lost   notify.Signal // the connection broke
	closed chan struct{}

	// Of the publishing goroutine alone.
	cursor  alert.Cursor // as last known
	saved   alert.Cursor
	savedAt time.Time
	failing time.Time // since when; zero while it works
	resumed time.Time // when it last began to publish
	behind  bool      // it works, and has lost touch all the same
	told    string    // what was last reported through Keeper
	// letters is how it stands with events that were passed over since the start.
	letters     alert.SinkReport
	lettersTold string // what was last reported of that

	mu     sync.Mutex
	conn   *nats.Conn
	status Status
}

// Status is a view for pages.
type Status struct {
	Connected bool
	Parked    bool
	Cursor    uint64 // every event up to here is acknowledged
	Lag       uint64 // events of the log behind it
	LastError string // "" once it works again
	ErrorAt   time.Time
}

// New returns a cursor that does nothing until Run.
func New(o Options) *Publisher {
	n := &Publisher{
		events: o.Log, keeper: o.Keeper, render: o.Renderer, login: o.Login, stream: o.Stream, changes: o.PublishChanges,
		log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), trace: o.Trace, metrics: newMetrics(o.Registerer), beat: heartbeat, patient: parkAfter, slow: behindAfter,
		wake: notify.NewSignal(), looked: notify.NewSignal(), lost: notify.NewSignal(), closed: make(chan struct{}),
		cursor: o.Cursor, saved: o.Cursor, status: Status{Cursor: o.Cursor.Seq},
		letters: alert.SinkReport{Value: phone.OK},
	}
	if n.trace == nil {
		n.trace = func(string) {}
	}
	return n
}

// Wake says that the log has grown. It never blocks.
func (n *Publisher) Wake() { n.wake.Send() }

// Status returns how publishing stands.
func (n *Publisher) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.status
	s.Connected = n.conn != nil && n.conn.IsConnected()
	s.Lag = n.events.LastSeq() - min(n.events.LastSeq(), s.Cursor) // also while nothing is published
	return s
}

// Run publishes until ctx ends, through outages of any length. It then waits a
// bounded time for what is in flight, reports the cursor and closes the
// connection. It is called once.
func (n *Publisher) Run(ctx context.Context) error {
	nc, err := n.reach(ctx)
	if err != nil {
		return nil // ctx ended before anything was begun
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.heartbeat(gctx, nc) })
	g.Go(func() error { return n.publish(gctx, nc) })
	return errors.Join(g.Wait(), n.disconnect(nc))
}

// reach makes the connection, trying until the files it needs are there. The
// server in this process may still be reading what it has.
func (n *Publisher) reach(ctx context.Context) (*nats.Conn, error) {
	if s := n.login.Server; s != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.Up():
		}
	}
	for attempt := 0; ; attempt++ {
		nc, err := n.connect()
		if err == nil {
			n.mu.Lock()
			n.conn = nc
			n.mu.Unlock()
			return nc, nil
		}
		if err := n.fail(ctx, err, attempt); err != nil {
			return nil, err
		}
	}
}

func (n *Publisher) publish(ctx context.Context, nc *nats.Conn) error {
	for attempt := 0; ; attempt++ {
		before := n.cursor
		err := n.session(ctx, nc)
		if ctx.Err() != nil {
			return n.lastSave(ctx)
		}
		if n.cursor.Seq > before.Seq {
			attempt = 0
		}
		if n.fail(ctx, err, attempt) != nil {
			return n.lastSave(ctx)
		}
	}
}

// session goes from a look at the stream to the next failure.
func (n *Publisher) session(ctx context.Context, nc *nats.Conn) error {
	if !nc.IsConnected() {
		return unreached(&n.login, cmp.Or(nc.LastError(), nats.ErrNoServers))
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*window),
		jetstream.WithPublishAsyncTimeout(ackTimeout), jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		return fmt.Errorf("using jetstream: %w", err)
	}
	defer js.CleanupPublisher()
	s, err := n.stream.open(ctx, js)
	if err != nil {
		return err
	}
	t, err := n.look(ctx, s)
	if err != nil {
		return err
	}
	if err := n.disavow(ctx, t); err != nil {
		return err
	}
	c := n.newCourse(js, t)
	n.log.Info("publishing to nats goes on", "stream", n.stream.Name, "from", t.from)
	n.resumed = time.Now()
	err = c.run(ctx)
	c.drain(ctx)
	n.cursor = c.cursor()
	n.progress(n.cursor.Seq, n.events.LastSeq())
	return err
}

// disavow takes back what the stored cursor says of the stream's end where that
// is not the end that was found: the stream may come to have as many messages
// again, and others.
func (n *Publisher) disavow(ctx context.Context, t *tail) error {
	if t.doubtful == 0 || n.saved.Last == 0 {
		return nil
	}
	n.cursor.Last = 0
	return n.keep(ctx)
}

// fail notes a failure and waits a while, or until the connection is up again.
// It returns an error only when ctx ended.
func (n *Publisher) fail(ctx context.Context, err error, attempt int) error {
	n.metrics.published.WithLabelValues("failed").Inc()
	now := time.Now()
	if n.failing.IsZero() {
		n.failing = now
		n.log.Warn("publishing to nats fails", "err", err)
	}
	parked := now.Sub(n.failing) >= n.patient
	n.mu.Lock()
	n.status.LastError, n.status.ErrorAt, n.status.Parked = err.Error(), now, parked
	n.mu.Unlock()
	if parked {
		n.tell(ctx, alert.SinkReport{Value: phone.Parked, Reason: err.Error()})
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-n.looked:
	case <-time.After(notify.Backoff(attempt, backoffMin, backoffMax)):
	}
	return nil
}

// working notes that it works again.
func (n *Publisher) working(ctx context.Context) {
	n.tellLetters(ctx)
	if n.failing.IsZero() && n.told == phone.OK {
		return
	}
	if !n.failing.IsZero() {
		n.log.Info("publishing to nats works again", "after", time.Since(n.failing).Round(time.Second))
	}
	n.failing = time.Time{}
	n.mu.Lock()
	n.status.LastError, n.status.Parked = "", false
	n.mu.Unlock()
	if !n.behind {
		n.tell(ctx, alert.SinkReport{Value: phone.OK})
	}
}

// keepUp tells when what goes out is old although nothing fails, and not just
// because it begins to make up for an outage; zero: nothing waits.
func (n *Publisher) keepUp(ctx context.Context, oldest time.Time) {
	age := time.Since(latest(oldest, n.resumed))
	switch {
	case !n.behind && !oldest.IsZero() && age > n.slow:
		n.behind = true
		n.tell(ctx, alert.SinkReport{Value: phone.Parked, Code: "behind", Reason: fmt.Sprintf(
			"nats takes events more slowly than they come: %d wait, the first of them since %s", n.Status().Lag, atUTC(oldest))})
	case n.behind && (oldest.IsZero() || age < n.slow/2):
		n.behind = false
		n.tell(ctx, alert.SinkReport{Value: phone.OK})
	}
}

// tell reports a change of fortune once. What the store last knew is not known
// here, so the first report is always made.
func (n *Publisher) tell(ctx context.Context, r alert.SinkReport) {
	if n.told == r.Value {
		return
	}
	r.Component, r.At = component, time.Now()
	if err := n.keeper.Record(ctx, alert.DeliveryUpdate{Sink: &r}); err != nil {
		n.log.Warn("the state of nats could not be kept", "err", err)
		return
	}
	n.told = r.Value
	n.metrics.setParked(r.Value == phone.Parked)
}

// save reports the cursor if it moved and the last report is old enough.
func (n *Publisher) save(ctx context.Context, c alert.Cursor) {
	n.cursor = c
	if !n.unsaved() || time.Since(n.savedAt) < saveEvery {
		return
	}
	if err := n.keep(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("the cursor could not be kept", "err", err)
	}
}

func (n *Publisher) keep(ctx context.Context) error {
	n.savedAt = time.Now()
	c := n.cursor
	if err := n.keeper.Record(ctx, alert.DeliveryUpdate{Cursor: &c}); err != nil {
		return fmt.Errorf("keeping the cursor at event %d: %w", c.Seq, err)
	}
	n.saved = c
	return nil
}

func (n *Publisher) unsaved() bool {
	return n.cursor.Seq != n.saved.Seq || n.cursor.Last != n.saved.Last || !n.cursor.Stream.Equal(n.saved.Stream)
}

func (n *Publisher) lastSave(ctx context.Context) error {
	if !n.unsaved() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	return n.keep(ctx)
}

// bury passes over an event that can never be published. The first one is told
// through the rules, until the next start: where one is too large others are.
func (n *Publisher) bury(ctx context.Context, e *alert.Event, err error) {
	n.metrics.published.WithLabelValues("dead").Inc()
	n.log.Error("an event can never be published and is passed over", "event_id", n.render.ID(e.Seq), "err", err)
	if n.letters.Value == phone.OK {
		n.letters = alert.SinkReport{Value: phone.Parked, Code: notify.CodeDead, Reason: fmt.Sprintf(
			"event %s can never be published and is passed over: %v; the history has it. If the server or the stream limits the size "+
				"of messages, raise that. The log names all such events", n.render.ID(e.Seq), err)}
	}
	n.tellLetters(ctx)
}

// tellLetters reports how it stands with events that were passed over, until
// that is kept: an earlier run may have left the part parked.
func (n *Publisher) tellLetters(ctx context.Context) {
	if n.lettersTold == n.letters.Value {
		return
	}
	r := n.letters
	r.Component, r.At = component+notify.DeadSuffix, time.Now()
	if err := n.keeper.Record(ctx, alert.DeliveryUpdate{Sink: &r}); err != nil {
		n.log.Warn("the state of nats could not be kept", "err", err)
		return
	}
	n.lettersTold = r.Value
}

func (n *Publisher) progress(acked, end uint64) {
	lag := end - min(end, acked)
	n.metrics.lag.Set(float64(lag))
	n.mu.Lock()
	n.status.Cursor, n.status.Lag = acked, lag
	n.mu.Unlock()
}

func (n *Publisher) connectFailed(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status.LastError, n.status.ErrorAt = unreached(&n.login, err).Error(), time.Now()
}

// redactServers drops user names and passwords from a list of URLs.
func redactServers(list string) string {
	servers := strings.Split(list, ",")
	for i, s := range servers {
		if u, err := url.Parse(strings.TrimSpace(s)); err == nil && u.Host != "" {
			servers[i] = u.Scheme + "://" + u.Host
		} else if _, host, found := strings.Cut(s, "@"); found {
			servers[i] = host
		}
	}
	return strings.Join(servers, ",")
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func atUTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
