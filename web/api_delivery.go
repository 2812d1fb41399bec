package web

import (
	"net/http"
	"time"

	"numwatch/alert"
)

// DeadLetterList is the answer of /api/v1/deadletters.
type DeadLetterList struct {
	Total       int          `json:"total"`
	DeadLetters []DeadLetter `json:"deadletters"` // oldest first
}

// DeadLetter is a message that Slack refuses for good.
type DeadLetter struct {
	ID      string      `json:"id"`
	Channel string      `json:"channel"`
	At      time.Time   `json:"at"`
	Reason  string      `json:"reason"`
	Alerts  []DeadAlert `json:"alerts"`
}

// DeadAlert is an alert that a dead letter shows.
type DeadAlert struct {
	ID      string `json:"id"`
	Rule    string `json:"rule,omitempty"` // empty where the alert is forgotten
	Summary string `json:"summary,omitempty"`
}

func (s *site) deadLetters() []DeadLetter {
	letters := s.Delivery.DeadLetters()
	out := []DeadLetter{}
	if len(letters) == 0 {
		return out
	}
	known := map[string]*alert.Alert{}
	for _, a := range s.Alerts() {
		known[a.ID] = a
	}
	for i := range letters {
		m := &letters[i]
		d := DeadLetter{ID: m.ID, Channel: m.Channel, At: m.At, Reason: shown(m.Reason), Alerts: []DeadAlert{}}
		for _, one := range m.Alerts {
			a := DeadAlert{ID: one.Alert}
			if k := known[one.Alert]; k != nil {
				a.Rule, a.Summary = k.Rule, k.Summary.Render(shown)
			}
			d.Alerts = append(d.Alerts, a)
		}
		out = append(out, d)
	}
	return out
}

func (s *site) getDeadLetters(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	offset, limit := p.page()
	if refused(w, p) {
		return
	}
	all := s.deadLetters()
	answer(w, http.StatusOK, DeadLetterList{Total: len(all), DeadLetters: part(all, offset, limit)})
}

func (s *site) postRetryDead(w http.ResponseWriter, r *http.Request) {
	code, problem := s.retryDead(r)
	if problem != "" {
		fail(w, code, problem)
		return
	}
	answer(w, code, struct{}{})
}

// retryDead tries the dead letter that the path names again.
func (s *site) retryDead(r *http.Request) (code int, problem string) {
	id := r.PathValue("id")
	there := false
	for _, m := range s.Delivery.DeadLetters() {
		there = there || m.ID == id
	}
	if !there {
		return http.StatusNotFound, "there is no dead letter with this id: it may have been retried already; /api/v1/deadletters lists those there are"
	}
	if err := s.Delivery.RetryDead(r.Context(), id); err != nil {
		s.Logger.WarnContext(r.Context(), "a dead letter could not be retried", "message", id, "err", err)
		return http.StatusServiceUnavailable, s.unstored(err)
	}
	return http.StatusOK, ""
}

func (s *site) postRetryParked(w http.ResponseWriter, _ *http.Request) {
	s.Delivery.RetryParked()
	answer(w, http.StatusOK, struct{}{})
}
