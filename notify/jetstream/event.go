package jetstream

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
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

// Render returns the event as it is published at now. What it says, and in
// which form, is described by the schemas in docs/events.
func (r *Renderer) Render(e *alert.Event, now time.Time) []byte {
	name := eventType(e.Kind)
	w := newWriter()
	w.text("specversion", "1.0")
	w.text("id", r.ID(e.Seq))
	w.text("source", source(e.Subject()))
	w.some("subject", eventSubject(e))
	w.text("type", name)
	w.moment("time", e.Time)
	w.text("datacontenttype", "application/json")
	w.text("dataschema", schemaBase+strings.TrimPrefix(name, "numwatch.")+".json")
	w.object("data", func() { r.data(w, e, now.Sub(e.Time) > alert.LateAfter) })
	return w.end()
}

func eventType(k alert.Kind) string { return "numwatch." + k.String() + ".v1" }

// source is a URI reference to the origin of the event: the space's identifiers
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

func (r *Renderer) data(w *writer, e *alert.Event, late bool) {
	if e.Kind == alert.KindBot {
		w.text("kind", e.Notice.Kind)
		w.text("text", e.Notice.Text)
		w.flag("late", late)
		return
	}
	field, baseline, drill := e.Change.Field, e.Change.Baseline, false
	if a := e.Alert; a != nil {
		field, baseline, drill = a.Field, a.Baseline, a.Drill
	}
	r.change(w, &e.Change, e.Subject(), field)
	w.flag("baseline", baseline)
	w.flag("drill", drill)
	w.flag("late", late)
	if e.Alert != nil {
		w.object("alert", func() { writeAlert(w, e.Alert) })
	}
}

func (r *Renderer) change(w *writer, c *phone.Change, s phone.Subject, field phone.Field) {
	show := func(_ phone.Field, v string) string { return v }
	if r.RedactURLs {
		show = phone.Field.Shown
	}
	w.some("account", s.Account)
	if s.Space != "" {
		w.object("space", func() { r.space(w, s) })
	}
	if s.PhoneNumber != "" {
		w.object("number", func() { writeNumber(w, c, s, show) })
	}
	w.some("part", s.Component)
	w.text("field", field.String())
	w.text("old", show(field, c.Old))
	w.text("new", show(field, c.New))
	w.text("direction", c.Direction.String())
	if !c.SeenAfter.IsZero() {
		w.moment("seen_after", c.SeenAfter)
	}
	w.moment("seen_at", c.SeenAt)
	w.some("request_id", c.RequestId)
	w.some("moved_from", c.MovedFrom)
	if !c.AwaySince.IsZero() {
		w.moment("away_since", c.AwaySince)
	}
	w.some("code", c.Code)
	w.some("reason", c.Reason)
}

func (r *Renderer) space(w *writer, s phone.Subject) {
	w.text("id", s.Space)
	if r.Space == nil {
		return
	}
	described := r.Space(s.SpaceKey())
	w.some("name", described.Name)
	if len(described.Labels) > 0 {
		w.object("labels", func() {
			for _, name := range slices.Sorted(maps.Keys(described.Labels)) {
				w.text(name, described.Labels[name])
			}
		})
	}
}

// writeNumber writes the whole number as it was seen; of one that is no more
// there may be its PhoneNumber alone.
func writeNumber(w *writer, c *phone.Change, s phone.Subject, show func(phone.Field, string) string) {
	if c.Number == nil {
		w.text("PhoneNumber", s.PhoneNumber)
		return
	}
	w.text("PhoneNumber", c.Number.PhoneNumber)
	for f, v := range c.Number.All() {
		w.text(f.String(), show(f, v))
	}
}

func writeAlert(w *writer, a *alert.Alert) {
	w.text("id", a.ID)
	w.text("incident", a.Incident)
	w.text("rule", a.Rule)
	w.text("severity", a.Severity.String())
	w.text("transition", a.Transition.String())
	w.text("state", a.State.String())
	w.moment("since", a.Since)
	w.count("revision", a.Revision)
	w.count("openings", uint64(a.Openings))
	if a.Flapping {
		w.flag("flapping", true)
	}
	w.texts("held_by", a.HeldBy)
	if a.Ack == nil {
		w.null("ack")
	} else {
		w.object("ack", func() {
			w.text("by", a.Ack.By)
			w.moment("at", a.Ack.At)
		})
	}
	if r := a.Reason; r != nil {
		w.object("reason", func() {
			w.text("level", r.Level)
			w.some("code", r.Code)
			w.text("text", r.Text)
			w.some("solution", r.Solution)
		})
	}
	w.some("closing", a.Closing)
	w.some("title", a.Title.Plain())
	w.text("summary", a.Summary.Plain())
	w.some("action", a.Action.Plain())
	w.some("runbook", a.Runbook)
}
