package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"numwatch/alert"
)

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
	params, now := paramsOf(r), s.Now()
	c := params.selection()
	offset := params.pageNumber()
	found := s.selected(c)
	rows := part(found, offset, rowsPerPage)
	values := r.URL.Query()
	body := alertsPage{
		Who: nameOf(r), Silences: s.silenceRows(),
		Selection:  c,
		Severities: choose("severity", "Severity", "any", alert.Severities(), params.list("severity")),
		Rules:      choose("rule", "Rule", "any", s.rulesWithAlerts(), nonEmpty(c.Rule)),
		Pager:      newPager(values, offset, len(rows), len(found)),
	}
	for _, one := range []struct{ state, text string }{
		{stateOpen, "Open"}, {stateClosed, "Lately closed"}, {stateAll, "All"},
	} {
		of := c
		of.State = one.state
		body.States = append(body.States, link{
			Text: one.text, Href: with(values, "state", one.state), Here: c.State == one.state, Count: len(s.selected(of)),
		})
	}
	for _, a := range rows {
		row := s.alertRow(a, now)
		row.Told = s.toldRows([]*alert.Alert{a}, now)
		row.Decide = !row.Closed
		body.Rows = append(body.Rows, row)
	}
	p := s.frame(r, "alerts", "Alerts")
	p.Wrong, p.Body = strings.Join(params.wrong, "; "), body
	s.show(w, http.StatusOK, p)
}

func (s *site) rulesWithAlerts() (names []string) {
	for _, a := range s.Alerts() {
		names = append(names, a.Rule)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

type spacesPage struct {
	Accounts  []accountRow
	States    []link
	Selection spaceSelection
	Rows      []spaceRow
	Pager     pager
	Whole     []failingRow // accounts that fail as a whole
	Unlisted  []unlistedRow
}

// unlistedRow is an account whose spaces cannot be listed: the last good list
// goes on.
type unlistedRow struct {
	Account, Error string
	Spaces         int
	Listed         stamp
}

type spaceRow struct {
	Name, ID, Account string
	Labels            []string
	Href              string
	State             string
	Tone              tone
	Numbers           int
	Worst             string
	WorstTone         tone
	Polled            stamp
	Failing           *failingRow
}

type failingRow struct {
	Account, Class, Text, Advice, RequestId string
	Since                                   stamp
}

var spaceTones = map[string]tone{spaceOK: good, spaceFailing: dire, spaceWaiting: off}

func (s *site) spacesPage(w http.ResponseWriter, r *http.Request) {
	params, now := paramsOf(r), s.Now()
	c := params.spaceSelection()
	offset := params.pageNumber()
	body := spacesPage{Selection: c}
	for _, a := range s.status().Accounts {
		body.Accounts = append(body.Accounts, newAccountRow(a, now))
		for _, f := range a.Failing {
			if f.Space == "" {
				row := s.failingRow(&f)
				row.Account = a.Name
				body.Whole = append(body.Whole, row)
			}
		}
		if d := a.Discovery; d != nil && d.Error != "" {
			body.Unlisted = append(body.Unlisted, unlistedRow{a.Name, text(d.Error), d.Spaces, since(d.At, now)})
		}
	}
	values, wanted := r.URL.Query(), c.State
	c.State = ""
	all := s.spaces(c)
	for _, one := range []struct{ state, text string }{{"", "All"}, {spaceFailing, "Failing"}, {spaceWaiting, "Not polled yet"}, {spaceOK, "OK"}} {
		n := len(all)
		if one.state != "" {
			n = len(inState(all, one.state))
		}
		body.States = append(body.States, link{Text: one.text, Href: with(values, "state", one.state), Here: wanted == one.state, Count: n})
	}
	found := all
	if wanted != "" {
		found = inState(all, wanted)
	}
	rows := part(found, offset, rowsPerPage)
	body.Pager = newPager(values, offset, len(rows), len(found))
	for i := range rows {
		body.Rows = append(body.Rows, s.spaceRow(&rows[i]))
	}
	p := s.frame(r, "spaces", "Spaces")
	p.Wrong, p.Body = strings.Join(params.wrong, "; "), body
	s.show(w, http.StatusOK, p)
}

func inState(all []SpaceEntry, state string) (some []SpaceEntry) {
	for _, e := range all {
		if e.State == state {
			some = append(some, e)
		}
	}
	return some
}

func (s *site) spaceRow(e *SpaceEntry) spaceRow {
	row := spaceRow{
		Name: text(e.Name), ID: text(e.ID), Account: text(e.Account), Labels: labelTexts(e.Labels), State: e.State, Tone: spaceTones[e.State],
		Href:    "numbers?" + url.Values{"account": {e.Account}, "space": {e.ID}}.Encode(),
		Numbers: e.Numbers, Polled: since(e.Polled, s.Now()),
	}
	if e.Worst != nil {
		row.Worst, row.WorstTone = worstText(e.Worst)
	}
	if e.Failing != nil {
		f := s.failingRow(e.Failing)
		row.Failing = &f
	}
	return row
}

func (s *site) failingRow(f *FailingSpace) failingRow {
	return failingRow{
		Class: strings.ReplaceAll(f.Class, "_", " "), Text: text(strings.TrimSpace(f.Code + " " + f.Message)), Advice: text(f.Advice),
		RequestId: text(f.RequestId), Since: since(f.Since, s.Now()),
	}
}
