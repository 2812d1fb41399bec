package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
)

// group is those alerts of an incident that a selection has.
type group struct {
	incident string
	alerts   []*alert.Alert
}

// byIncident puts alerts together by incident, in the order of the first of each.
func byIncident(alerts []*alert.Alert) (groups []group) {
	at := map[string]int{}
	for _, a := range alerts {
		id := incidentOf(a)
		i, known := at[id]
		if !known {
			i = len(groups)
			at[id] = i
			groups = append(groups, group{incident: id})
		}
		groups[i].alerts = append(groups[i].alerts, a)
	}
	return groups
}

// alertsOfIncident returns all alerts of an incident, in no order.
func (s *site) alertsOfIncident(id string) []*alert.Alert {
	if all := s.View.AlertsOf(id); len(all) > 0 {
		return all
	}
	if a, ok := s.View.Alert(id); ok {
		return []*alert.Alert{a}
	}
	return nil
}

// isGroupIn reports whether an incident is in one of the states of a list: it is closed
// only once all of its alerts are.
func (s *site) isGroupIn(state string, g group) bool {
	if state == stateClosed {
		return !slices.ContainsFunc(s.alertsOfIncident(g.incident), func(a *alert.Alert) bool { return !a.State.Closed() })
	}
	return slices.ContainsFunc(g.alerts, func(a *alert.Alert) bool { return isIn(state, a) })
}

type alertsPage struct {
	States     []link
	Severities choice
	Rules      choice
	Selection  selection
	Rows       []incidentRow
	Pager      pager
	Who        string // decides, as last time
	Silences   []silenceRow
}

// alertsPage lists incidents: those with an alert that is selected.
func (s *site) alertsPage(w http.ResponseWriter, r *http.Request) {
	params := paramsOf(r)
	c := params.selection()
	wanted := c.State
	c.State = stateAll
	all := byIncident(s.selected(c))
	c.State = wanted
	in := func(state string) []group {
		return slices.DeleteFunc(slices.Clone(all), func(g group) bool { return !s.isGroupIn(state, g) })
	}
	rows, turns := paged(params, in(wanted))
	body := alertsPage{
		Who: nameOf(r), Silences: s.silenceRows(),
		Selection:  c,
		Severities: choose("severity", "Severity", "any", alert.Severities(), params.list("severity")...),
		Rules:      choose("rule", "Rule", "any", s.rulesWithAlerts(), c.Rule),
		Pager:      turns,
	}
	for _, one := range []struct{ state, text string }{
		{stateOpen, "Open"}, {stateClosed, "Recently closed"}, {stateAll, "All"},
	} {
		body.States = append(body.States, link{
			Text: one.text, Href: with(params.values, "state", one.state), Here: wanted == one.state, Count: len(in(one.state)),
		})
	}
	for _, g := range rows {
		row := s.incidentRow(g.incident)
		row.Told = s.told([]*alert.Alert{row.Alert})
		row.Decide = !row.State.Closed()
		body.Rows = append(body.Rows, row)
	}
	s.page(w, r, "alerts", "Alerts", body, params.wrong...)
}

func (s *site) rulesWithAlerts() (names []string) {
	for _, a := range s.View.Alerts() {
		names = append(names, a.Rule)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// incidentRow is an incident on a page: its worst alert that is open, or was, and the others.
type incidentRow struct {
	alertRow
	ID       string     // of the incident
	Open     []alertRow // the others, worst first
	Over     []alertRow
	Decide   bool   // it can be acknowledged and silenced here
	Accepted bool   // somebody takes care of all that is open
	Silence  string // where it is silenced until a time
}

func (s *site) incidentRow(id string) incidentRow {
	alerts := slices.SortedFunc(slices.Values(s.alertsOfIncident(id)), func(a, b *alert.Alert) int {
		return cmp.Or(compareBool(a.State.Closed(), b.State.Closed()), cmp.Compare(a.Severity, b.Severity), compareAlerts(a, b))
	})
	row := incidentRow{alertRow: s.alertRow(alerts[0]), ID: id, Accepted: true}
	for i, a := range alerts {
		switch {
		case a.State.Closed() && i > 0:
			row.Over = append(row.Over, s.alertRow(a))
		case i > 0:
			row.Open = append(row.Open, s.alertRow(a))
		}
		row.Accepted = row.Accepted && (a.State.Closed() || a.Ack != nil)
	}
	match := matchOpen(alerts)
	row.Silence = "silences?" + matchQuery(&match).Encode()
	return row
}

// incidentRows returns the incidents of alerts, in the order of the first of each.
func (s *site) incidentRows(groups []group) (rows []incidentRow) {
	for _, g := range groups {
		rows = append(rows, s.incidentRow(g.incident))
	}
	return rows
}

// matchOpen matches the open alerts of an incident by their rules: what else opens on its
// subject is not silenced.
func matchOpen(alerts []*alert.Alert) alert.Matcher {
	var rules []string
	for _, a := range alerts {
		if !a.State.Closed() && !slices.Contains(rules, a.Rule) {
			rules = append(rules, a.Rule)
		}
	}
	return alert.MatchSubject(strings.Join(rules, ","), alerts[0].Subject)
}

// alertRow is an alert on a page.
type alertRow struct {
	*alert.Alert
	Tone            tone
	Number, Name    string
	Path            string // of the number's page, from the root
	Space, Account  string
	Old, New        string
	Summary, Action string
	Closing, Notes  string
	Told            []api.Told
}

func (s *site) alertRow(a *alert.Alert) alertRow {
	row := alertRow{
		Alert: a, Tone: severityTone(a.Severity), Number: text(a.Subject.PhoneNumber), Account: text(a.Subject.Account),
		Old: value(a.Field, a.Change.Old), New: value(a.Field, a.Change.New),
		Summary: a.Summary.Render(text), Action: a.Action.Render(text), Closing: text(a.Closing), Notes: s.notes(a),
	}
	if a.State.Closed() {
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
	if a.Flapping {
		notes = append(notes, "flapping")
	}
	if a.Openings > 1 {
		notes = append(notes, "opened "+strconv.Itoa(a.Openings)+" times")
	}
	if a.Baseline {
		notes = append(notes, "found by the first poll")
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
			name = "a silence that has ended"
			if one, ok := s.View.Silence(id); ok {
				name = "a silence of " + one.By + " until " + clock(one.Until)
			}
		}
		names = append(names, name)
	}
	return names
}

func messageTone(state alert.MessageState) tone {
	switch state {
	case alert.Sending:
		return watch
	case alert.Dead:
		return dire
	case alert.Gone:
		return off
	default:
		return good
	}
}
