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
	"net/http"
	"net/http/pprof"
	"slices"
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
	"numwatch/web/operator"
	"numwatch/web/server"
)

// Options is what the handler shows and does. Everything is needed but where it
// says so; functions and methods are called from several goroutines at once and
// must return quickly.
type Options struct {
	Tokens    []guard.Token // none: only clients of this machine are served
	PublicURL string        // how browsers reach the page through a proxy; may be empty
	Open      bool          // whoever comes through a proxy needs no token

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
	Explain  func(alert string) (api.Explanation, error) // why people were notified of it, or were not
	Slack    Slack
	Operator operator.Operator
	// AcceptSpaces watches the missing spaces of an account no longer, and returns how
	// many those are.
	AcceptSpaces func(ctx context.Context, account, by string) (int, error)
	Backup       func(io.Writer) (int64, error) // writes a consistent copy of the store
	Reload       func(context.Context) error    // reads the rules again; an error leaves the old ones
	Gatherer     prometheus.Gatherer
	// Replicas lists all numwatch that share a log, and HandOver makes another one lead; nil: there is only this one.
	Replicas   func() api.Replicas
	HandOver   func() error
	Hints      http.HandlerFunc        // takes hints
	Receipts   http.HandlerFunc        // takes the vendor's pushes, and looks at their key itself; nil: there is no such path
	HintStatus func() *api.HintsStatus // what came of hints

	Ending <-chan struct{} // closed when the bot stops

	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// site is the site as one caller sees it.
type site struct {
	Options
	View    view.Scope // shadows that of the options, which shows everything
	caller  guard.Caller
	guard   guard.Guard
	backup  *sync.Mutex   // one copy at a time: each holds a read transaction
	streams chan struct{} // a place for each stream of events
}

// New returns the handler. It is safe for concurrent use.
func New(o Options) http.Handler {
	s := newSite(o)
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, r.handler)
	}
	return s.guard.Wrap(s.known(mux))
}

func newSite(o Options) *site {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &site{
		Options: o, View: o.View.Of(nil, o.Space), guard: guard.New(o.Tokens, o.PublicURL, o.Open),
		backup: &sync.Mutex{}, streams: make(chan struct{}, maxStreams),
	}
}

// as returns the site as a caller sees it. One that may see the spaces with its labels
// only is shown nothing about the bot itself, or about other spaces.
func (s *site) as(c guard.Caller) *site {
	seen := *s
	seen.caller, seen.View = c, s.Options.View.Of(c.Labels, s.Space)
	if !seen.View.Limited() {
		return &seen
	}
	v := seen.View
	seen.Operator = operator.Confine(s.Operator, v)
	seen.Space = func(k phone.SpaceKey) phone.Space {
		if !v.Has(k) {
			return phone.Space{SpaceKey: k}
		}
		return s.Space(k)
	}
	seen.Spaces = func() []phone.Space {
		return slices.DeleteFunc(slices.Clone(s.Spaces()), func(one phone.Space) bool { return !one.HasLabels(c.Labels) })
	}
	seen.Accounts = func() []api.AccountStatus { return accountsOf(s.Accounts(), seen.Spaces(), v) }
	seen.Replicas = nil
	seen.Sinks = func() []api.SinkStatus { return nil }
	seen.Store = func() api.StoreStatus { return api.StoreStatus{} }
	seen.Rules = func() api.Rules { return api.Rules{} }
	seen.HintStatus = nil
	seen.Ready = func() error {
		if s.Ready() != nil {
			return errors.New("numwatch is not working at the moment")
		}
		return nil
	}
	return &seen
}

// accountsOf is what who sees some spaces only is told of their accounts: which of the
// spaces fail.
func accountsOf(all []api.AccountStatus, spaces []phone.Space, v view.Scope) (own []api.AccountStatus) {
	count := map[string]int{}
	for _, one := range spaces {
		count[one.Account]++
	}
	for i := range all {
		a := api.AccountStatus{Name: all[i].Name, Spaces: count[all[i].Name], Holds: all[i].Holds, Failing: []api.FailingSpace{}}
		if a.Spaces == 0 {
			continue
		}
		for _, f := range all[i].Failing {
			if f.Space == "" || v.Has(phone.SpaceKey{Account: a.Name, ID: f.Space}) {
				a.Failing = append(a.Failing, f)
			}
		}
		own = append(own, a)
	}
	return own
}

// route is a pattern of http.ServeMux and what serves it.
type route struct {
	pattern string
	handler http.Handler
}

const apiPrefix = "/api/v1/"

// handler serves a request on the site as its caller sees it.
type handler func(*site, http.ResponseWriter, *http.Request)

func (s *site) routes() []route {
	const own, whole = guard.OwnSpaces, guard.WholeBot
	g := s.guard
	see := func(h handler) guard.Handler {
		return func(w http.ResponseWriter, r *http.Request, c guard.Caller) { h(s.as(c), w, r) }
	}
	onAPI := func(role guard.Role, about guard.Reach, h handler) http.Handler { return g.API(role, about, see(h)) }
	onPage := func(role guard.Role, about guard.Reach, h handler) http.Handler { return g.Page(role, about, see(h)) }
	metrics := promhttp.HandlerFor(s.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	routes := []route{
		{"GET /healthz", http.HandlerFunc(s.healthz)},
		{"GET /readyz", g.Readyz(s.Ready)},
		{"GET /metrics", g.MetricsAccess(metrics)},

		{"GET /api/v1/status", onAPI(guard.View, own, (*site).getStatus)},
		{"GET /api/v1/spaces", onAPI(guard.View, own, (*site).getSpaces)},
		{"POST /api/v1/spaces/{account}/accept", onAPI(guard.Admin, whole, byAPI((*site).acceptSpaces))},
		{"GET /api/v1/numbers", onAPI(guard.View, own, (*site).getNumbers)},
		{"GET /api/v1/numbers/{account}/{space}/{number}", onAPI(guard.View, own, (*site).getNumber)},
		{"GET /api/v1/numbers/{account}/{space}/{number}/history", onAPI(guard.View, own, (*site).getHistory)},
		{"GET /api/v1/alerts", onAPI(guard.View, own, (*site).getAlerts)},
		{"POST /api/v1/alerts/{id}/ack", onAPI(guard.Act, own, byAPI((*site).ack))},
		{"DELETE /api/v1/alerts/{id}/ack", onAPI(guard.Act, own, byAPI((*site).unack))},
		{"POST /api/v1/drill", onAPI(guard.Act, whole, prompt((*site).postDrill))},
		{"GET /api/v1/alerts/{id}", onAPI(guard.View, own, (*site).getAlert)},
		{"POST /api/v1/names", onAPI(guard.View, own, (*site).postNames)},
		{"GET /api/v1/silences", onAPI(guard.View, own, (*site).getSilences)},
		{"POST /api/v1/silences", onAPI(guard.Act, own, prompt((*site).postSilence))},
		{"POST /api/v1/silences/preview", onAPI(guard.View, own, (*site).postPreview)},
		{"DELETE /api/v1/silences/{id}", onAPI(guard.Act, own, byAPI((*site).endSilence))},
		{"POST /api/v1/hints", onAPI(guard.Act, whole, func(s *site, w http.ResponseWriter, r *http.Request) { s.Hints(w, r) })},
		{"GET /api/v1/rules", onAPI(guard.View, whole, (*site).getRules)},
		{"POST /api/v1/reload", onAPI(guard.Admin, whole, (*site).postReload)},
		{"GET /api/v1/deadletters", onAPI(guard.View, whole, (*site).getDeadLetters)},
		{"POST /api/v1/deadletters/{id}/retry", onAPI(guard.Act, whole, retryByAPI((*site).retryDead))},
		{"POST /api/v1/delivery/retry", onAPI(guard.Act, whole, retryByAPI((*site).retryParked))},
		{"GET /api/v1/replicas", onAPI(guard.View, whole, (*site).getReplicas)},
		{"POST /api/v1/replicas/handover", onAPI(guard.Admin, whole, byAPI((*site).handOver))},
		{"GET /api/v1/backup", g.SecretData(see((*site).getBackup))},
		{"GET /api/v1/openapi.yaml", onAPI(guard.View, own, (*site).getOpenAPI)},

		{"GET /{$}", onPage(guard.View, own, (*site).overviewPage)},
		{"GET /numbers.csv", onPage(guard.View, own, (*site).numbersCSV)},
		{"GET /numbers", onPage(guard.View, own, (*site).numbersPage)},
		{"GET /numbers/{account}/{space}/{number}", onPage(guard.View, own, (*site).numberPage)},
		{"GET /alerts", onPage(guard.View, own, (*site).alertsPage)},
		{"GET /alerts/{id}/why", onPage(guard.View, whole, (*site).whyPage)},
		{"GET /rules", onPage(guard.View, whole, (*site).rulesPage)},
		{"GET /delivery", onPage(guard.View, whole, (*site).deliveryPage)},
		{"GET /spaces/{account}/{space}", onPage(guard.View, own, (*site).spacePage)},
		{"GET /spaces", onPage(guard.View, own, (*site).spacesPage)},
		{"GET /drill", onPage(guard.Act, whole, (*site).drillPage)},
		{"POST /drill", onPage(guard.Act, whole, prompt((*site).drillForm))},
		{"GET /silences", onPage(guard.View, own, (*site).silencesPage)},
		{"POST /silences", onPage(guard.Act, own, prompt((*site).silenceForm))},
		{"POST /silences/end", onPage(guard.Act, own, byList("ended", (*site).endSilences))},
		{"POST /silences/{id}/end", onPage(guard.Act, own, byForm("ended", (*site).endSilences))},
		{"POST /alerts/name", onPage(guard.Act, own, byForm("named", nothing))},
		{"POST /alerts/silence", onPage(guard.Act, own, byList("silenced", (*site).silenceAll))},
		{"POST /alerts/{id}/silence", onPage(guard.Act, own, byForm("silenced", (*site).silenceAll))},
		{"POST /alerts/ack", onPage(guard.Act, own, byList("acked", (*site).ackAll))},
		{"POST /alerts/{id}/ack", onPage(guard.Act, own, byForm("acked", (*site).ackAll))},
		{"POST /alerts/unack", onPage(guard.Act, own, byList("unacked", (*site).unackAll))},
		{"POST /alerts/{id}/unack", onPage(guard.Act, own, byForm("unacked", (*site).unackAll))},
		{"POST /rules/reload", onPage(guard.Admin, whole, (*site).reloadForm)},
		{"POST /delivery/retry", onPage(guard.Act, whole, retryByForm("retried", (*site).retryParked))},
		{"POST /delivery/dead/{id}/retry", onPage(guard.Act, whole, retryByForm("posted", (*site).retryDead))},
		{"GET /live", onPage(guard.View, own, (*site).live)},
		{"GET /assets/{name}", onPage(guard.View, own, (*site).getAsset)},

		// They show what is in memory. A profile over time must end before the write
		// time-out: /debug/pprof/profile?seconds=10.
		{"GET /debug/pprof/", g.LocalOnly(pprof.Index)},
		{"GET /debug/pprof/profile", g.LocalOnly(pprof.Profile)},
		{"GET /debug/pprof/symbol", g.LocalOnly(pprof.Symbol)},
		{"GET /debug/pprof/trace", g.LocalOnly(pprof.Trace)},
	}
	if s.Receipts != nil {
		routes = append(routes, route{"POST /api/v1/receipts/chatapp-audit/{key}", s.Receipts})
	}
	return routes
}

// known answers unknown paths in the form that the client reads.
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
			api.Fail(w, http.StatusNotFound, "not found: "+apiPrefix+"openapi.yaml lists all paths")
		default:
			c, ok := s.guard.Caller(r)
			if !ok {
				s.guard.RefusePage(w)
				return
			}
			s.as(c).lost(w, r, "There is no page at this address.")
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

//go:embed openapi.yaml
var openAPI []byte

func (*site) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	// It fails only if the client has gone.
	_, _ = w.Write(openAPI)
}

func (s *site) getReplicas(w http.ResponseWriter, _ *http.Request) {
	answer := api.Replicas{Replicas: []api.Replica{}}
	if s.Replicas != nil {
		answer = s.Replicas()
	}
	api.Write(w, http.StatusOK, answer)
}

func (s *site) handOver(_ *http.Request, by string) (any, error) {
	if s.HandOver == nil {
		return nil, fmt.Errorf("%w: there are no replicas", alert.ErrRejected)
	}
	s.Logger.Info("the lead is being handed over", "by", by)
	return struct{}{}, s.HandOver()
}

// getBackup streams a copy of the store. A copy that breaks off breaks the
// connection, so that nobody mistakes it for a complete one.
func (s *site) getBackup(w http.ResponseWriter, r *http.Request) {
	if !s.backup.TryLock() {
		api.Fail(w, http.StatusConflict, "another backup is running: try again when it is done")
		return
	}
	defer s.backup.Unlock()
	name := s.Now().UTC().Format("numwatch-20060102T150405Z.db")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	if _, err := s.Backup(server.Patient(w)); err != nil {
		s.Logger.WarnContext(r.Context(), "backup failed", "err", err)
		panic(http.ErrAbortHandler)
	}
}
