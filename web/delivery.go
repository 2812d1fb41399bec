package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// Slack takes requests to retry what could not be delivered.
type Slack interface {
	// RetryDead posts the alerts of a dead letter again.
	RetryDead(ctx context.Context, id string) error
	// Retry tries all parked channels again now.
	Retry()
}

func (s *site) deadLetters() []api.DeadLetter {
	out := []api.DeadLetter{}
	for _, m := range s.View.DeadLetters() {
		letter := api.DeadLetter{ID: m.ID, Channel: m.Channel, At: m.At, Reason: display.Line(m.Reason), Alerts: []api.DeadAlert{}}
		for _, one := range m.Alerts {
			d := api.DeadAlert{ID: one.Alert}
			if a, ok := s.View.Alert(one.Alert); ok {
				d.Rule, d.Summary = a.Rule, a.Summary.Render(display.Line)
			}
			letter.Alerts = append(letter.Alerts, d)
		}
		out = append(out, letter)
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
	api.Write(w, http.StatusOK, api.DeadLetterList{Total: len(all), DeadLetters: part(all, offset, limit)})
}

// retryDead retries the dead letter that the path names.
func (s *site) retryDead(r *http.Request) error {
	id := r.PathValue("id")
	if m, ok := s.View.Message(id); !ok || m.State != alert.Dead {
		return fmt.Errorf("%w: dead letter %s", alert.ErrNotFound, id)
	}
	return s.Slack.RetryDead(r.Context(), id)
}

// retryParked tries all parked channels again.
func (s *site) retryParked(*http.Request) error {
	s.Slack.Retry()
	return nil
}

type deliveryPage struct {
	Sinks  []sinkRow
	Parked int
	Dead   []deadRow
	Pager  display.Pager
}

type sinkRow struct {
	api.SinkStatus
	Tone display.Tone
	What string
}

type deadRow struct {
	api.DeadLetter
	More int // alerts that are not listed
}

// maxDeadAlerts is how many alerts of a dead letter a page lists.
const maxDeadAlerts = 5

func sinkRows(sinks []api.SinkStatus) []sinkRow {
	var rows []sinkRow
	for _, k := range sinks {
		row := sinkRow{SinkStatus: k, Tone: display.Good, What: "events for programs"}
		if channel, ok := strings.CutPrefix(k.Name, "slack:"); ok {
			row.What = "messages in channel " + channel
			if k.Digest != "" {
				row.What = "digests in channel " + channel + ": " + k.Digest
			}
		} else if k.Name == "slack-socket" {
			row.What = "buttons on messages"
		}
		switch {
		case k.State == phone.Parked:
			row.Tone = display.Dire
		case k.State != phone.OK || k.LastError != "" || len(k.Warnings) > 0:
			row.Tone = display.Watch
		}
		rows = append(rows, row)
	}
	return rows
}

func (s *site) deliveryPage(w http.ResponseWriter, r *http.Request) {
	params := paramsOf(r)
	letters, turns := paged(params, s.deadLetters())
	body := deliveryPage{Sinks: sinkRows(s.sinks()), Pager: turns}
	for _, k := range body.Sinks {
		if k.State == phone.Parked {
			body.Parked++
		}
	}
	for _, d := range letters {
		row := deadRow{d, max(len(d.Alerts)-maxDeadAlerts, 0)}
		row.Alerts = d.Alerts[:len(d.Alerts)-row.More]
		body.Dead = append(body.Dead, row)
	}
	s.page(w, r, "delivery", "Delivery", body, params)
}
