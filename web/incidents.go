package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
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
	Decide   bool // it can be acknowledged and silenced here
	Opened   bool // with everything about it
	Accepted bool // all that is open is acknowledged
	Has      attention
	Who      string // has it
	Silence  string // where it is silenced until a time
}

// Quiet reports whether the incident is acknowledged or silenced.
func (r incidentRow) Quiet() bool { return r.Has == taken || r.Has == silenced }

func (s *site) incidentRow(g group) incidentRow {
	alerts := s.alertsOfIncident(g.incident)
	if len(alerts) == 0 {
		alerts = g.alerts // forgotten since
	}
	alerts = slices.SortedFunc(slices.Values(alerts), func(a, b *alert.Alert) int {
		return cmp.Or(compareBool(a.State.Closed(), b.State.Closed()), cmp.Compare(a.Severity, b.Severity), compareAlerts(a, b))
	})
	row := incidentRow{alertRow: s.alertRow(alerts[0]), ID: g.incident, Accepted: true, Has: attentionTo(alerts), Who: s.whoHas(alerts)}
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
		rows = append(rows, s.incidentRow(g))
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
	Tone            display.Tone
	Number, Name    string
	Path            string // of the number's page, from the root
	Space, Account  string
	Old, New        string
	Summary, Action string
	Closing         string
	Notes           []note
	Told            []api.Told
}

func (s *site) alertRow(a *alert.Alert) alertRow {
	row := alertRow{
		Alert: a, Tone: display.SeverityTone(a.Severity), Number: display.Text(a.Subject.PhoneNumber), Account: display.Text(a.Subject.Account),
		Old: display.Value(a.Field, a.Change.Old), New: display.Value(a.Field, a.Change.New),
		Summary: a.Summary.Render(display.Text), Action: a.Action.Render(display.Text), Closing: display.Text(a.Closing), Notes: s.notes(a),
	}
	if a.State.Closed() {
		row.Tone = display.Off
	}
	if a.Change.Number != nil {
		row.Name = display.Text(a.Change.Number.Get(phone.VerifiedName))
	}
	row.Space = s.customer(a)
	if a.Subject.Kind() == phone.OfNumber {
		row.Path = numberPath(a.Subject)
	}
	return row
}

// customer names whose number or space an alert is about, or what of the bot.
func (s *site) customer(a *alert.Alert) string {
	switch a.Subject.Kind() {
	case phone.OfAccount:
		return "the whole account"
	case phone.OfBot:
		return "numwatch " + display.Text(a.Subject.Component)
	default:
		return display.Text(s.Space(a.Subject.SpaceKey()).Title())
	}
}

// note is what a reader must know beside the change; At may be empty.
type note struct {
	Text string
	At   display.Stamp
}

func (s *site) notes(a *alert.Alert) (notes []note) {
	add := func(text string, at ...time.Time) {
		n := note{Text: text}
		if len(at) > 0 {
			n.At = display.Since(at[0], s.Now())
		}
		notes = append(notes, n)
	}
	if a.State == alert.Pending {
		add("pending: not for long enough yet")
	}
	if a.Ack != nil {
		add("acknowledged by "+display.Text(a.Ack.By)+" at", a.Ack.At)
	}
	for _, name := range a.HeldBy {
		if id, ok := strings.CutPrefix(name, alert.SilenceHold); !ok {
			add("held by " + display.Text(name))
		} else if one, ok := s.View.Silence(id); ok {
			add("held by a silence of "+display.Text(one.By)+" until", one.Until)
		} else if s.View.Limited() {
			add("held by a silence of others")
		} else {
			add("held by a silence that has ended")
		}
	}
	if a.Flapping {
		add("flapping")
	}
	if a.Openings > 1 {
		add("opened " + strconv.Itoa(a.Openings) + " times")
	}
	if a.Baseline {
		add("found by the first poll")
	}
	if a.Drill {
		add("DRILL")
	}
	if a.Change.Reason != "" {
		add(display.Text(a.Change.Reason))
	}
	if r := a.Reason; r != nil {
		add("why: " + display.Text(r.String()))
		if r.Solution != "" {
			add("solution: " + display.Text(r.Solution))
		}
	}
	return notes
}

func messageTone(state alert.MessageState) display.Tone {
	switch state {
	case alert.Sending:
		return display.Watch
	case alert.Dead:
		return display.Dire
	case alert.Gone:
		return display.Off
	default:
		return display.Good
	}
}
