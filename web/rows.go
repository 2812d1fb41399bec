package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// alertRow is an alert on a page.
type alertRow struct {
	Severity, State      string
	Tone                 tone
	Closed               bool
	Number, Name         string
	Path                 string // of the number's page, from the root
	Space, Account       string
	Field, Old, New      string
	Mark                 string
	Summary, Action      string
	Rule, Runbook, Notes string
	Closing              string
	Since, Changed       stamp
	Told                 []toldRow

	ID      string
	Decide  bool // it can be acknowledged and silenced here
	Acked   bool
	Silence string // where it is silenced until a time
}

type toldRow struct {
	Rule, Channel, State, Reason string
	Tone                         tone
	At                           stamp
}

func (s *site) alertRow(a *alert.Alert, now time.Time) alertRow {
	row := alertRow{
		Severity: a.Severity.String(), State: a.State.String(), Tone: severityTone(a.Severity), Closed: a.State.Closed(),
		Number: text(a.Subject.PhoneNumber), Account: text(a.Subject.Account),
		Field: a.Field.String(), Old: value(a.Field, a.Change.Old), New: value(a.Field, a.Change.New),
		Mark:    directionMark(a.Change.Direction),
		Summary: a.Summary.Render(text), Action: a.Action.Render(text),
		Rule: a.Rule, Runbook: a.Runbook, Notes: s.notes(a), Closing: text(a.Closing),
		Since: since(a.Since, now), Changed: since(a.Changed, now), ID: a.ID, Acked: a.Ack != nil,
	}
	match := matchAlert(a)
	row.Silence = "silences?" + matchQuery(&match).Encode()
	if row.Closed {
		row.Tone = off
	}
	if a.Change.Number != nil {
		row.Name = text(a.Change.Number.Get(phone.VerifiedName))
	}
	switch a.Subject.Kind() {
	case phone.OfNumber:
		row.Path = numberPath(a.Subject)
		row.Space = text(s.Space(a.Subject.SpaceKey()).Title())
	case phone.OfSpace:
		row.Space = text(s.Space(a.Subject.SpaceKey()).Title())
	case phone.OfAccount:
		row.Space = "the whole account"
	case phone.OfBot:
		row.Space = "numwatch " + text(a.Subject.Component)
	}
	return row
}

// notes tells what a reader must know beside the change.
func (s *site) notes(a *alert.Alert) string {
	var notes []string
	if a.State == alert.Pending {
		notes = append(notes, "pending: not for long enough yet")
	}
	if a.Ack != nil {
		notes = append(notes, "acknowledged by "+text(a.Ack.By)+" at "+clock(a.Ack.At))
	}
	if len(a.HeldBy) > 0 {
		notes = append(notes, "held by "+text(strings.Join(s.holds(a.HeldBy), ", ")))
	}
	if a.Openings > 1 {
		notes = append(notes, "opened "+strconv.Itoa(a.Openings)+" times")
	}
	if a.Baseline {
		notes = append(notes, "so since its first sight")
	}
	if a.Drill {
		notes = append(notes, "DRILL")
	}
	if a.Change.Reason != "" {
		notes = append(notes, text(a.Change.Reason))
	}
	return strings.Join(notes, " · ")
}

// holds names what holds an alert back; of a silence, who and until when.
func (s *site) holds(by []string) (names []string) {
	for _, name := range by {
		if id, ok := strings.CutPrefix(name, alert.SilenceHold); ok {
			name = "a silence that is over"
			for _, one := range s.Silences() {
				if one.ID == id {
					name = "a silence of " + one.By + " until " + clock(one.Until)
				}
			}
		}
		names = append(names, name)
	}
	return names
}

// clock writes a time within a sentence.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func (s *site) toldRows(alerts []*alert.Alert, now time.Time) []toldRow {
	var rows []toldRow
	for _, t := range s.told(alerts) {
		row := toldRow{Rule: t.Rule, Channel: text(t.Channel), State: t.State.String(), Reason: text(t.Reason), At: since(t.At, now), Tone: good}
		switch t.State {
		case alert.Sending:
			row.Tone = watch
		case alert.Dead:
			row.Tone = dire
		}
		rows = append(rows, row)
	}
	return rows
}

// link is a choice of which one may be the present one.
type link struct {
	Text, Href string
	Here       bool
	Tone       tone
	Count      int
}

// pager leads through the parts of a list.
type pager struct {
	From, To, Total int
	Before, Next    string // queries; empty where there is none
}

// rowsPerPage is how many rows a page shows.
const rowsPerPage = 50

// pageNumber reads which part of a list a page shows, from 1.
func (p *params) pageNumber() (offset int) {
	return (p.number("page", 1, mostOffset/rowsPerPage, 1) - 1) * rowsPerPage
}

func newPager(values url.Values, offset, shown, total int) pager {
	p := pager{From: min(offset+1, total), To: min(offset+shown, total), Total: total}
	number := offset/rowsPerPage + 1
	if number > 1 {
		last := (total + rowsPerPage - 1) / rowsPerPage
		p.Before = with(values, "page", strconv.Itoa(max(min(number-1, last), 1)))
	}
	if offset+shown < total {
		p.Next = with(values, "page", strconv.Itoa(number+1))
	}
	return p
}

// with returns the query with one value in place of another, back on the first
// page unless that is what is asked for.
func with(values url.Values, name, v string) string {
	out := url.Values{}
	for k, all := range values {
		if k != "done" && k != "page" {
			out[k] = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
		}
	}
	out.Del(name)
	if v != "" {
		out.Set(name, v)
	}
	return "?" + out.Encode()
}

// choice is a menu of a form.
type choice struct {
	Name, Label string
	Options     []option
	Chosen      bool
}

type option struct {
	Value, Text string
	Chosen      bool
}

// choose makes a menu of values, of which the chosen ones are marked; one that
// is not among them is added.
func choose(name, label, all string, values, chosen []string) choice {
	c := choice{Name: name, Label: label, Options: []option{{Text: all}}, Chosen: len(chosen) > 0}
	joined := strings.Join(chosen, ",")
	if joined != "" && !slices.Contains(values, joined) {
		values = append([]string{joined}, values...)
	}
	for _, v := range values {
		c.Options = append(c.Options, option{v, strings.ReplaceAll(text(v), ",", " or "), v == joined})
	}
	return c
}

// worstTone is the worse of two tones.
func worstTone(a, b tone) tone {
	order := []tone{off, good, watch, bad, dire}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// longest orders counts by size, the greatest first.
func longest(a, b link) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Text, b.Text)) }
