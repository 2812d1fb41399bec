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
	heartbeatEvery  = 30 * time.Second
	heartbeatWithin = 10 * time.Second
)

// HeartbeatOptions configures the calls to a dead man's switch.
type HeartbeatOptions struct {
	URL  string       // a secret: whoever has it can feign that the bot lives
	Well func() error // why the bot is not well, or nil

	Transport  http.RoundTripper     // nil: one of its own
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
}

// Heartbeat calls a URL as long as the bot is well. Whoever waits there raises
// the alarm when it stays silent, which the bot itself could not.
type Heartbeat struct {
	o      HeartbeatOptions
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
	return &Heartbeat{
		o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), client: &http.Client{Timeout: heartbeatWithin, Transport: o.Transport},
		calls: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "numwatch_heartbeats_total", Help: "Calls to heartbeat_url, by outcome; withheld while the bot is not well.",
		}, []string{"outcome"}),
	}
}

// Run calls at once and then every 30 s, until ctx ends. It is called once.
func (h *Heartbeat) Run(ctx context.Context) error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		h.beat(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *Heartbeat) beat(ctx context.Context) {
	if err := h.o.Well(); err != nil {
		h.calls.WithLabelValues("withheld").Inc()
		h.log.Debug("no heartbeat: the bot is not well", "err", err)
		return
	}
	err := h.call(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		h.calls.WithLabelValues("ok").Inc()
	default:
		h.calls.WithLabelValues("failed").Inc()
		if !h.failed {
			h.log.Warn("heartbeats do not arrive; check heartbeat_url", "err", err)
		}
	}
	h.failed = err != nil
}

// call never tells the URL in an error.
func (h *Heartbeat) call(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.o.URL, nil)
	if err != nil {
		return errors.New("heartbeat_url is no URL")
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
