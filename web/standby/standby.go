// Package standby serves HTTP for a replica that does not lead: its health, its metrics, its store, and how the replicas are.
// Everything else it forwards to the leader. It imports web/api, web/guard and web/server; internal/bot calls it.
package standby

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"numwatch/web/api"
	"numwatch/web/guard"
	"numwatch/web/server"
)

// Options is what the handler shows.
type Options struct {
	Guard    guard.Guard
	Ready    func() error // why this replica could not take over, or nil
	Replicas func() api.Replicas
	Leader   func() string // the URL of the replica that leads; "": there is none
	Backup   func(io.Writer) (int64, error)
	Gatherer prometheus.Gatherer
	Log      *slog.Logger
}

// Handler serves this replica: itself while it does not lead, and else by the handler of its bot. It is safe for
// concurrent use.
type Handler struct {
	own  http.Handler
	lead atomic.Pointer[http.Handler]
}

// New returns a handler of a replica that does not lead.
func New(o Options) *Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.Handle("GET /readyz", o.Guard.Readyz(o.Ready))
	mux.Handle("GET /metrics", o.Guard.MetricsAccess(promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{})))
	mux.Handle("GET /api/v1/replicas", o.Guard.API(guard.View, guard.WholeBot, o.replicas))
	mux.Handle("GET /api/v1/backup", o.Guard.SecretData(o.backup))
	mux.Handle("/debug/", http.NotFoundHandler()) // profiles are those of one process
	// The vendor knows no token: the leader looks at the key.
	mux.HandleFunc("POST /api/v1/receipts/chatapp-audit/{key}", func(w http.ResponseWriter, r *http.Request) { o.forward(w, r, guard.Caller{}) })
	mux.Handle("/", o.Guard.Page(guard.View, guard.OwnSpaces, o.forward))
	return &Handler{own: o.Guard.Wrap(mux)}
}

// Lead has another handler serve until it is called with nil.
func (h *Handler) Lead(bot http.Handler) {
	if bot == nil {
		h.lead.Store(nil)
		return
	}
	h.lead.Store(&bot)
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if bot := h.lead.Load(); bot != nil {
		(*bot).ServeHTTP(w, r)
		return
	}
	h.own.ServeHTTP(w, r)
}

// backup sends a copy of the store, from which another replica can go on.
func (o *Options) backup(w http.ResponseWriter, r *http.Request, _ guard.Caller) {
	w.Header().Set("Content-Type", "application/octet-stream")
	written, err := o.Backup(server.Patient(w))
	switch {
	case err == nil:
	case written == 0:
		w.Header().Set("Retry-After", retryAfter)
		api.Fail(w, http.StatusServiceUnavailable, err.Error())
	default:
		o.Log.WarnContext(r.Context(), "backup failed", "err", err)
		panic(http.ErrAbortHandler) // so that nobody mistakes it for a complete one
	}
}

const retryAfter = "5" // seconds

func (o *Options) replicas(w http.ResponseWriter, _ *http.Request, _ guard.Caller) {
	api.Write(w, http.StatusOK, o.Replicas())
}

// forward passes the request to the leader, which decides by the same token what the caller may
// see and do.
func (o *Options) forward(w http.ResponseWriter, r *http.Request, _ guard.Caller) {
	leader := o.Leader()
	target, err := url.Parse(leader)
	if leader == "" || err != nil {
		w.Header().Set("Retry-After", retryAfter)
		api.Fail(w, http.StatusServiceUnavailable, "no replica leads now: try again in a moment, or see /api/v1/replicas")
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Header.Del("Origin") // of this replica's pages
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			o.Log.Warn("the replica that leads could not be asked", "url", leader, "err", err)
			w.Header().Set("Retry-After", retryAfter)
			api.Fail(w, http.StatusServiceUnavailable, "the replica that leads does not answer: try again in a moment")
		},
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	proxy.ServeHTTP(w, r)
}
