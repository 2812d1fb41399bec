package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/notify"
)

const (
	// Component is what begins the name of a webhook as a part of the bot.
	Component = "webhook:"

	codeGone        = "gone"
	codeUnavailable = "unavailable"

	parkAfter   = 2 * time.Minute // of failures in a row; it goes on trying
	minBackoff  = time.Second
	maxBackoff  = time.Hour
	maxRefusals = 5 // of one event, until it is a dead letter
	batch       = 100
	inFlight    = 8
	storeEvery  = time.Second
	storeWithin = 5 * time.Second // at the stop
)

// Renderer gives an event its id and its form.
type Renderer interface {
	ID(seq uint64) string
	Render(e *alert.Event, now time.Time) []byte
}

// Options configures a webhook. Everything is needed but where it says so.
type Options struct {
	Name         string // of the channel, in config.yaml
	URL          string
	Secrets      []Secret // none: requests are not signed
	AllowPrivate bool
	// Wants reports whether an event is to be posted.
	Wants    func(*alert.Event) bool
	Log      notify.Log
	FirstSeq func() uint64
	Renderer Renderer
	Recorder notify.Recorder
	Saver    notify.Saver
	Stored   []byte       // its checkpoint; nil: there is none, so events from now on are posted
	May      func() error // called before each request; its error prevents it. Nil: all may be sent
	Events   *prometheus.CounterVec
	Logger   *slog.Logger
	Trace    func(point string) // nil: none; for tests
}

// NewEvents returns the counter of all webhooks: events by channel and outcome. Outcomes:
// ok, failed (an attempt), dead (given up for good), trimmed (left the log undelivered).
func NewEvents(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "numwatch_webhook_events_total", Help: "Events posted to webhooks, by channel and outcome.",
	}, []string{"channel", "outcome"})
	r.MustRegister(c)
	return c
}

// Checkpoint is the name of a webhook's checkpoint.
func Checkpoint(name string) string { return Component + name }

// Sink follows the log and posts what its channel wants, a few events at a time, but those
// of one subject one after the other. Its methods are safe for concurrent use.
type Sink struct {
	o      Options
	client *http.Client
	wake   notify.Signal
	again  notify.Signal // try now
	state  *notify.SinkState
	dead   *notify.SinkState // events that were given up since the start

	first, patient time.Duration // before a second attempt; until failures count as parked

	cursor   *notify.Cursor
	storedAt time.Time // of Run alone
}

// New returns a sink that does nothing until Run.
func New(o Options) *Sink {
	s := &Sink{
		o: o, client: notify.NewClient(o.AllowPrivate, o.May), wake: notify.NewSignal(), again: notify.NewSignal(),
		state: notify.NewSinkState(Component+o.Name, o.Recorder, o.Logger), dead: notify.NewSinkState(Component+o.Name+notify.DeadSuffix, o.Recorder, o.Logger),
		first: minBackoff, patient: parkAfter, cursor: notify.NewCursor(Checkpoint(o.Name), o.Log, o.Saver, o.Stored),
	}
	if s.o.Trace == nil {
		s.o.Trace = func(string) {}
	}
	for _, outcome := range []string{"ok", "failed", "dead", "trimmed"} {
		o.Events.WithLabelValues(o.Name, outcome)
	}
	return s
}

// Wake says that the log has grown. It never blocks.
func (s *Sink) Wake() { s.wake.Send() }

// Retry tries again now, whatever there is to wait for. It never blocks.
func (s *Sink) Retry() { s.again.Send() }

// Component is its name as a part of the bot.
func (s *Sink) Component() string { return Component + s.o.Name }

// Status returns how it stands. Its lag is the events of the log that it has not looked at.
func (s *Sink) Status() notify.Status {
	return s.state.Status(s.cursor.Lag())
}

// Run posts until ctx ends. It then stores how far it got.
func (s *Sink) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	for ctx.Err() == nil {
		busy, err := s.step(ctx)
		if err != nil {
			s.o.Logger.WarnContext(ctx, "a webhook could not continue", "channel", s.o.Name, "err", err)
		}
		if busy && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-s.again:
		case <-time.After(notify.Jitter(minBackoff)):
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	return s.store(ctx)
}

// step posts what the log has next, and reports whether there may be more.
func (s *Sink) step(ctx context.Context) (more bool, err error) {
	if err := s.cursor.Begin(ctx); err != nil {
		return false, err
	}
	s.skipTrimmed(ctx)
	events, err := s.o.Log.ReadLog(s.cursor.Seq()+1, batch)
	if err != nil {
		return false, fmt.Errorf("reading the log from event %d: %w", s.cursor.Seq()+1, err)
	}
	var waiting []*alert.Event
	for i := range events {
		if s.o.Wants(&events[i]) {
			waiting = append(waiting, &events[i])
		}
	}
	for len(waiting) > 0 {
		s.cursor.Advance(waiting[0].Seq - 1)
		if time.Since(s.storedAt) >= storeEvery {
			if err := s.store(ctx); err != nil && ctx.Err() == nil {
				return false, err
			}
		}
		var together []*alert.Event
		together, waiting = apart(waiting)
		if !s.deliver(ctx, together) {
			return false, nil // ctx has ended
		}
	}
	if len(events) == 0 {
		s.working(ctx)
		return false, s.store(ctx)
	}
	s.cursor.Advance(events[len(events)-1].Seq)
	return true, nil
}

// skipTrimmed goes to the log's beginning if that has overtaken it.
func (s *Sink) skipTrimmed(ctx context.Context) {
	first := s.o.FirstSeq()
	if done := s.cursor.Seq(); done+1 < first {
		s.o.Events.WithLabelValues(s.o.Name, "trimmed").Add(float64(first - done - 1))
		s.o.Logger.ErrorContext(ctx, "events left the history before a webhook received them", "channel", s.o.Name, "events", first-done-1)
		s.cursor.Advance(first - 1)
	}
}

func (s *Sink) working(ctx context.Context) {
	s.dead.Report(ctx)
	s.state.Works(ctx)
}

// store commits how far it got.
func (s *Sink) store(ctx context.Context) error {
	s.storedAt = time.Now()
	return s.cursor.Store(ctx)
}
