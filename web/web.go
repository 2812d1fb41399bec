// Package web serves what a running bot shows over HTTP: a page for people, a
// small JSON API for programs and numwatch's own commands, health and metrics.
// Everything is read-only but the reload of the rules. Text from outside is
// cleaned and escaped, callback URLs are redacted, and who may ask is decided in
// guard.go alone.
package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"numwatch/alert"
	"numwatch/phone"
)

// Options is what the handler shows and does. All functions are needed; they
// are called from several goroutines at once and must return quickly.
type Options struct {
	Token     string // "": only clients of this machine are served
	PublicURL string // how browsers reach the page through a proxy; may be empty

	Ready    func() error                     // nil: the bot does its work
	Status   func() Status                    // Ready and Alerts of it are filled in here
	Alerts   func() []alert.Alert             // those that are pending or firing, in any order
	Space    func(phone.SpaceKey) phone.Space // as configured; only the key of one that is not
	Backup   func(io.Writer) (int64, error)   // writes a consistent copy of the store
	Reload   func(context.Context) error      // reads the rules anew; an error leaves the old ones
	Gatherer prometheus.Gatherer

	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

type site struct {
	Options
	guard  guard
	backup sync.Mutex // one copy at a time: each holds a read transaction
}

// New returns the handler. It is safe for concurrent use.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &site{Options: o, guard: newGuard(o.Token, o.PublicURL)}
	metrics := promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})

	mux := http.NewServeMux()
	mux.Handle("GET /healthz", s.guard.probe(http.HandlerFunc(s.healthz)))
	mux.Handle("GET /readyz", s.guard.probe(http.HandlerFunc(s.readyz)))
	mux.Handle("GET /metrics", s.guard.probe(metrics))

	mux.Handle("GET /api/v1/status", s.guard.api(s.getStatus))
	mux.Handle("GET /api/v1/alerts", s.guard.api(s.getAlerts))
	mux.Handle("GET /api/v1/backup", s.guard.private(s.getBackup))
	mux.Handle("POST /api/v1/reload", s.guard.api(s.postReload))

	mux.Handle("GET /{$}", s.guard.page(s.getPage))
	mux.Handle("GET /style.css", s.guard.page(getStyle))
	return s.guard.everything(mux)
}

func (s *site) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

func (s *site) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.Ready(); err != nil {
		http.Error(w, "not ready: "+shown(err.Error()), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}
