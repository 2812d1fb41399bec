package web

import (
	"cmp"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
)

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
	is := func(wanted, v string) bool { return wanted == "" || wanted == v }
	return isIn(c.State, a) && (len(c.Severities) == 0 || slices.Contains(c.Severities, a.Severity)) &&
		is(c.Rule, a.Rule) && is(c.Account, a.Subject.Account) && is(c.Space, a.Subject.Space) &&
		is(c.Number, a.Subject.PhoneNumber)
}

// isIn reports whether an alert is in one of the states of a list.
func isIn(state string, a *alert.Alert) bool {
	switch state {
	case stateOpen:
		return !a.State.Closed()
	case stateFiring:
		return a.State == alert.Firing
	case stateClosed:
		return a.State.Closed()
	default:
		return true
	}
}

// selected returns the alerts of a selection: those that are open first, of
// these the worst, and of these the newest.
func (s *site) selected(c selection) []*alert.Alert {
	var alerts []*alert.Alert
	text := strings.ToLower(strings.TrimSpace(c.Text))
	for _, a := range s.View.Alerts() {
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

func (s *site) render(a *alert.Alert) api.Alert {
	c := &a.Change
	out := api.Alert{
		Account: a.Subject.Account, Part: a.Subject.Component,
		Field: a.Field, Old: a.Field.Shown(c.Old), New: a.Field.Shown(c.New), Direction: c.Direction,
		SeenAfter: c.SeenAfter, SeenAt: c.SeenAt, RequestId: c.RequestId, MovedFrom: c.MovedFrom, AwaySince: c.AwaySince,
		Baseline: a.Baseline, Drill: a.Drill, Code: c.Code, Reason: shown(c.Reason),
		Number: redacted(c.Number),
		Alert: api.Detail{
			ID: a.ID, Rule: a.Rule, Severity: a.Severity, Transition: a.Transition, State: a.State,
			Since: a.Since, Changed: a.Changed, Closing: shown(a.Closing), Channels: append([]string{}, a.Channels...), Revision: a.Revision, Openings: a.Openings, HeldBy: append([]string{}, a.HeldBy...), Ack: a.Ack,
			Summary: a.Summary.Render(shown), Action: a.Action.Render(shown), Runbook: a.Runbook,
		},
	}
	if a.Subject.Space != "" {
		space := s.apiSpace(a.Subject.SpaceKey())
		out.Space = &space
	}
	return out
}

func (s *site) detail(a *alert.Alert) api.AlertDetail {
	return api.AlertDetail{Alert: s.render(a), Told: s.told([]*alert.Alert{a})}
}

func (s *site) told(alerts []*alert.Alert) []api.Told {
	told := []api.Told{}
	for _, a := range alerts {
		for _, m := range s.View.MessagesOf(a.Incident) {
			t := api.Told{Alert: a.ID, Rule: a.Rule, Channel: m.Channel, State: m.State, At: m.At, Reason: shown(m.Reason)}
			if i := slices.IndexFunc(m.Alerts, func(s alert.ShownAlert) bool { return s.Alert == a.ID }); i >= 0 {
				t.Shows = m.Alerts[i].Revision
			}
			told = append(told, t)
		}
	}
	sort.Slice(told, func(i, j int) bool {
		a, b := &told[i], &told[j]
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Alert, b.Alert)) < 0
	})
	return told
}

func (s *site) getAlerts(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	selection := p.selection()
	offset, limit := p.page()
	if refused(w, p) {
		return
	}
	all := s.selected(selection)
	list := api.AlertList{Total: len(all), Alerts: []api.Alert{}}
	for _, a := range part(all, offset, limit) {
		list.Alerts = append(list.Alerts, s.render(a))
	}
	api.Write(w, http.StatusOK, list)
}

func (s *site) getAlert(w http.ResponseWriter, r *http.Request) {
	a, ok := s.View.Alert(r.PathValue("id"))
	if !ok {
		api.Fail(w, http.StatusNotFound, "there is no such alert; it may have closed long ago: /api/v1/alerts?state=all lists those that are stored")
		return
	}
	api.Write(w, http.StatusOK, s.detail(a))
}

func (s *site) postDrill(w http.ResponseWriter, r *http.Request) {
	var q api.DrillRequest
	if !read(w, r, &q) {
		return
	}
	by, err := who(q.By)
	var a alert.Alert
	if err == nil {
		a, err = s.Operator.Drill(r.Context(), q.Rule, q.Space, by)
	}
	if err != nil {
		s.undecided(w, r, err)
		return
	}
	api.Write(w, http.StatusCreated, s.detail(&a))
}

func (s *site) ack(r *http.Request, by string) (any, error) {
	return s.rendered(s.Operator.Ack(r.Context(), r.PathValue("id"), by))
}

func (s *site) unack(r *http.Request, by string) (any, error) {
	return s.rendered(s.Operator.Unack(r.Context(), r.PathValue("id"), by))
}

func (s *site) rendered(a alert.Alert, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.render(&a), nil
}

type alertsPage struct {
	States     []link
	Severities choice
	Rules      choice
	Selection  selection
	Rows       []alertRow
	Pager      pager
	Who        string // decides, as last time
	Silences   []silenceRow
}

func (s *site) alertsPage(w http.ResponseWriter, r *http.Request) {
	params := paramsOf(r)
	c := params.selection()
	wanted := c.State
	c.State = stateAll
	all := s.selected(c)
	c.State = wanted
	in := func(state string) []*alert.Alert {
		return slices.DeleteFunc(slices.Clone(all), func(a *alert.Alert) bool { return !isIn(state, a) })
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
	for _, a := range rows {
		row := s.alertRow(a)
		row.Told = s.told([]*alert.Alert{a})
		row.Decide = !a.State.Closed()
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
	Decide          bool   // it can be acknowledged and silenced here
	Silence         string // where it is silenced until a time
}

func (s *site) alertRow(a *alert.Alert) alertRow {
	row := alertRow{
		Alert: a, Tone: severityTone(a.Severity), Number: text(a.Subject.PhoneNumber), Account: text(a.Subject.Account),
		Old: value(a.Field, a.Change.Old), New: value(a.Field, a.Change.New),
		Summary: a.Summary.Render(text), Action: a.Action.Render(text), Closing: text(a.Closing), Notes: s.notes(a),
	}
	match := alert.MatchSubject(a.Rule, a.Subject)
	row.Silence = "silences?" + matchQuery(&match).Encode()
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
	default:
		return good
	}
}
