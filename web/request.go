package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/web/api"
	"numwatch/web/display"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxOffset    = math.MaxInt32
)

// params reads the parameters of a request and collects what is wrong.
type params struct {
	values url.Values
	known  map[string]bool
	wrong  []string
}

func paramsOf(r *http.Request) *params {
	return &params{values: r.URL.Query(), known: map[string]bool{}}
}

func (p *params) text(name string) string {
	p.known[name] = true
	return p.values.Get(name)
}

// oneOf reads a value that is one of a few, the first by default.
func (p *params) oneOf(name string, values ...string) string {
	v := p.text(name)
	switch {
	case v == "":
		return values[0]
	case !slices.Contains(values, v):
		p.wrong = append(p.wrong, fmt.Sprintf("%s must be one of %s", name, strings.Join(values, ", ")))
	}
	return v
}

func (p *params) number(name string, least, most, otherwise int) int {
	v := p.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		p.wrong = append(p.wrong, fmt.Sprintf("%s must be a number from %d to %d", name, least, most))
		return otherwise
	}
	return n
}

// position reads a place in the log, 0 for none.
func (p *params) position(name string) uint64 {
	v := p.text(name)
	if v == "" {
		return 0
	}
	seq, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		p.wrong = append(p.wrong, name+" must be a position in the log: a number from 0")
	}
	return seq
}

// page reads which part of a list is wanted.
func (p *params) page() (offset, limit int) {
	return p.number("offset", 0, maxOffset, 0), p.number("limit", 1, maxLimit, defaultLimit)
}

// pageNumber reads which part of a list a page shows, from 1.
func (p *params) pageNumber() (offset int) {
	return (p.number("page", 1, maxOffset/display.RowsPerPage, 1) - 1) * display.RowsPerPage
}

// list reads a parameter that may be there several times or hold commas.
func (p *params) list(name string) (all []string) {
	p.known[name] = true
	for _, v := range p.values[name] {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
	}
	return all
}

// labels reads label.NAME=VALUE.
func (p *params) labels() map[string]string {
	labels := map[string]string{}
	for name, values := range p.values {
		if label, ok := strings.CutPrefix(name, "label."); ok {
			p.known[name] = true
			labels[label] = values[0]
		}
	}
	return labels
}

// severities reads the severities that are wanted; none means all.
func (p *params) severities() (all []alert.Severity) {
	for _, name := range p.list("severity") {
		var s alert.Severity
		if err := s.UnmarshalText([]byte(name)); err != nil {
			p.wrong = append(p.wrong, "severity must be one of "+strings.Join(alert.Severities(), ", "))
			continue
		}
		all = append(all, s)
	}
	return all
}

// problem returns what is wrong with the parameters, "" if nothing is.
func (p *params) problem() string {
	return strings.Join(append(slices.Clone(p.wrong), p.unknown("see /api/v1/openapi.yaml")...), "; ")
}

// ofPage is problem for a page, which knows some parameters of every page.
func (p *params) ofPage() string {
	p.known["done"], p.known["about"] = true, true
	return strings.Join(append(slices.Clone(p.wrong), p.unknown("it is ignored")...), "; ")
}

func (p *params) unknown(advice string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.known[name] {
			all = append(all, fmt.Sprintf("unknown parameter %q: %s", alert.Cut(display.Line(name), 50), advice))
		}
	}
	return all
}

// part returns the part of a list that offset and limit ask for.
func part[T any](all []T, offset, limit int) []T {
	offset = min(offset, len(all))
	return all[offset:min(offset+limit, len(all))]
}

// paged returns the rows of a list that a page shows, and what leads to the others.
func paged[T any](p *params, all []T) ([]T, display.Pager) {
	offset := p.pageNumber()
	rows := part(all, offset, display.RowsPerPage)
	return rows, display.NewPager(p.values, offset, len(rows), len(all))
}

// refused answers when the parameters are wrong.
func refused(w http.ResponseWriter, p *params) bool {
	problem := p.problem()
	if problem != "" {
		api.Fail(w, http.StatusBadRequest, problem)
	}
	return problem != ""
}

const (
	maxAsked  = 64 << 10 // bytes of a request
	maxName   = 80       // characters of who asks
	maxReason = 300
	// maxPreview is how many alerts a preview lists.
	maxPreview = 100
	// decideWithin is how long a decision may take to be stored: less than who
	// asks waits, so that he hears why it takes so long.
	decideWithin = 5 * time.Second
)

// read decodes a request's JSON strictly. It has answered where that fails.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAsked))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("data after the object")
		}
	}
	if err != nil {
		api.Fail(w, http.StatusBadRequest, "invalid request body (see /api/v1/openapi.yaml): "+display.Line(err.Error()))
	}
	return err == nil
}

// prompt answers in time even while the bot cannot store a decision.
func prompt(decide handler) handler {
	return func(s *site, w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), decideWithin)
		defer cancel()
		decide(s, w, r.WithContext(ctx))
	}
}

// who is the name of who makes a request: the one that a token proves, or else what was
// typed, made fit to be shown to others.
func (s *site) who(by string) (string, error) {
	by = cmp.Or(s.caller.Name, strings.TrimSpace(display.Line(by)))
	if by == "" {
		return "", fmt.Errorf("%w: `by` is required: the name of who makes the request", alert.ErrRejected)
	}
	return alert.Cut(by, maxName), nil
}

// The cookie that remembers the user's name, so that it is asked for once.
const (
	nameCookie = "numwatch-name"
	nameFor    = 365 * 24 * time.Hour
)

// nameOf is the user's name: from the token, from the form, or as typed last time.
func (s *site) nameOf(r *http.Request) string {
	if s.caller.Name != "" {
		return display.Text(s.caller.Name)
	}
	if r.Method == http.MethodPost {
		if by := r.PostFormValue("by"); by != "" {
			return alert.Cut(display.Line(by), maxName)
		}
	}
	c, err := r.Cookie(nameCookie)
	if err != nil {
		return ""
	}
	name, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return alert.Cut(display.Line(name), maxName)
}

// named reads the user's name from a form, and remembers it.
func (s *site) named(w http.ResponseWriter, r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAsked)
	by, err := s.who(r.PostFormValue("by"))
	if err != nil {
		return "", err
	}
	if s.caller.Name != "" {
		return by, nil
	}
	http.SetCookie(w, &http.Cookie{
		Name: nameCookie, Value: url.QueryEscape(by), Path: "/", MaxAge: int(nameFor.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	return by, nil
}

// action is what a person asks for, through the API or by a form on a page.
type action func(s *site, r *http.Request, by string) (answer any, err error)

func byAPI(do action) handler {
	return prompt(func(s *site, w http.ResponseWriter, r *http.Request) {
		var q api.ByRequest
		if !read(w, r, &q) {
			return
		}
		by, err := s.who(q.By)
		var answer any
		if err == nil {
			answer, err = do(s, r, by)
		}
		if err != nil {
			s.undecided(w, r, err)
			return
		}
		api.Write(w, http.StatusOK, answer)
	})
}

// retryByAPI and retryByForm serve what is tried again, which takes no name.
func retryByAPI(do func(*site, *http.Request) error) handler {
	return prompt(func(s *site, w http.ResponseWriter, r *http.Request) {
		if err := do(s, r); err != nil {
			s.undecided(w, r, err)
			return
		}
		api.Write(w, http.StatusOK, struct{}{})
	})
}

func retryByForm(done string, do func(*site, *http.Request) error) handler {
	return prompt(func(s *site, w http.ResponseWriter, r *http.Request) {
		s.back(w, r, "delivery", s.outcome(r, done, do(s, r)))
	})
}

// undecided answers with why a request was not carried out.
func (s *site) undecided(w http.ResponseWriter, r *http.Request, err error) {
	switch text := display.Line(because(err)); {
	case errors.Is(err, alert.ErrNotFound):
		api.Fail(w, http.StatusNotFound, text+"; it may have been deleted: /api/v1/alerts, /api/v1/silences and /api/v1/deadletters list what exists")
	case errors.Is(err, alert.ErrRejected):
		api.Fail(w, http.StatusUnprocessableEntity, text)
	default:
		s.Logger.WarnContext(r.Context(), "a request could not be carried out", "path", r.URL.Path, "err", err)
		api.Fail(w, http.StatusServiceUnavailable, s.unstored(err))
	}
}

// unstored says why something could not be stored: the bot's own reason where it
// has one, because err then only says that time was up. What the bot has taken
// already, it still does later.
func (s *site) unstored(err error) string {
	why := err.Error()
	if reason := s.Ready(); reason != nil {
		why = "the bot is not ready: " + reason.Error()
	} else if errors.Is(err, context.DeadlineExceeded) {
		why = "the bot did not store it within " + decideWithin.String()
	}
	return display.Line(why) + "; once it is ready (/readyz), check whether it was stored after all, and try again if not"
}

// broken answers when the store cannot be read.
func (s *site) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.WarnContext(r.Context(), "a request could not be answered", "path", r.URL.Path, "err", err)
	api.Fail(w, http.StatusInternalServerError, display.Line(err.Error())+"; see the log, and check the store: numwatch db check")
}
