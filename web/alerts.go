package web

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Alert is an alert in /api/v1/alerts: of the same form as the data of its events
// on NATS, with callback URLs redacted.
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
	Changed    time.Time        `json:"changed"` // of the last transition
	Closing    string           `json:"closing,omitempty"`
	Channels   []string         `json:"channels"`
	Revision   uint64           `json:"revision"`
	Openings   int              `json:"openings"`
	HeldBy     []string         `json:"held_by"`
	Ack        *alert.Ack       `json:"ack"`
	Summary    string           `json:"summary"`
	Action     string           `json:"action,omitempty"`
	Runbook    string           `json:"runbook,omitempty"`
}

// Which alerts a list shows.
const (
	stateOpen   = "open" // pending or firing
	stateFiring = "firing"
	stateClosed = "closed" // lately: they are forgotten after some hours
	stateAll    = "all"
)

// selection selects alerts. Members that are empty select all.
type selection struct {
	State      string
	Severities []alert.Severity
	Rule       string
	Account    string
	Space      string
	Number     string
	Text       string
}

func (p *params) selection() selection {
	return selection{
		State: p.oneOf("state", stateOpen, stateFiring, stateClosed, stateAll), Severities: p.severities(),
		Rule: p.text("rule"), Account: p.text("account"), Space: p.text("space"), Number: p.text("number"), Text: p.text("q"),
	}
}

func (c *selection) has(a *alert.Alert) bool {
	switch c.State {
	case stateOpen:
		if a.State.Closed() {
			return false
		}
	case stateFiring:
		if a.State != alert.Firing {
			return false
		}
	case stateClosed:
		if !a.State.Closed() {
			return false
		}
	}
	is := func(wanted, v string) bool { return wanted == "" || wanted == v }
	return (len(c.Severities) == 0 || slices.Contains(c.Severities, a.Severity)) &&
		is(c.Rule, a.Rule) && is(c.Account, a.Subject.Account) && is(c.Space, a.Subject.Space) &&
		is(c.Number, a.Subject.PhoneNumber)
}

// selected returns the alerts of a selection: those that are open first, of
// these the worst, and of these the newest.
func (s *site) selected(c selection) []*alert.Alert {
	var alerts []*alert.Alert
	text := strings.ToLower(strings.TrimSpace(c.Text))
	for _, a := range s.Alerts() {
		if c.has(a) && (text == "" || strings.Contains(s.searchable(a), text)) {
			alerts = append(alerts, a)
		}
	}
	slices.SortFunc(alerts, func(a, b *alert.Alert) int {
		if x, y := a.State.Closed(), b.State.Closed(); x || y {
			return cmp.Or(compareBool(x, y), b.Changed.Compare(a.Changed), cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID))
	})
	return alerts
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// searchable is what a search looks for a text in.
func (s *site) searchable(a *alert.Alert) string {
	parts := []string{a.Rule, a.Subject.PhoneNumber, a.Subject.Space, a.Subject.Component, a.Summary.Render(shown)}
	if a.Change.Number != nil {
		parts = append(parts, a.Change.Number.Get(phone.VerifiedName))
	}
	if a.Subject.Space != "" {
		parts = append(parts, s.Space(a.Subject.SpaceKey()).Name)
	}
	return strings.ToLower(strings.Join(parts, "\n"))
}

func (s *site) render(a *alert.Alert) Alert {
	c := &a.Change
	out := Alert{
		Account: a.Subject.Account, Part: a.Subject.Component,
		Field: a.Field, Old: a.Field.Shown(c.Old), New: a.Field.Shown(c.New), Direction: c.Direction,
		SeenAfter: c.SeenAfter, SeenAt: c.SeenAt, RequestId: c.RequestId, MovedFrom: c.MovedFrom,
		Baseline: a.Baseline, Drill: a.Drill, Code: c.Code, Reason: shown(c.Reason),
		Number: redacted(c.Number),
		Alert: Detail{
			ID: a.ID, Rule: a.Rule, Severity: a.Severity, Transition: a.Transition, State: a.State,
			Since: a.Since, Changed: a.Changed, Closing: shown(a.Closing), Channels: append([]string{}, a.Channels...), Revision: a.Revision, Openings: a.Openings, HeldBy: append([]string{}, a.HeldBy...), Ack: a.Ack,
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
