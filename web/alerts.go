package web

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Alert is an open alert in /api/v1/alerts: of the same form as the data of its
// events on NATS, with callback URLs redacted.
type Alert struct {
	Account   string          `json:"account,omitempty"`
	Space     *Space          `json:"space,omitempty"`
	Number    *phone.Number   `json:"number,omitempty"`
	Part      string          `json:"part,omitempty"` // of the bot
	Field     phone.Field     `json:"field"`
	Old       string          `json:"old"`
	New       string          `json:"new"`
	Direction phone.Direction `json:"direction"`
	SeenAfter time.Time       `json:"seen_after,omitzero"`
	SeenAt    time.Time       `json:"seen_at"`
	RequestId string          `json:"request_id,omitempty"`
	MovedFrom string          `json:"moved_from,omitempty"`
	Baseline  bool            `json:"baseline"`
	Drill     bool            `json:"drill"`
	Code      string          `json:"code,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Alert     Detail          `json:"alert"`
}

// Space is a space as it is configured.
type Space struct {
	ID     string            `json:"id"`
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Detail is what is said about an alert itself.
type Detail struct {
	ID         string           `json:"id"`
	Rule       string           `json:"rule"`
	Severity   alert.Severity   `json:"severity"`
	Transition alert.Transition `json:"transition"`
	State      alert.State      `json:"state"`
	Since      time.Time        `json:"since"`
	Revision   uint64           `json:"revision"`
	Openings   int              `json:"openings"`
	HeldBy     []string         `json:"held_by"`
	Ack        *alert.Ack       `json:"ack"`
	Summary    string           `json:"summary"`
	Action     string           `json:"action,omitempty"`
	Runbook    string           `json:"runbook,omitempty"`
}

// open returns the alerts that are not closed: the worst first, and of those
// the newest.
func (s *site) open() []alert.Alert {
	alerts := slices.DeleteFunc(slices.Clone(s.Alerts()), func(a alert.Alert) bool { return a.State.Closed() })
	slices.SortFunc(alerts, func(a, b alert.Alert) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID))
	})
	return alerts
}

func (s *site) render(a *alert.Alert) Alert {
	c := &a.Change
	out := Alert{
		Account: a.Subject.Account, Part: a.Subject.Part,
		Field: a.Field, Old: a.Field.Shown(c.Old), New: a.Field.Shown(c.New), Direction: c.Direction,
		SeenAfter: c.SeenAfter, SeenAt: c.SeenAt, RequestId: c.RequestId, MovedFrom: c.MovedFrom,
		Baseline: a.Baseline, Drill: a.Drill, Code: c.Code, Reason: shown(c.Reason),
		Number: redacted(c.Number),
		Alert: Detail{
			ID: a.ID, Rule: a.Rule, Severity: a.Severity, Transition: a.Transition, State: a.State,
			Since: a.Since, Revision: a.Revision, Openings: a.Openings, HeldBy: append([]string{}, a.HeldBy...), Ack: a.Ack,
			Summary: a.Summary.Render(shown), Action: a.Action.Render(shown), Runbook: a.Runbook,
		},
	}
	if a.Subject.Space != "" {
		space := s.Space(a.Subject.SpaceKey())
		out.Space = &Space{ID: a.Subject.Space, Name: space.Name, Labels: space.Labels}
	}
	return out
}

// redacted returns a copy of a number whose URLs may be shown.
func redacted(n *phone.Number) *phone.Number {
	if n == nil {
		return nil
	}
	out := *n
	for f, v := range n.All() {
		if f.IsURL() {
			out.Set(f, phone.Redact(v))
		}
	}
	return &out
}

var anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S+`)

// shown makes a text from outside fit to be shown: on one line, with nothing
// that steers the eye, and with the URLs in it redacted.
func shown(s string) string {
	return anyURL.ReplaceAllStringFunc(alert.Plain(s), phone.Redact)
}
