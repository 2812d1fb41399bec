// Package web serves what a running bot shows over HTTP: pages for people, an
// API for programs and numwatch's own commands, health and metrics. The pages
// are rendered here and work without JavaScript; where it is on, a stream of
// events has them refreshed. Text from outside is cleaned and escaped, callback
// URLs are redacted, and web/guard alone decides who may ask.
package web

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/guard"
)

// Options is what the handler shows and does. Everything is needed but where it
// says so; functions and methods are called from several goroutines at once and
// must return quickly.
type Options struct {
	Token     string // "": only clients of this machine are served
	PublicURL string // how browsers reach the page through a proxy; may be empty
	Open      bool   // whoever comes through a proxy needs no token

	View     *view.View
	Version  string
	Started  time.Time
	Ready    func() error // nil: the bot does its work
	Accounts func() []api.AccountStatus
	Sinks    func() []api.SinkStatus
	Store    func() api.StoreStatus
	Space    func(phone.SpaceKey) phone.Space // as configured; only the key of one that is not
	Spaces   func() []phone.Space             // of the configuration, in any order; not to be modified
	Rules    func() api.Rules
	Slack    Slack
	Operator Operator
	// AcceptSpaces watches the missing spaces of an account no longer, and returns how
	// many those are.
	AcceptSpaces func(ctx context.Context, account, by string) (int, error)
	Backup       func(io.Writer) (int64, error) // writes a consistent copy of the store
	Reload       func(context.Context) error    // reads the rules anew; an error leaves the old ones
	Gatherer     prometheus.Gatherer

	Ending <-chan struct{} // closed when the bot stops

	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

type site struct {
	Options
	guard   guard.Guard
	backup  sync.Mutex    // one copy at a time: each holds a read transaction
	streams chan struct{} // a place for each stream of events
}

// New returns the handler. It is safe for concurrent use.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &site{Options: o, guard: guard.New(o.Token, o.PublicURL, o.Open), streams: make(chan struct{}, maxStreams)}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, r.handler)
	}
	return s.guard.Wrap(s.known(mux))
}

// route is a pattern of http.ServeMux and what serves it.
type route struct {
	pattern string
	handler http.Handler
}

const apiPrefix = "/api/v1/"

func (s *site) routes() []route {
	g := s.guard
	metrics := promhttp.HandlerFor(s.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	return []route{
		{"GET /healthz", http.HandlerFunc(s.healthz)},
		{"GET /readyz", s.readyz(g)},
		{"GET /metrics", g.MetricsAccess(metrics)},

		{"GET /api/v1/status", g.API(s.getStatus)},
		{"GET /api/v1/spaces", g.API(s.getSpaces)},
		{"POST /api/v1/spaces/{account}/accept", g.API(s.byAPI(s.acceptSpaces))},
		{"GET /api/v1/numbers", g.API(s.getNumbers)},
		{"GET /api/v1/numbers/{account}/{space}/{number}", g.API(s.getNumber)},
		{"GET /api/v1/numbers/{account}/{space}/{number}/history", g.API(s.getHistory)},
		{"GET /api/v1/alerts", g.API(s.getAlerts)},
		{"POST /api/v1/alerts/{id}/ack", g.API(s.byAPI(s.ack))},
		{"DELETE /api/v1/alerts/{id}/ack", g.API(s.byAPI(s.unack))},
		{"POST /api/v1/drill", g.API(prompt(s.postDrill))},
		{"GET /api/v1/alerts/{id}", g.API(s.getAlert)},
		{"GET /api/v1/silences", g.API(s.getSilences)},
		{"POST /api/v1/silences", g.API(prompt(s.postSilence))},
		{"POST /api/v1/silences/preview", g.API(s.postPreview)},
		{"DELETE /api/v1/silences/{id}", g.API(s.byAPI(s.endSilence))},
		{"GET /api/v1/rules", g.API(s.getRules)},
		{"POST /api/v1/reload", g.API(s.postReload)},
		{"GET /api/v1/deadletters", g.API(s.getDeadLetters)},
		{"POST /api/v1/deadletters/{id}/retry", g.API(s.retryByAPI(s.retryDead))},
		{"POST /api/v1/delivery/retry", g.API(s.retryByAPI(s.retryParked))},
		{"GET /api/v1/backup", g.SecretData(s.getBackup)},
		{"GET /api/v1/openapi.yaml", g.API(getOpenAPI)},

		{"GET /{$}", g.Page(s.overviewPage)},
		{"GET /numbers", g.Page(s.numbersPage)},
		{"GET /numbers/{account}/{space}/{number}", g.Page(s.numberPage)},
		{"GET /alerts", g.Page(s.alertsPage)},
		{"GET /rules", g.Page(s.rulesPage)},
		{"GET /delivery", g.Page(s.deliveryPage)},
		{"GET /spaces", g.Page(s.spacesPage)},
		{"GET /silences", g.Page(s.silencesPage)},
		{"POST /silences", g.Page(prompt(s.silenceForm))},
		{"POST /silences/{id}/end", g.Page(s.byForm("ended", s.endSilence))},
		{"POST /alerts/name", g.Page(s.byForm("named", func(*http.Request, string) (any, error) { return nil, nil }))},
		{"POST /alerts/{id}/ack", g.Page(s.byForm("acked", s.ack))},
		{"POST /alerts/{id}/unack", g.Page(s.byForm("unacked", s.unack))},
		{"POST /alerts/{id}/silence", g.Page(s.byForm("silenced", s.silenceIncident))},
		{"POST /rules/reload", g.Page(s.reloadForm)},
		{"POST /delivery/retry", g.Page(s.retryByForm("retried", s.retryParked))},
		{"POST /delivery/dead/{id}/retry", g.Page(s.retryByForm("posted", s.retryDead))},
		{"GET /live", g.Page(s.live)},
		{"GET /assets/{name}", g.Page(getAsset)},

		// They show what is in memory. A profile over time must end before the write
		// time-out: /debug/pprof/profile?seconds=10.
		{"GET /debug/pprof/", g.LocalOnly(pprof.Index)},
		{"GET /debug/pprof/profile", g.LocalOnly(pprof.Profile)},
		{"GET /debug/pprof/symbol", g.LocalOnly(pprof.Symbol)},
		{"GET /debug/pprof/trace", g.LocalOnly(pprof.Trace)},
	}
}

// known answers what no route serves in the form that its asker reads.
func (s *site) known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := statusOnly{header: w.Header()}
		mux.ServeHTTP(&refusal, r)
		switch {
		case refusal.code == http.StatusMethodNotAllowed:
			api.Fail(w, refusal.code, "method not allowed: this path takes "+w.Header().Get("Allow")+" only")
		case strings.HasPrefix(r.URL.Path, "/api/"):
			api.Fail(w, http.StatusNotFound, "not found: "+apiPrefix+"openapi.yaml lists what is")
		case !s.guard.Admits(r):
			s.guard.RefusePage(w)
		default:
			s.lost(w, r, "There is no page at this address.")
		}
	})
}

// statusOnly takes an answer's code and drops its text.
type statusOnly struct {
	header http.Header
	code   int
}

func (w *statusOnly) Header() http.Header         { return w.header }
func (w *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (w *statusOnly) WriteHeader(code int)        { w.code = code }

func (s *site) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

// readyz answers everybody, because an orchestrator's probe knows no token, but
// says why the bot is not ready only to those who may know.
func (s *site) readyz(g guard.Guard) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.Ready()
		switch {
		case err == nil:
			_, _ = io.WriteString(w, "ready\n")
		case g.Local(r) || g.Admits(r):
			http.Error(w, "not ready: "+shown(err.Error()), http.StatusServiceUnavailable)
		default:
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	}
}

//go:embed openapi.yaml
var openAPI []byte

func getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	// It fails only if the client has gone.
	_, _ = w.Write(openAPI)
}

// getBackup streams a copy of the store. A copy that breaks off breaks the
// connection, so that nobody takes it for a whole one.
func (s *site) getBackup(w http.ResponseWriter, r *http.Request) {
	if !s.backup.TryLock() {
		api.Fail(w, http.StatusConflict, "another backup is running: try again when it is done")
		return
	}
	defer s.backup.Unlock()
	name := s.Now().UTC().Format("numwatch-20060102T150405Z.db")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	if _, err := s.Backup(&patientWriter{w, http.NewResponseController(w)}); err != nil {
		s.Logger.WarnContext(r.Context(), "backup failed", "err", err)
		panic(http.ErrAbortHandler)
	}
}

// A patientWriter lets an answer take as long as it needs, if the client goes on
// taking it.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	// Not every writer has deadlines; one that has none needs no patience.
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return p.w.Write(b)
}

// Operator does what people ask for. Its errors are alert.ErrNotFound and
// alert.ErrRejected where it is the request's fault.
type Operator interface {
	Ack(ctx context.Context, id, by string) (alert.Alert, error)
	Unack(ctx context.Context, id, by string) (alert.Alert, error)
	Silence(ctx context.Context, s alert.Silence) (alert.Silence, error)
	EndSilence(ctx context.Context, id, by string) error
	// Drill sends what a rule would say, marked as a drill. The space is an id,
	// or "".
	Drill(ctx context.Context, rule, space, by string) (alert.Alert, error)
}

const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = time.Minute
	shutdownTimeout = 5 * time.Second
	headerBytes     = 16 << 10
	bodyBytes       = 1 << 20
)

// Serve answers requests on the listener until ctx ends, then lets those that
// are under way finish, for a few seconds, and breaks off the rest. It closes
// the listener. The error is nil after a shutdown in which all could finish.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           http.MaxBytesHandler(handler, bodyBytes),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(bounded)
	if err != nil {
		err = fmt.Errorf("stopping HTTP on %s: %w", listener.Addr(), errors.Join(err, server.Close()))
	}
	<-served
	return err
}
