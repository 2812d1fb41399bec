package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
)

// SilenceList is the answer of /api/v1/silences.
type SilenceList struct {
	Total    int       `json:"total"`
	Silences []Silence `json:"silences"` // the one that ends first in front
}

// Silence is a silence in force.
type Silence struct {
	alert.Silence
	Covers int `json:"covers"` // open alerts that it holds back
}

// SilenceRequest asks for a silence until a time, or for a time.
type SilenceRequest struct {
	Match  alert.Matcher `json:"match"`
	Until  time.Time     `json:"until,omitzero"`
	For    Seconds       `json:"for_seconds,omitzero"`
	By     string        `json:"by"`
	Reason string        `json:"reason,omitempty"`
}

// PreviewRequest asks what a silence would cover.
type PreviewRequest struct {
	Match alert.Matcher `json:"match"`
}

// ByRequest says who asks.
type ByRequest struct {
	By string `json:"by"`
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

// prompt answers in time also while the bot cannot store what is decided.
func prompt(decide http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), decideWithin)
		defer cancel()
		decide(w, r.WithContext(ctx))
	}
}

func (s *site) getSilences(w http.ResponseWriter, r *http.Request) {
	if refused(w, paramsOf(r)) {
		return
	}
	list := SilenceList{Silences: []Silence{}}
	for _, one := range s.Silences() {
		list.Silences = append(list.Silences, s.silence(one))
	}
	list.Total = len(list.Silences)
	answer(w, http.StatusOK, list)
}

func (s *site) silence(one alert.Silence) Silence {
	return Silence{Silence: one, Covers: len(s.covered(&one.Match))}
}

// covered returns the open alerts that a matcher chooses, the worst first.
func (s *site) covered(m *alert.Matcher) []*alert.Alert {
	return slices.DeleteFunc(s.selected(selection{State: stateOpen}), func(a *alert.Alert) bool {
		return !m.Matches(a, s.Space(a.Subject.SpaceKey()).Labels)
	})
}

func (s *site) postSilence(w http.ResponseWriter, r *http.Request) {
	var q SilenceRequest
	if !read(w, r, &q) {
		return
	}
	made, err := s.makeSilence(r.Context(), q)
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	answer(w, http.StatusCreated, s.silence(made))
}

// makeSilence starts the silence that is asked for.
func (s *site) makeSilence(ctx context.Context, q SilenceRequest) (alert.Silence, error) {
	if err := checkMatch(&q.Match); err != nil {
		return alert.Silence{}, err
	}
	if q.Until.IsZero() == (q.For == 0) {
		return alert.Silence{}, fmt.Errorf("%w: say until when, or for how long, and not both", alert.ErrRejected)
	}
	if q.For != 0 {
		q.Until = s.Now().Add(time.Duration(q.For))
	}
	by, err := who(q.By)
	if err != nil {
		return alert.Silence{}, err
	}
	return s.Desk.Silence(ctx, alert.Silence{
		Match: q.Match, Until: q.Until.UTC(), By: by, Reason: alert.Cut(shown(strings.TrimSpace(q.Reason)), mostReason),
	})
}

// checkMatch refuses a matcher that names nothing, or something there cannot be.
func checkMatch(m *alert.Matcher) error {
	switch {
	case m.Empty():
		return fmt.Errorf("%w: name at least one of account, space, number, rule, severity or label", alert.ErrRejected)
	case m.Severity != "" && !slices.Contains(alert.Severities(), m.Severity):
		return fmt.Errorf("%w: severity must be one of %s", alert.ErrRejected, strings.Join(alert.Severities(), ", "))
	}
	return nil
}

// who makes a name fit to be shown to others.
func who(by string) (string, error) {
	by = strings.TrimSpace(shown(by))
	if by == "" {
		return "", fmt.Errorf("%w: say in `by` who asks for it", alert.ErrRejected)
	}
	return alert.Cut(by, mostName), nil
}

func (s *site) postPreview(w http.ResponseWriter, r *http.Request) {
	var q PreviewRequest
	if !read(w, r, &q) {
		return
	}
	if err := checkMatch(&q.Match); err != nil {
		s.undecided(w, r, err)
		return
	}
	found := s.covered(&q.Match)
	list := AlertList{Total: len(found), Alerts: []Alert{}}
	for _, a := range part(found, 0, mostPreview) {
		list.Alerts = append(list.Alerts, s.render(a))
	}
	answer(w, http.StatusOK, list)
}

func (s *site) deleteSilence(w http.ResponseWriter, r *http.Request) {
	var q ByRequest
	if !read(w, r, &q) {
		return
	}
	by, err := who(q.By)
	if err == nil {
		err = s.Desk.EndSilence(r.Context(), r.PathValue("id"), by)
	}
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	answer(w, http.StatusOK, struct{}{})
}

func (s *site) postAck(w http.ResponseWriter, r *http.Request)   { s.acked(w, r, s.Desk.Ack) }
func (s *site) deleteAck(w http.ResponseWriter, r *http.Request) { s.acked(w, r, s.Desk.Unack) }

func (s *site) acked(w http.ResponseWriter, r *http.Request, do func(context.Context, string, string) (alert.Alert, error)) {
	var q ByRequest
	if !read(w, r, &q) {
		return
	}
	by, err := who(q.By)
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	a, err := do(r.Context(), r.PathValue("id"), by)
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	answer(w, http.StatusOK, s.render(&a))
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
