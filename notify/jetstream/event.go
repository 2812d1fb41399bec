package jetstream

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Types and schemas of the events, version 1: it only ever gains members.
const (
	TypeChange = "numwatch.change.v1"
	TypeAlert  = "numwatch.alert.v1"
	TypeBot    = "numwatch.bot.v1"

	schemaBase  = "urn:numwatch:events:"
	contentType = "application/cloudevents+json"
)

// Renderer turns events of the log into CloudEvents 1.0 in structured JSON. It
// is safe for concurrent use if Space is.
type Renderer struct {
	Epoch      string                           // of the store
	Space      func(phone.SpaceKey) phone.Space // how the configuration describes a space
	RedactURLs bool                             // also in events, where consumers need no callback URLs
}

// ID returns the id of the event with that sequence: it is the same whenever
// and however often the event is published.
func (r *Renderer) ID(seq uint64) string { return fmt.Sprintf("%s-%012d", r.Epoch, seq) }

// seq returns the sequence of an id of this epoch.
func (r *Renderer) seq(id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, r.Epoch+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

// The published form, which the schemas in docs/events describe.
type (
	envelope struct {
		SpecVersion     string    `json:"specversion"`
		ID              string    `json:"id"`
		Source          string    `json:"source"`
		Subject         string    `json:"subject,omitempty"`
		Type            string    `json:"type"`
		Time            time.Time `json:"time"`
		DataContentType string    `json:"datacontenttype"`
		DataSchema      string    `json:"dataschema"`
		Data            any       `json:"data"`
	}
	noticeData struct {
		Kind string `json:"kind"`
		Text string `json:"text"`
		Late bool   `json:"late"`
	}
	changeData struct {
		Account   string        `json:"account,omitempty"`
		Space     *spaceData    `json:"space,omitempty"`
		Number    *phone.Number `json:"number,omitempty"`
		Part      string        `json:"part,omitempty"`
		Field     string        `json:"field"`
		Old       string        `json:"old"`
		New       string        `json:"new"`
		Direction string        `json:"direction"`
		SeenAfter time.Time     `json:"seen_after,omitzero"`
		SeenAt    time.Time     `json:"seen_at"`
		RequestID string        `json:"request_id,omitempty"`
		MovedFrom string        `json:"moved_from,omitempty"`
		Code      string        `json:"code,omitempty"`
		Reason    string        `json:"reason,omitempty"`
		Baseline  bool          `json:"baseline"`
		Drill     bool          `json:"drill"`
		Late      bool          `json:"late"`
		Alert     *alertData    `json:"alert,omitempty"`
	}
	spaceData struct {
		ID     string            `json:"id"`
		Name   string            `json:"name,omitempty"`
		Labels map[string]string `json:"labels,omitempty"`
	}
	alertData struct {
		ID         string     `json:"id"`
		Rule       string     `json:"rule"`
		Severity   string     `json:"severity"`
		Transition string     `json:"transition"`
		State      string     `json:"state"`
		Since      time.Time  `json:"since"`
		Revision   uint64     `json:"revision"`
		Openings   int        `json:"openings"`
		HeldBy     []string   `json:"held_by"`
		Ack        *alert.Ack `json:"ack"`
		Closing    string     `json:"closing,omitempty"`
		Summary    string     `json:"summary"`
		Action     string     `json:"action,omitempty"`
		Runbook    string     `json:"runbook,omitempty"`
	}
)

// Render returns the event as it is published at now. It fails for a time that
// JSON cannot express.
func (r *Renderer) Render(e *alert.Event, now time.Time) ([]byte, error) {
	name := eventType(e.Kind)
	return json.Marshal(envelope{
		SpecVersion: "1.0", ID: r.ID(e.Seq), Source: source(e.Subject()), Subject: eventSubject(e),
		Type: name, Time: e.Time.UTC(), DataContentType: "application/json",
		DataSchema: schemaBase + strings.TrimPrefix(name, "numwatch.") + ".json",
		Data:       r.data(e, now.Sub(e.Time) > alert.LateAfter),
	})
}

func eventType(k alert.Kind) string { return "numwatch." + k.String() + ".v1" }

// source is a URI reference to where the event arose: the space's identifiers
// are opaque, so they are escaped.
func source(s phone.Subject) string {
	path := "/numwatch"
	for _, part := range []string{s.Account, s.Space} {
		if part != "" {
			path += "/" + url.PathEscape(part)
		}
	}
	return path
}

// eventSubject is what the event is about within its source.
func eventSubject(e *alert.Event) string {
	if e.Kind == alert.KindBot {
		return e.Notice.Kind
	}
	s := e.Subject()
	return s.PhoneNumber + s.Component // never both
}

func (r *Renderer) data(e *alert.Event, late bool) any {
	if e.Kind == alert.KindBot {
		return noticeData{Kind: e.Notice.Kind, Text: e.Notice.Text, Late: late}
	}
	c, s := &e.Change, e.Subject()
	field, baseline, drill := c.Field, c.Baseline, false
	if a := e.Alert; a != nil {
		field, baseline, drill = a.Field, a.Baseline, a.Drill
	}
	d := changeData{
		Account: s.Account, Space: r.space(s), Number: numberOf(c, s), Part: s.Component,
		Field: field.String(), Old: c.Old, New: c.New, Direction: c.Direction.String(),
		SeenAfter: c.SeenAfter.UTC(), SeenAt: c.SeenAt.UTC(), RequestID: c.RequestId, MovedFrom: c.MovedFrom,
		Code: c.Code, Reason: c.Reason, Baseline: baseline, Drill: drill, Late: late, Alert: alertOf(e.Alert),
	}
	if r.RedactURLs {
		d.Old, d.New = field.Shown(d.Old), field.Shown(d.New)
		if d.Number != nil {
			redacted := d.Number.Redacted()
			d.Number = &redacted
		}
	}
	return d
}

func (r *Renderer) space(s phone.Subject) *spaceData {
	if s.Space == "" {
		return nil
	}
	d := &spaceData{ID: s.Space}
	if r.Space != nil {
		described := r.Space(s.SpaceKey())
		d.Name, d.Labels = described.Name, described.Labels
	}
	return d
}

// numberOf is the whole number as it was seen; of one that is no more there may
// be its PhoneNumber alone.
func numberOf(c *phone.Change, s phone.Subject) *phone.Number {
	switch {
	case s.PhoneNumber == "":
		return nil
	case c.Number == nil:
		return &phone.Number{PhoneNumber: s.PhoneNumber}
	default:
		return c.Number
	}
}

func alertOf(a *alert.Alert) *alertData {
	if a == nil {
		return nil
	}
	d := &alertData{
		ID: a.ID, Rule: a.Rule, Severity: a.Severity.String(), Transition: a.Transition.String(), State: a.State.String(),
		Since: a.Since.UTC(), Revision: a.Revision, Openings: a.Openings, HeldBy: a.HeldBy,
		Closing: a.Closing, Summary: a.Summary.Plain(), Action: a.Action.Plain(), Runbook: a.Runbook,
	}
	if d.HeldBy == nil {
		d.HeldBy = []string{} // the schema wants a list
	}
	if a.Ack != nil {
		d.Ack = &alert.Ack{By: a.Ack.By, At: a.Ack.At.UTC()}
	}
	return d
}
