package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/web/display"
	"numwatch/web/guard"
)

// attention is whether an alert or incident needs attention, those that do first.
type attention int

const (
	needed   attention = iota // it fires, and nobody has acknowledged it
	waiting                   // its alerts are still pending
	taken                     // somebody has acknowledged it
	silenced                  // a silence holds it back
	over
)

// attentionOf is the attention that one alert needs.
func attentionOf(a *alert.Alert) attention {
	switch {
	case a.State.Closed():
		return over
	case slices.ContainsFunc(a.HeldBy, func(h string) bool { return strings.HasPrefix(h, alert.SilenceHold) }):
		return silenced
	case a.Ack != nil:
		return taken
	case a.State == alert.Pending:
		return waiting
	default:
		return needed
	}
}

// attentionTo is the attention that an incident needs: the most that one of its alerts does.
func attentionTo(alerts []*alert.Alert) attention {
	least := over
	for _, a := range alerts {
		least = min(least, attentionOf(a))
	}
	return least
}

// tally counts what fires: the alerts and the incidents by severity, and the incidents by
// attention.
type tally struct {
	alerts, incidents map[string]int // every severity is there
	needed            map[string]int // by the worst alert that nobody has acknowledged
	by                map[attention]int
}

func (s *site) tally() tally {
	t := tally{alerts: map[string]int{}, incidents: map[string]int{}, needed: map[string]int{}, by: map[attention]int{}}
	for _, name := range alert.Severities() {
		t.alerts[name], t.incidents[name] = 0, 0
	}
	worst, nobody, by := map[string]alert.Severity{}, map[string]alert.Severity{}, map[string]attention{}
	lower := func(of map[string]alert.Severity, id string, s alert.Severity) {
		if known, ok := of[id]; !ok || s < known {
			of[id] = s
		}
	}
	for _, a := range s.View.Alerts() {
		if a.State != alert.Firing {
			continue
		}
		t.alerts[a.Severity.String()]++
		id, has := incidentOf(a), attentionOf(a)
		lower(worst, id, a.Severity)
		if known, ok := by[id]; !ok || has < known {
			by[id] = has
		}
		if has == needed {
			lower(nobody, id, a.Severity)
		}
	}
	for id, severity := range worst {
		t.incidents[severity.String()]++
		t.by[by[id]]++
	}
	for _, severity := range nobody {
		t.needed[severity.String()]++
	}
	return t
}

// said says it in a line, "" where nothing fires.
func (t *tally) said() string {
	var parts []string
	for _, one := range []struct {
		by   attention
		text string
	}{{needed, "need attention"}, {taken, "taken"}, {silenced, "silenced"}} {
		if n := t.by[one.by]; n > 0 {
			text := one.text
			if n == 1 && one.by == needed {
				text = "needs attention"
			}
			parts = append(parts, phone.Grouped(n)+" "+text)
		}
	}
	if len(parts) > 0 && t.by[needed] == 0 {
		parts[0] = "Nothing needs attention: " + parts[0]
	}
	return strings.Join(parts, ", ")
}

// worst is the severity of the worst unacknowledged alert.
func (t *tally) worst() display.Tone {
	for i, name := range alert.Severities() {
		if t.needed[name] > 0 {
			return display.SeverityTone(alert.Severity(i))
		}
	}
	return display.Good
}

// Whose incidents the page lists.
const (
	ofNobody   = "nobody"
	ofMine     = "mine"
	ofTaken    = "taken"
	ofSilenced = "silenced"
)

// isOf reports whether an incident is one of those that a page lists.
func isOf(who string, alerts []*alert.Alert, me string) bool {
	has := attentionTo(alerts)
	switch who {
	case ofNobody:
		return has == needed
	case ofTaken:
		return has == taken
	case ofSilenced:
		return has == silenced
	case ofMine:
		return me != "" && has != over && slices.ContainsFunc(alerts, func(a *alert.Alert) bool { return a.Ack != nil && a.Ack.By == me })
	default:
		return true
	}
}

// How incidents are put together on the page.
const (
	byBoth     = "both" // customer and rule
	byCustomer = "customer"
	byRuleOnly = "rule"
	ungrouped  = "none"
)

const (
	// grouped from so many incidents on; fewer are seen at a glance.
	groupedFrom = 20
	// leastOfGroup is how many incidents are worth a heading.
	leastOfGroup = 3
)

// section is incidents under one heading, or without one where they are few.
type section struct {
	ID    string // "": no heading
	Title string
	IDs   string // of all incidents of it, on this part of the list or on another
	Tone  display.Tone
	Count int
	Taken int // or silenced
	Rows  []incidentRow
}

// key is what incidents that belong together share.
func (s *site) key(g group, how string) (key, title string) {
	worst := g.alerts[0]
	customer := s.customer(worst)
	of := worst.Subject.Account + "/" + worst.Subject.Space
	switch how {
	case byCustomer:
		return of, customer
	case byRuleOnly:
		return worst.Rule, worst.Rule
	default:
		return of + "/" + worst.Rule, customer + ": %d × " + worst.Rule
	}
}

// sections puts incidents together, each section where its first incident stands.
func (s *site) sections(groups []group, how string) (all []section) {
	if how == "" {
		how = byBoth
		if len(groups) < groupedFrom {
			how = ungrouped
		}
	}
	members, titles := map[string][]group{}, map[string]string{}
	for _, g := range groups {
		if how != ungrouped {
			key, title := s.key(g, how)
			members[key] = append(members[key], g)
			titles[key] = title
		}
	}
	done := map[string]bool{}
	for _, g := range groups {
		key := ""
		if how != ungrouped {
			key, _ = s.key(g, how)
		}
		switch {
		case done[key]:
		case len(members[key]) >= leastOfGroup:
			done[key] = true
			all = append(all, s.section(members[key], titles[key]))
		case len(all) > 0 && all[len(all)-1].ID == "":
			all[len(all)-1].add(s.incidentRow(g))
		default:
			one := section{}
			one.add(s.incidentRow(g))
			all = append(all, one)
		}
	}
	return all
}

func (s *site) section(members []group, title string) section {
	one := section{ID: "group-" + members[0].incident, Tone: display.Off}
	var ids []string
	for _, g := range members {
		row := s.incidentRow(g)
		one.add(row)
		ids = append(ids, g.incident)
		if row.Has == needed {
			one.Tone = display.WorstTone(one.Tone, row.Tone)
		}
		if row.Has == taken || row.Has == silenced {
			one.Taken++
		}
	}
	one.IDs = strings.Join(ids, ",")
	if strings.Contains(title, "%d × ") {
		one.Title = strings.Replace(title, "%d × ", phone.Grouped(len(members))+" × ", 1)
	} else {
		one.Title = title + ": " + phone.Count(len(members), "incident")
	}
	return one
}

func (one *section) add(row incidentRow) {
	one.Rows = append(one.Rows, row)
	one.Count++
}

// partOf returns the sections with those of their rows that a part of the list has.
func partOf(sections []section, offset, limit int) (some []section) {
	at := 0
	for _, one := range sections {
		from, to := max(offset-at, 0), min(offset+limit-at, len(one.Rows))
		at += len(one.Rows)
		if from < to {
			one.Rows = one.Rows[from:to]
			some = append(some, one)
		}
	}
	return some
}

// incidentsPerPage is how many lines the page of alerts has.
const incidentsPerPage = 200

type alertsPage struct {
	States     []display.Link
	Severities display.Choice
	Rules      display.Choice
	Grouping   display.Choice
	Selection  selection
	Whose      string
	Filtered   bool
	Sections   []section
	Pager      display.Pager
	Who        string // decides, as last time
	Acting     bool   // there is something to decide
	Silences   []silenceRow
	Lengths    []display.Option
}

// alertsPage lists incidents: those with an alert that is selected.
func (s *site) alertsPage(w http.ResponseWriter, r *http.Request) {
	params, me := paramsOf(r), s.nameOf(r)
	c := params.selection()
	whose, how := params.oneOf("who", "", ofNobody, ofMine, ofTaken, ofSilenced), params.oneOf("group", "", byBoth, byCustomer, byRuleOnly, ungrouped)
	wanted := c.State
	c.State = stateAll
	all := byIncident(s.selected(c))
	c.State = wanted
	in := func(state, whose string) []group {
		return slices.DeleteFunc(slices.Clone(all), func(g group) bool {
			return !s.isGroupIn(state, g) || whose != "" && !isOf(whose, s.alertsOfIncident(g.incident), me)
		})
	}
	listed := in(wanted, whose)
	s.byNeed(listed)
	offset := (params.number("page", 1, maxOffset/incidentsPerPage, 1) - 1) * incidentsPerPage
	body := alertsPage{
		Who: me, Silences: s.silenceRows(), Selection: c, Whose: whose, Lengths: lengths,
		Severities: display.Choose("severity", "Severity", "any", alert.Severities(), params.list("severity")...),
		Rules:      display.Choose("rule", "Rule", "any", s.rulesWithAlerts(), c.Rule),
		Grouping:   groupings(how),
		Sections:   partOf(s.sections(listed, how), offset, incidentsPerPage),
		Filtered:   len(c.Severities) > 0 || cmp.Or(c.Rule, c.Incident, c.Account, c.Space, c.Number, c.Text) != "",
	}
	body.States = s.views(params, wanted, whose, me, in)
	shown := 0
	for i := range body.Sections {
		rows := body.Sections[i].Rows
		for j := range rows {
			row := &rows[j]
			row.Told = s.told([]*alert.Alert{row.Alert})
			row.Decide = !row.State.Closed() && s.caller.Role >= guard.Act
			row.Opened = c.Incident != "" && len(listed) == 1
			body.Acting = body.Acting || row.Decide
		}
		shown += len(rows)
	}
	body.Pager = display.NewPagerOf(params.values, offset, shown, len(listed), incidentsPerPage)
	s.page(w, r, "alerts", "Alerts", body, params)
}

func groupings(how string) display.Choice {
	c := display.Choice{Name: "group", Label: "Group by", Chosen: how != ""}
	for _, one := range []display.Option{
		{Text: "as needed"}, {Value: byBoth, Text: "customer and rule"}, {Value: byCustomer, Text: "customer"}, {Value: byRuleOnly, Text: "rule"}, {Value: ungrouped, Text: "nothing"},
	} {
		one.Chosen = one.Value == how
		c.Options = append(c.Options, one)
	}
	return c
}

// views are the tabs: whose incidents, and in which state.
func (s *site) views(params *params, state, whose, me string, in func(state, whose string) []group) (all []display.Link) {
	for _, one := range []struct{ state, whose, text string }{
		{stateOpen, "", "Open"},
		{stateOpen, ofNobody, "Not taken"},
		{stateOpen, ofMine, "Mine"},
		{stateOpen, ofTaken, "Taken"},
		{stateOpen, ofSilenced, "Silenced"},
		{stateClosed, "", "Recently closed"},
		{stateAll, "", "All"},
	} {
		if one.whose == ofMine && me == "" {
			continue
		}
		href := display.With(params.values, "state", one.state, "who", one.whose)
		all = append(all, display.Link{Text: one.text, Href: href, Here: state == one.state && whose == one.whose, Count: len(in(one.state, one.whose))})
	}
	return all
}

// byNeed puts the incidents that need attention first, and otherwise keeps the order.
func (s *site) byNeed(groups []group) {
	has := map[string]attention{}
	for _, g := range groups {
		has[g.incident] = attentionTo(s.alertsOfIncident(g.incident))
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(has[a.incident], has[b.incident]) })
}

// whoHas says in a few words who has acknowledged an incident.
func (s *site) whoHas(alerts []*alert.Alert) string {
	var names []string
	for _, a := range alerts {
		if a.Ack != nil && !a.State.Closed() && !slices.Contains(names, a.Ack.By) {
			names = append(names, a.Ack.By)
		}
	}
	switch attentionTo(alerts) {
	case taken:
		return "taken by " + display.Text(strings.Join(names, ", "))
	case silenced:
		return "silenced"
	case waiting:
		return "pending"
	case needed:
		if len(names) > 0 {
			return fmt.Sprintf("partly taken by %s", display.Text(strings.Join(names, ", ")))
		}
	}
	return ""
}
