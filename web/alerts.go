package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// Which alerts a list shows.
const (
	stateOpen   = "open" // pending or firing
	stateFiring = "firing"
	stateClosed = "closed" // recently: they are deleted after some hours
	stateAll    = "all"
)

// selection selects alerts. Members that are empty select all.
type selection struct {
	State      string
	Severities []alert.Severity
	Incident   string
	Rule       string
	Account    string
	Space      string
	Number     string
	Text       string
}

func (p *params) selection() selection {
	return selection{
		State: p.oneOf("state", stateOpen, stateFiring, stateClosed, stateAll), Severities: p.severities(), Incident: p.text("incident"),
		Rule: p.text("rule"), Account: p.text("account"), Space: p.text("space"), Number: p.text("number"), Text: p.text("q"),
	}
}

func (c *selection) has(a *alert.Alert) bool {
	is := func(wanted, v string) bool { return wanted == "" || wanted == v }
	return isIn(c.State, a) && (len(c.Severities) == 0 || slices.Contains(c.Severities, a.Severity)) &&
		is(c.Incident, a.Incident) && is(c.Rule, a.Rule) && is(c.Account, a.Subject.Account) && is(c.Space, a.Subject.Space) &&
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

// selected returns the alerts of a selection, in order.
func (s *site) selected(c selection) []*alert.Alert {
	var alerts []*alert.Alert
	text := strings.ToLower(strings.TrimSpace(c.Text))
	for _, a := range s.View.Alerts() {
		if c.has(a) && (text == "" || strings.Contains(s.searchable(a), text)) {
			alerts = append(alerts, a)
		}
	}
	slices.SortFunc(alerts, compareAlerts)
	return alerts
}

// incidentOf names the incident of an alert; one that is pending stands for itself.
func incidentOf(a *alert.Alert) string { return cmp.Or(a.Incident, a.ID) }

// compareAlerts puts those that are open first, of these the worst, and of these the newest.
func compareAlerts(a, b *alert.Alert) int {
	if x, y := a.State.Closed(), b.State.Closed(); x || y {
		return cmp.Or(compareBool(x, y), b.Changed.Compare(a.Changed), cmp.Compare(a.ID, b.ID))
	}
	return cmp.Or(cmp.Compare(a.Severity, b.Severity), b.Since.Compare(a.Since), cmp.Compare(a.Field, b.Field), cmp.Compare(a.ID, b.ID))
}

// searchable is the text that a search looks in.
func (s *site) searchable(a *alert.Alert) string {
	parts := []string{a.Rule, a.Subject.PhoneNumber, a.Subject.Space, a.Subject.Component, a.Summary.Render(display.Line)}
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
		Baseline: a.Baseline, Drill: a.Drill, Code: c.Code, Reason: display.Line(c.Reason),
		Number: display.Redacted(c.Number),
		Alert: api.Detail{
			ID: a.ID, Incident: a.Incident, Rule: a.Rule, Severity: a.Severity, Transition: a.Transition, State: a.State,
			Since: a.Since, Changed: a.Changed, Closing: display.Line(a.Closing), Channels: append([]string{}, a.Channels...),
			Revision: a.Revision, Openings: a.Openings, Flapping: a.Flapping, HeldBy: append([]string{}, a.HeldBy...), Ack: a.Ack, Reason: reasonOf(a),
			Title: a.Title.Render(display.Line), Summary: a.Summary.Render(display.Line), Action: a.Action.Render(display.Line), Runbook: a.Runbook,
		},
	}
	if a.Subject.Space != "" {
		space := s.apiSpace(a.Subject.SpaceKey())
		out.Space = &space
	}
	return out
}

// reasonOf is the reason of an alert, fit to be shown.
func reasonOf(a *alert.Alert) *alert.Reason {
	if a.Reason == nil {
		return nil
	}
	return &alert.Reason{
		Level: display.Line(a.Reason.Level), Code: display.Line(a.Reason.Code), Text: display.Line(a.Reason.Text), Solution: display.Line(a.Reason.Solution),
	}
}

func (s *site) detail(a *alert.Alert) api.AlertDetail {
	return api.AlertDetail{Alert: s.render(a), Told: s.told([]*alert.Alert{a})}
}

func (s *site) told(alerts []*alert.Alert) []api.Told {
	told := []api.Told{}
	for _, a := range alerts {
		for _, m := range s.View.MessagesOf(a.Incident) {
			t := api.Told{Alert: a.ID, Rule: a.Rule, Channel: m.Channel, State: m.State, At: m.At, Reason: display.Line(m.Reason)}
			if m.Kind != "" {
				t.Sink = m.Kind + ":" + m.Target
			}
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
	by, err := s.who(q.By)
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
	return s.decide(r.Context(), r.PathValue("id"), by, s.Operator.Ack)
}

func (s *site) unack(r *http.Request, by string) (any, error) {
	return s.decide(r.Context(), r.PathValue("id"), by, s.Operator.Unack)
}

// decide does something with an alert, or with every open alert of an incident.
func (s *site) decide(ctx context.Context, id, by string, do deciding) (any, error) {
	if len(s.View.AlertsOf(id)) == 0 {
		a, err := do(ctx, id, by)
		if err != nil {
			return nil, err
		}
		return s.render(&a), nil
	}
	list := api.AlertList{Alerts: []api.Alert{}}
	for _, open := range s.openOf(id) {
		a, err := do(ctx, open.ID, by)
		if errors.Is(err, alert.ErrRejected) || errors.Is(err, alert.ErrNotFound) {
			continue // it has closed meanwhile
		}
		if err != nil {
			return nil, err
		}
		list.Alerts = append(list.Alerts, s.render(&a))
	}
	if list.Total = len(list.Alerts); list.Total == 0 {
		return nil, fmt.Errorf("%w: incident %s is over", alert.ErrRejected, id)
	}
	return list, nil
}

// openOf returns the open alerts of an incident, the worst first.
func (s *site) openOf(incident string) []*alert.Alert {
	open := slices.DeleteFunc(slices.Clone(s.View.AlertsOf(incident)), func(a *alert.Alert) bool { return a.State.Closed() })
	slices.SortFunc(open, compareAlerts)
	return open
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

type drillPage struct {
	Rules     display.Choice
	Space     string
	Refused   string
	Suggested map[string][]display.Option
}

func (s *site) drillPage(w http.ResponseWriter, r *http.Request) {
	s.showDrill(w, r, http.StatusOK, r.URL.Query(), "")
}

// showDrill shows the page with its form filled in with q.
func (s *site) showDrill(w http.ResponseWriter, r *http.Request, code int, q url.Values, refused string) {
	p := s.frame(r, "drill", "Drill")
	if r.Method == http.MethodGet {
		params := paramsOf(r)
		for _, name := range []string{"rule", "space", "by"} {
			params.text(name)
		}
		p.Wrong = params.ofPage()
	}
	p.Form, p.Body = true, drillPage{
		Rules: display.Choose("rule", "Rule", "choose a rule", s.ruleNames(), q.Get("rule")), Space: display.Text(q.Get("space")), Refused: display.Text(refused),
		Suggested: map[string][]display.Option{"space": s.suggestions()["space"]},
	}
	s.show(w, code, p)
}

// drillForm sends the drill that its page asks for. What is refused is shown there.
func (s *site) drillForm(w http.ResponseWriter, r *http.Request) {
	by, err := s.named(w, r)
	space := strings.TrimSpace(r.PostFormValue("space"))
	if err == nil && space != "" {
		var key phone.SpaceKey
		if key, err = s.names().Space("", space); key.Account != "" {
			space = key.String()
		}
	}
	if err == nil {
		err = s.names().Rule(r.PostFormValue("rule"))
	}
	var made alert.Alert
	if err == nil {
		made, err = s.Operator.Drill(r.Context(), r.PostFormValue("rule"), space, by)
	}
	switch {
	case err == nil:
		s.back(w, r, "alerts", "drilled", made.ID)
	case errors.Is(err, alert.ErrRejected) || errors.Is(err, alert.ErrNotFound):
		s.showDrill(w, r, http.StatusUnprocessableEntity, r.PostForm, because(err))
	default:
		s.decided(w, r, "", nil, err)
	}
}

// maxSuggested is how many names a field suggests of each kind: of more, the page would
// become too large.
const maxSuggested = 1000

// suggestions are what exists, for fields that are typed, by the field's name.
func (s *site) suggestions() map[string][]display.Option {
	all := map[string][]display.Option{}
	add := func(name, value, text string) {
		if len(all[name]) < maxSuggested {
			all[name] = append(all[name], display.Option{Value: value, Text: display.Text(text)})
		}
	}
	labels, accounts := map[string]bool{}, map[string]bool{}
	for _, one := range s.Spaces() {
		add("space", one.ID, one.Name)
		accounts[one.Account] = true
		for name, v := range one.Labels {
			labels[name+"="+v] = true
		}
	}
	for _, one := range slices.Sorted(maps.Keys(labels)) {
		add("labels", one, "")
	}
	for _, one := range slices.Sorted(maps.Keys(accounts)) {
		add("account", one, "")
	}
	for _, one := range s.Sinks() {
		add("part", one.Name, "")
	}
	seen := map[string]bool{}
	for _, a := range s.selected(selection{State: stateOpen}) {
		if n := a.Subject.PhoneNumber; n != "" && !seen[n] {
			seen[n] = true
			add("number", n, a.Rule)
		}
	}
	return all
}
