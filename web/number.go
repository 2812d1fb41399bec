package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// subject reads which number a path names.
func subject(r *http.Request) phone.Subject {
	return phone.Subject{Account: r.PathValue("account"), Space: r.PathValue("space"), PhoneNumber: r.PathValue("number")}
}

// alertsOf returns all alerts of a number.
func (s *site) alertsOf(about phone.Subject) []*alert.Alert {
	return s.selected(selection{State: stateAll, Account: about.Account, Space: about.Space, Number: about.PhoneNumber})
}

func (s *site) getNumber(w http.ResponseWriter, r *http.Request) {
	about := subject(r)
	known, err := s.View.Number(about.SpaceKey(), about.PhoneNumber)
	switch {
	case err != nil:
		s.broken(w, r, err)
		return
	case known == nil:
		api.Fail(w, http.StatusNotFound, "the space does not list this number now; its history may still exist, and /api/v1/numbers?q=… finds where it is")
		return
	}
	alerts := s.alertsOf(about)
	d := api.NumberDetail{
		NumberEntry: s.entry(about.SpaceKey(), &known.Number), Missed: known.Missed, MissedSince: known.MissedSince,
		ListChanged: known.At, Alerts: []api.Alert{}, Told: s.told(alerts),
	}
	for _, a := range alerts {
		d.Alerts = append(d.Alerts, s.render(a))
	}
	api.Write(w, http.StatusOK, d)
}

func (s *site) event(e *alert.Event) api.Event {
	c := &e.Change
	out := api.Event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind.String(), Field: c.Field, Old: c.Field.Shown(c.Old), New: c.Field.Shown(c.New),
		Direction: c.Direction, SeenAfter: c.SeenAfter, SeenAt: c.SeenAt, RequestId: c.RequestId,
		Baseline: c.Baseline, MovedFrom: c.MovedFrom, AwaySince: c.AwaySince, Code: c.Code, Reason: display.Line(c.Reason),
	}
	if e.Alert != nil {
		d := s.render(e.Alert).Alert
		out.Alert = &d
	}
	return out
}

func (s *site) getHistory(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	before, limit := p.position("before"), p.number("limit", 1, maxLimit, defaultLimit)
	if refused(w, p) {
		return
	}
	events, err := s.View.History(subject(r), before, limit)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	h := api.History{Events: []api.Event{}}
	for i := range events {
		h.Events = append(h.Events, s.event(&events[i]))
	}
	if len(events) == limit {
		h.Before = events[limit-1].Seq
	}
	api.Write(w, http.StatusOK, h)
}

type numberPage struct {
	Number, Name   string
	Space, SpaceID string
	Account        string
	About          phone.Subject
	Labels         []string
	Listed         bool // its space lists it now
	Missed         int
	Complete       bool
	Timeline       display.Timeline
	Fields         []fieldRow
	Incidents      []incidentRow
	Told           []api.Told
	Events         []eventRow
	Older          string
}

type fieldRow struct {
	Name, Value string
	Tone        display.Tone
	Enum        bool
	Since       display.Stamp
}

type eventRow struct {
	*alert.Event
	Field, Old, New, Direction string
	Tone                       display.Tone
	Notes                      string
}

// historyRead is how many events of a number its page reads: those that it
// lists, and more for its timeline.
const historyRead = 500

func (s *site) numberPage(w http.ResponseWriter, r *http.Request) {
	about, now := subject(r), s.Now()
	params := paramsOf(r)
	before, over := params.position("before"), params.oneOf("over", display.TimelineRanges()...)
	known, err := s.View.Number(about.SpaceKey(), about.PhoneNumber)
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	events, err := s.View.History(about, 0, historyRead)
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	alerts := s.alertsOf(about)
	if known == nil && len(events) == 0 && len(alerts) == 0 {
		s.lost(w, r, "No space with this id lists this number, or has listed it.")
		return
	}
	body := s.numberHead(about)
	body.Complete = s.View.Built()
	n := lastSeen(known, events)
	body.Name = display.Text(n.Get(phone.VerifiedName))
	if known != nil {
		body.Listed, body.Missed = known.Missed == 0, known.Missed
	}
	body.Timeline = display.NewTimeline(n, events, now, over)
	body.Fields = fieldRows(n, events, now)
	body.Incidents = s.incidentRows(byIncident(alerts))
	body.Told = s.told(alerts)
	if before > 0 {
		if events, err = s.View.History(about, before, display.RowsPerPage); err != nil {
			s.unreadable(w, r, err)
			return
		}
	}
	if len(events) > display.RowsPerPage {
		events = events[:display.RowsPerPage]
	}
	for i := range events {
		body.Events = append(body.Events, newEventRow(&events[i]))
	}
	if len(events) == display.RowsPerPage {
		body.Older = "?before=" + strconv.FormatUint(events[display.RowsPerPage-1].Seq, 10)
	}
	s.page(w, r, "number", body.Number, body, params)
}

func (s *site) numberHead(about phone.Subject) numberPage {
	space := s.Space(about.SpaceKey())
	return numberPage{
		About: about, Number: display.Text(about.PhoneNumber), Space: display.Text(space.Title()), SpaceID: display.Text(space.ID), Account: display.Text(about.Account),
		Labels: display.LabelTexts(space.Labels),
	}
}

// lastSeen is the number as it was seen last, from the history where its space
// does not list it any more.
func lastSeen(known *view.Known, events []alert.Event) *phone.Number {
	if known != nil {
		return &known.Number
	}
	for i := range events {
		if n := events[i].Change.Number; n != nil {
			return n
		}
	}
	return &phone.Number{}
}

func fieldRows(n *phone.Number, events []alert.Event, now time.Time) []fieldRow {
	var rows []fieldRow
	for f := range phone.FieldsOfNumber() {
		row := fieldRow{Name: f.String(), Value: "not in any answer yet", Tone: display.Off, Enum: f.IsEnum()}
		if !n.Has(f) {
			rows = append(rows, row)
			continue
		}
		row.Value, row.Tone = display.Value(f, n.Get(f)), display.ToneOf(f, n.Get(f))
		for i := range events {
			if c := &events[i].Change; events[i].Kind == alert.KindChange && (c.Field == f || c.Field == phone.Presence) {
				row.Since = display.Since(c.SeenAt, now)
				break
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func newEventRow(e *alert.Event) eventRow {
	c := &e.Change
	row := eventRow{
		Event: e, Field: c.Field.String(), Old: display.Value(c.Field, c.Old), New: display.Value(c.Field, c.New),
		Tone: display.ToneOf(c.Field, c.New), Notes: display.Text(c.Reason),
	}
	if c.Direction != phone.NoDirection {
		row.Direction = c.Direction.String()
	}
	if c.MovedFrom != "" {
		row.Notes = strings.TrimSpace("moved from space " + display.Text(c.MovedFrom) + " " + row.Notes)
	}
	if c.Baseline {
		row.Notes = strings.TrimSpace("first poll of the space " + row.Notes)
	}
	if a := e.Alert; a != nil {
		row.Tone = display.SeverityTone(a.Severity)
		if a.State.Closed() {
			row.Tone, row.Notes = display.Good, display.Text(a.Closing)
		}
	}
	return row
}

type whyPage struct {
	Alert *alertRow // nil: it is no longer stored
	ID    string
	api.Explanation
}

// whyPage says why people were notified of an alert, or were not.
func (s *site) whyPage(w http.ResponseWriter, r *http.Request) {
	body := whyPage{ID: display.Text(r.PathValue("id"))}
	var err error
	if body.Explanation, err = s.Explain(r.PathValue("id")); err != nil {
		s.lost(w, r, display.Text(err.Error()))
		return
	}
	if a, ok := s.View.Alert(r.PathValue("id")); ok {
		row := s.alertRow(a)
		body.Alert = &row
	}
	s.page(w, r, "why", "Why?", body, paramsOf(r))
}
