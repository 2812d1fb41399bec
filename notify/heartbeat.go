package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	// BeatEvery is how often heartbeats are sent.
	BeatEvery = 30 * time.Second

	heartbeatWithin = 10 * time.Second
)

// Beat sends heartbeats as long as the bot is ready. Their receiver raises the
// alarm when they stop, which the bot itself could not do.
type Beat struct {
	Every time.Duration
	Ready func() error // why the bot is not ready, or nil
	Send  func(context.Context)
	Log   *slog.Logger

	withheld bool // the last one
}

// Run sends at once and then at intervals, until ctx ends. It is called once.
func (b *Beat) Run(ctx context.Context) error {
	tick := time.NewTicker(b.Every)
	defer tick.Stop()
	for {
		b.once(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *Beat) once(ctx context.Context) {
	err := b.Ready()
	switch {
	case err != nil && !b.withheld:
		b.Log.Warn("heartbeats are withheld: the bot is not ready", "err", err)
	case err == nil && b.withheld:
		b.Log.Info("heartbeats are sent again")
	}
	if b.withheld = err != nil; !b.withheld {
		b.Send(ctx)
	}
}

// HeartbeatOptions configures the calls to a dead man's switch.
type HeartbeatOptions struct {
	URL   string       // a secret: anybody who has it can pretend that the bot is alive
	Ready func() error // why the bot is not ready, or nil

	Transport  http.RoundTripper     // nil: one of its own
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
}

// Heartbeat calls a URL as long as the bot is ready.
type Heartbeat struct {
	url    string
	beat   Beat
	client *http.Client
	log    *slog.Logger
	calls  *prometheus.CounterVec
	failed bool // the last one
}

// NewHeartbeat returns one that does nothing until Run.
func NewHeartbeat(o HeartbeatOptions) *Heartbeat {
	if o.Transport == nil {
		o.Transport = NewTransport()
	}
	h := &Heartbeat{
		url: o.URL, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), client: &http.Client{Timeout: heartbeatWithin, Transport: o.Transport},
		calls: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_heartbeats_total", Help: "Calls to heartbeat_url, by outcome; withheld while the bot is not ready.",
		}, []string{"outcome"}),
	}
	ready := func() error {
		err := o.Ready()
		if err != nil {
			h.calls.WithLabelValues("withheld").Inc()
		}
		return err
	}
	h.beat = Beat{Every: BeatEvery, Ready: ready, Send: h.send, Log: h.log.With("to", "heartbeat_url")}
	return h
}

// Run calls at once and then every 30 s, until ctx ends. It is called once.
func (h *Heartbeat) Run(ctx context.Context) error { return h.beat.Run(ctx) }

func (h *Heartbeat) send(ctx context.Context) {
	err := h.call(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		h.calls.WithLabelValues("ok").Inc()
	default:
		h.calls.WithLabelValues("failed").Inc()
		if !h.failed {
			h.log.Warn("heartbeats cannot be sent; check heartbeat_url", "err", err)
		}
	}
	h.failed = err != nil
}

// call keeps the URL out of its errors.
func (h *Heartbeat) call(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return errors.New("heartbeat_url is not a URL")
	}
	request.Header.Set("User-Agent", "numwatch")
	answer, err := h.client.Do(request)
	if failed := new(url.Error); errors.As(err, &failed) {
		return failed.Err
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.CopyN(io.Discard, answer.Body, 4096); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the answer is %s", answer.Status)
	}
	return nil
}
