package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"numwatch/alert"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = 100
	mostLimit    = 1000
	mostOffset   = 1 << 31
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

// page reads which part of a list is wanted.
func (p *params) page() (offset, limit int) {
	return p.number("offset", 0, mostOffset, 0), p.number("limit", 1, mostLimit, defaultLimit)
}

// pageNumber reads which part of a list a page shows, from 1.
func (p *params) pageNumber() (offset int) {
	return (p.number("page", 1, mostOffset/rowsPerPage, 1) - 1) * rowsPerPage
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
	wrong := slices.Clone(p.wrong)
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.known[name] {
			wrong = append(wrong, fmt.Sprintf("there is no parameter %q here: see /api/v1/openapi.yaml", alert.Cut(shown(name), 50)))
		}
	}
	return strings.Join(wrong, "; ")
}

// part returns the part of a list that offset and limit ask for.
func part[T any](all []T, offset, limit int) []T {
	offset = min(offset, len(all))
	return all[offset:min(offset+limit, len(all))]
}

// refused answers where the parameters are wrong.
func refused(w http.ResponseWriter, p *params) bool {
	problem := p.problem()
	if problem != "" {
		fail(w, http.StatusBadRequest, problem)
	}
	return problem != ""
}

const (
	mostAsked  = 64 << 10 // bytes of a request
	mostName   = 80       // characters of who asks
	mostReason = 300
	// mostPreview is how many alerts a preview lists.
	mostPreview = 100
	// decideWithin is how long a decision may take to be stored: less than who
	// asks waits, so that he hears why it takes so long.
	decideWithin = 5 * time.Second
)

// read decodes a request's JSON strictly. It has answered where that fails.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostAsked))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("there is something behind it")
		}
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "the request's body is not what /api/v1/openapi.yaml asks for: "+shown(err.Error()))
	}
	return err == nil
}

// prompt answers in time also while the bot cannot store what is decided.
func prompt(decide http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), decideWithin)
		defer cancel()
		decide(w, r.WithContext(ctx))
	}
}

// who makes a name fit to be shown to others.
func who(by string) (string, error) {
	by = strings.TrimSpace(shown(by))
	if by == "" {
		return "", fmt.Errorf("%w: say in `by` who asks for it", alert.ErrRejected)
	}
	return alert.Cut(by, mostName), nil
}

// undecided answers where what was asked for was not done.
func (s *site) undecided(w http.ResponseWriter, r *http.Request, err error) {
	switch text := shown(err.Error()); {
	case errors.Is(err, alert.ErrNotFound):
		fail(w, http.StatusNotFound, text+"; it may be over: /api/v1/alerts and /api/v1/silences list what there is")
	case errors.Is(err, alert.ErrRejected):
		fail(w, http.StatusUnprocessableEntity, text)
	default:
		s.Logger.WarnContext(r.Context(), "a decision could not be stored", "path", r.URL.Path, "err", err)
		fail(w, http.StatusServiceUnavailable, s.unstored(err))
	}
}

// unstored says why something could not be stored: the bot's own reason where it
// has one, because err then is no more than that the time was over. What the bot
// has taken already, it still does later.
func (s *site) unstored(err error) string {
	why := err.Error()
	if reason := s.Ready(); reason != nil {
		why = "the bot is not ready: " + reason.Error()
	} else if errors.Is(err, context.DeadlineExceeded) {
		why = "the bot did not store it within " + decideWithin.String()
	}
	return shown(why) + "; once it is ready (/readyz), see whether it was done meanwhile, and else try again"
}

// broken answers where the store cannot be read.
func (s *site) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.WarnContext(r.Context(), "a request could not be answered", "path", r.URL.Path, "err", err)
	fail(w, http.StatusInternalServerError, shown(err.Error())+"; look into the log, and check the store: numwatch db check")
}

func answer(w http.ResponseWriter, code int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "encoding the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// The client went away: nobody is left to be told.
	_, _ = w.Write(append(body, '\n'))
}

func fail(w http.ResponseWriter, code int, text string) {
	answer(w, code, struct {
		Error string `json:"error"`
	}{text})
}
