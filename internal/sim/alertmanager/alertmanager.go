// Package alertmanager simulates the API v2 of an Alertmanager, as its OpenAPI document and
// its code have it: strict about labels, times and forms, with the same rules of what
// replaces what, and with faults on demand. It notifies nobody. It shares no code with the
// sink and imports the standard library; tests and `numwatch sim alertmanager` use it.
package alertmanager

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Config is what an Alertmanager expects.
type Config struct {
	Username, Password string // "": no basic authentication
	Token              string // "": no bearer authentication
	Log                *slog.Logger
}

// Alert is an alert as last posted.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`

	timeout bool // EndsAt was not given
}

// Name is alertname and the other labels, sorted.
func (a *Alert) Name() string {
	var rest []string
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		if name != "alertname" {
			rest = append(rest, name+"="+a.Labels[name])
		}
	}
	return a.Labels["alertname"] + "{" + strings.Join(rest, ", ") + "}"
}

// Fault is how a request fails.
type Fault struct {
	Code int  // of the answer; 0: the connection breaks off
	Took bool // the alerts were accepted, but the answer was lost
}

// Server is an http.Handler, and safe for concurrent use.
type Server struct {
	config Config
	routes *http.ServeMux

	mu     sync.Mutex
	alerts map[string]*Alert // by name
	ends   []Alert           // as they were posted, with an end that had come
	faults []Fault
	posts  int
	most   int // bytes of a body
	wrong  []string
}

// New returns an Alertmanager that knows of no alert.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, routes: http.NewServeMux(), alerts: map[string]*Alert{}}
	s.routes.HandleFunc("POST /api/v2/alerts", s.post)
	s.routes.HandleFunc("GET /api/v2/alerts", s.get)
	s.routes.HandleFunc("GET /api/v2/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"versionInfo": map[string]string{"version": "simulated"}})
	})
	return s
}

// Fail makes the next posts fail, one by each of the faults.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Heal drops the faults that have not happened yet.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Restart forgets all alerts, as an Alertmanager does that has no peers.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.alerts)
}

// Firing returns what fires now, by name.
func (s *Server) Firing() map[string]Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, firing := time.Now(), map[string]Alert{}
	for name, a := range s.alerts {
		if a.EndsAt.After(now) {
			firing[name] = *a
		}
	}
	return firing
}

// Ends returns the alerts that were posted with an end that had come, in that order,
// repeated ones too.
func (s *Server) Ends() []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ends)
}

// Posts is how many posts there were, and how many bytes the largest had.
func (s *Server) Posts() (n, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts, s.most
}

// Wrong lists what was wrong with requests.
func (s *Server) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrong)
}

// ServeHTTP answers a request. It panics with http.ErrAbortHandler to break a connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	bearer := "Bearer " + s.config.Token
	if s.config.Username != "" && (user != s.config.Username || password != s.config.Password) ||
		s.config.Token != "" && r.Header.Get("Authorization") != bearer {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	s.routes.ServeHTTP(w, r)
}

func (s *Server) get(w http.ResponseWriter, _ *http.Request) {
	firing := s.Firing()
	all := []Alert{}
	for _, name := range slices.Sorted(maps.Keys(firing)) {
		all = append(all, firing[name])
	}
	answer(w, http.StatusOK, all)
}

const maxBody = 1 << 20 // what a proxy before it takes

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts++
	s.most = max(s.most, len(body))
	fault := Fault{Code: http.StatusOK, Took: true}
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	code := fault.Code
	var problem any
	switch {
	case err != nil:
		panic(http.ErrAbortHandler) // the client has gone
	case len(body) > maxBody:
		code, problem = http.StatusRequestEntityTooLarge, "the body is too large"
	case r.Header.Get("Content-Type") != "application/json":
		code, problem = http.StatusUnsupportedMediaType, "the Content-Type is "+r.Header.Get("Content-Type")
	case fault.Took:
		if err := s.take(body); err != nil {
			code, problem = http.StatusBadRequest, err.Error()
		}
	}
	if problem != nil {
		s.wrong = append(s.wrong, fmt.Sprint(problem))
		s.config.Log.Warn("refused", "err", problem)
	}
	if code == 0 {
		panic(http.ErrAbortHandler)
	}
	answer(w, code, problem)
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body) // the client may have gone
	}
}

// take accepts the valid alerts, and returns what is wrong with the others. It is called
// with the lock held.
func (s *Server) take(body []byte) (wrong error) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields() // stricter than the original
	var all []Alert
	if err := decoder.Decode(&all); err != nil {
		return fmt.Errorf("parsing alerts body: %w", err)
	}
	now := time.Now()
	for i := range all {
		a := &all[i]
		if err := a.complete(now); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%s: %w", a.Name(), err))
			continue
		}
		s.put(a, now)
	}
	return wrong
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

const resolveTimeout = 5 * time.Minute

// complete fills in what was not given, and returns what is wrong.
func (a *Alert) complete(now time.Time) error {
	a.UpdatedAt = now
	if a.StartsAt.IsZero() {
		a.StartsAt = cmp.Or(a.EndsAt, now)
	}
	if a.EndsAt.IsZero() {
		a.timeout, a.EndsAt = true, now.Add(resolveTimeout)
	}
	maps.DeleteFunc(a.Labels, func(_, value string) bool { return value == "" })
	if len(a.Labels) == 0 {
		return errors.New("at least one label pair required")
	}
	if a.EndsAt.Before(a.StartsAt) {
		return errors.New("start time must be before end time")
	}
	for _, set := range []map[string]string{a.Labels, a.Annotations} {
		for name, value := range set {
			if !labelName.MatchString(name) {
				return fmt.Errorf("invalid name %q", name)
			}
			if !utf8.ValidString(value) {
				return fmt.Errorf("invalid value %q", value)
			}
		}
	}
	if u, err := url.Parse(a.GeneratorURL); err != nil || a.GeneratorURL != "" && u.Host == "" {
		return fmt.Errorf("generatorURL %q is no URI", a.GeneratorURL)
	}
	return nil
}

// put takes an alert, merged with the one of these labels where they overlap in time.
func (s *Server) put(a *Alert, now time.Time) {
	name := a.Name()
	old := s.alerts[name]
	fired := old != nil && old.EndsAt.After(now)
	if old != nil && (a.EndsAt.After(old.StartsAt) && a.EndsAt.Before(old.EndsAt) || a.StartsAt.After(old.StartsAt) && a.StartsAt.Before(old.EndsAt)) {
		a.merge(old, now)
	}
	s.alerts[name] = a
	fires := a.EndsAt.After(now)
	if !fires {
		s.ends = append(s.ends, *a)
	}
	switch {
	case fires && !fired:
		s.config.Log.Info("fires", "alert", name, "summary", a.Annotations["summary"], "until", a.EndsAt, "link", a.GeneratorURL)
	case fired && !fires:
		s.config.Log.Info("resolved", "alert", name, "closing", a.Annotations["closing"])
	}
}

// merge extends a newer alert by the longer interval of an older one.
func (a *Alert) merge(old *Alert, now time.Time) {
	if old.StartsAt.Before(a.StartsAt) {
		a.StartsAt = old.StartsAt
	}
	resolved := !a.EndsAt.After(now)
	oldResolved := !old.EndsAt.After(now)
	if old.EndsAt.After(a.EndsAt) && (resolved && oldResolved || !resolved && !old.timeout) {
		a.EndsAt = old.EndsAt
	}
}
