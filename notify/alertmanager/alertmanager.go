package alertmanager

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
)

const (
	// Component is what begins the name of an Alertmanager as a part of the bot.
	Component = "alertmanager:"

	codeUnavailable = "unavailable"

	every     = time.Minute      // what is open is posted again
	ahead     = 5 * every        // it ends, unless it is posted again
	noticeFor = 10 * time.Minute // a notice is shown, which is more than a group usually waits

	parkAfter   = 2 * time.Minute // of failures in a row; it goes on trying
	minBackoff  = time.Second
	maxBackoff  = time.Minute
	readBatch   = 500
	maxEnded    = 2000 // ends that are posted before more of the log is read
	storeWithin = 5 * time.Second
)

// Options configures a sink. Everything is needed but where it says so.
type Options struct {
	Name     string // of the channel, in config.yaml
	URL      string // scheme, host and path alone
	Login    Login
	Alerts   func() []*alert.Alert // as they stand, closed ones too
	Log      notify.Log
	Space    func(phone.SpaceKey) phone.Space
	Link     string // public address of the pages; may be empty
	Recorder notify.Recorder
	Saver    notify.Saver
	Stored   []byte       // its checkpoint; nil: there is none, so only ends from now on are posted
	May      func() error // called before each request; its error prevents it. Nil: all may be sent
	Requests *prometheus.CounterVec
	Logger   *slog.Logger
	Trace    func(point string) // nil: none; for tests
}

// NewRequests returns the counter of all Alertmanagers: requests by sink and outcome.
// Outcomes: ok, failed, refused (some of the alerts).
func NewRequests(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "numwatch_alertmanager_requests_total", Help: "Requests with alerts to Alertmanagers, by channel with address, and outcome.",
	}, []string{"channel", "outcome"})
	r.MustRegister(c)
	return c
}

// ComponentOf is the name of an address as a part of the bot, and of its checkpoint.
func ComponentOf(channel, address string) string {
	if u, err := url.Parse(address); err == nil {
		address = u.Host + u.Path
	}
	return Component + channel + ":" + strings.TrimSuffix(address, "/")
}

// Sink keeps one address informed. Its methods are safe for concurrent use.
type Sink struct {
	o         Options
	component string
	client    *http.Client
	cursor    *notify.Cursor // every end up to there is acknowledged
	wake      notify.Signal
	again     notify.Signal // try now
	state     *notify.SinkState
	dead      *notify.SinkState // alerts that were refused since the start

	// Of Run alone.
	whole time.Time       // when all that is open was posted
	told  map[string]told // by alert: what the address has, as far as this run knows
}

// New returns a sink that does nothing until Run.
func New(o Options) *Sink {
	component := ComponentOf(o.Name, o.URL)
	s := &Sink{
		o: o, component: component, client: newClient(o.May), cursor: notify.NewCursor(component, o.Log, o.Saver, o.Stored),
		wake: notify.NewSignal(), again: notify.NewSignal(), told: map[string]told{},
		state: notify.NewSinkState(component, o.Recorder, o.Logger), dead: notify.NewSinkState(component+notify.DeadSuffix, o.Recorder, o.Logger),
	}
	if s.o.Trace == nil {
		s.o.Trace = func(string) {}
	}
	for _, outcome := range []string{"ok", "failed", "refused"} {
		s.count(outcome, 0)
	}
	return s
}

// Component is its name as a part of the bot.
func (s *Sink) Component() string { return s.component }

// Wake says that the log has grown. It never blocks.
func (s *Sink) Wake() { s.wake.Send() }

// Retry posts everything now. It never blocks.
func (s *Sink) Retry() { s.again.Send() }

// Status returns its state. Its lag is the events of the log whose consequences are not
// acknowledged.
func (s *Sink) Status() notify.Status {
	return s.state.Status(s.cursor.Lag())
}

// Run posts until ctx ends. It then stores its position.
func (s *Sink) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	for failures := 0; ctx.Err() == nil; {
		more, err := s.step(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.whole = time.Time{} // what the address has is uncertain
			if s.state.Failed(ctx, err) >= parkAfter {
				s.state.Park(ctx, codeUnavailable, fmt.Sprintf("%s does not accept alerts: %v. Alerts that end meanwhile are posted once it does", s.component, err))
			}
			s.pause(ctx, notify.Backoff(failures, minBackoff, maxBackoff), nil)
			failures++
		case !more:
			failures = 0
			s.dead.Report(ctx)
			s.state.Works(ctx)
			s.pause(ctx, time.Until(s.whole.Add(every)), s.wake)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	return s.cursor.Store(ctx)
}

// pause waits for a time, or until somebody asks to try again now, or there is news.
func (s *Sink) pause(ctx context.Context, d time.Duration, news notify.Signal) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-s.again:
		s.whole = time.Time{}
	case <-news:
	case <-t.C:
	}
}

func (s *Sink) count(outcome string, n float64) {
	s.o.Requests.WithLabelValues(strings.TrimPrefix(s.component, Component), outcome).Add(n)
}
