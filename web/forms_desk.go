package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"numwatch/alert"
)

func (s *site) nameForm(w http.ResponseWriter, r *http.Request) {
	_, err := named(w, r)
	s.decided(w, r, "named", err)
}

func (s *site) ackForm(w http.ResponseWriter, r *http.Request) {
	s.ackedForm(w, r, "acked", s.Desk.Ack)
}

func (s *site) unackForm(w http.ResponseWriter, r *http.Request) {
	s.ackedForm(w, r, "unacked", s.Desk.Unack)
}

func (s *site) ackedForm(w http.ResponseWriter, r *http.Request, done string, do func(context.Context, string, string) (alert.Alert, error)) {
	by, err := named(w, r)
	if err == nil {
		_, err = do(r.Context(), r.PathValue("id"), by)
	}
	s.decided(w, r, done, err)
}

// silenceAlertForm silences one rule about one subject.
func (s *site) silenceAlertForm(w http.ResponseWriter, r *http.Request) {
	by, err := named(w, r)
	if err == nil {
		err = s.silenceAlert(r, by)
	}
	s.decided(w, r, "silenced", err)
}

func (s *site) silenceAlert(r *http.Request, by string) error {
	length, err := lengthOf(r.PostFormValue("for"))
	if err != nil {
		return err
	}
	for _, a := range s.Alerts() {
		if a.ID == r.PathValue("id") && !a.State.Closed() {
			_, err = s.makeSilence(r.Context(), SilenceRequest{Match: matchAlert(a), For: length, By: by})
			return err
		}
	}
	return fmt.Errorf("%w: alert %s", alert.ErrNotFound, r.PathValue("id"))
}

// matchAlert chooses the alerts of the same rule about the same subject.
func matchAlert(a *alert.Alert) alert.Matcher {
	return alert.Matcher{Account: a.Subject.Account, Space: a.Subject.Space, PhoneNumber: a.Subject.PhoneNumber, Rule: a.Rule}
}

func lengthOf(text string) (Seconds, error) {
	length, err := time.ParseDuration(text)
	if err != nil || length <= 0 {
		return 0, fmt.Errorf("%w: choose for how long", alert.ErrRejected)
	}
	return Seconds(length), nil
}

// silenceForm starts the silence that its page asks for. What is refused is
// shown there, with everything as it was filled in.
func (s *site) silenceForm(w http.ResponseWriter, r *http.Request) {
	q, err := silenceAsked(w, r)
	if err == nil {
		_, err = s.makeSilence(r.Context(), q)
	}
	switch {
	case err == nil:
		back(w, r, "silences", "silenced")
	case errors.Is(err, alert.ErrRejected):
		s.showSilences(w, r, http.StatusUnprocessableEntity, r.PostForm, because(err))
	default:
		s.decided(w, r, "", err)
	}
}

// because is why something was refused.
func because(err error) string {
	return strings.TrimPrefix(err.Error(), alert.ErrRejected.Error()+": ")
}

func silenceAsked(w http.ResponseWriter, r *http.Request) (q SilenceRequest, err error) {
	if q.By, err = named(w, r); err != nil {
		return q, err
	}
	if q.Match, err = matchOf(r.PostForm); err != nil {
		return q, err
	}
	q.Reason = r.PostFormValue("reason")
	until := r.PostFormValue("until")
	if until == "" {
		q.For, err = lengthOf(r.PostFormValue("for"))
		return q, err
	}
	if q.Until, err = time.Parse("2006-01-02T15:04", until); err != nil {
		return q, fmt.Errorf("%w: the end must be a time such as 2026-11-24T07:00", alert.ErrRejected)
	}
	return q, nil
}

func (s *site) endSilenceForm(w http.ResponseWriter, r *http.Request) {
	by, err := named(w, r)
	if err == nil {
		err = s.Desk.EndSilence(r.Context(), r.PathValue("id"), by)
	}
	s.decided(w, r, "ended", err)
}

// decided leads back to the page that the form stood on.
func (s *site) decided(w http.ResponseWriter, r *http.Request, done string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, alert.ErrNotFound):
		done = "over"
	case errors.Is(err, alert.ErrRejected):
		done = "undone"
	default:
		s.Logger.WarnContext(r.Context(), "a decision could not be stored", "path", r.URL.Path, "err", err)
		done = "failed"
	}
	page, values := "alerts", url.Values{}
	if from, err := url.Parse(r.Referer()); err == nil {
		// With what was chosen there. The address is written anew: nothing of it
		// is taken but which of two pages it is, and the query.
		if strings.HasSuffix(from.Path, "/silences") {
			page = "silences"
		}
		values = from.Query()
	}
	values.Set("done", done)
	w.Header().Set("Location", root(r)+page+"?"+values.Encode())
	w.WriteHeader(http.StatusSeeOther)
}
