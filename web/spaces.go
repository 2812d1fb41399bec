package web

import (
	"cmp"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
)

// How the polling of a space goes.
const (
	spaceOK      = "OK"
	spaceFailing = "FAILING"
	spaceWaiting = "WAITING" // for its first poll since the start
)

// spaceSelection selects spaces. Members that are empty select all.
type spaceSelection struct {
	State, Account, Text string
	Labels               map[string]string
}

func (p *params) spaceSelection() spaceSelection {
	return spaceSelection{
		State: p.oneOf("state", "", spaceOK, spaceFailing, spaceWaiting), Account: p.text("account"), Text: p.text("q"), Labels: p.labels(),
	}
}

// spaces returns the spaces of a selection: those that fail first, then by
// account and name.
func (s *site) spaces(c spaceSelection, accounts []api.AccountStatus) []api.SpaceEntry {
	failing := map[phone.SpaceKey]*api.FailingSpace{}
	for _, a := range accounts {
		for i := range a.Failing {
			failing[phone.SpaceKey{Account: a.Name, ID: a.Failing[i].Space}] = &a.Failing[i]
		}
	}
	var all []api.SpaceEntry
	text := strings.ToLower(strings.TrimSpace(c.Text))
	for _, space := range s.Spaces() {
		if c.Account != "" && c.Account != space.Account || !labelled(space.Labels, c.Labels) ||
			!strings.Contains(strings.ToLower(space.Name), text) && !strings.Contains(strings.ToLower(space.ID), text) {
			continue
		}
		if e := spaceEntry(&space, s.View.Space(space.SpaceKey), failing[space.SpaceKey]); c.State == "" || c.State == e.State {
			all = append(all, e)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(compareBool(a.Failing == nil, b.Failing == nil), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) < 0
	})
	return all
}

func labelled(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return true
}

func spaceEntry(space *phone.Space, known view.Space, failing *api.FailingSpace) api.SpaceEntry {
	e := api.SpaceEntry{
		Account: space.Account, Space: api.Space{ID: space.ID, Name: space.Name, Labels: space.Labels},
		State: spaceOK, Numbers: known.Numbers, Polled: known.Polled, Failing: failing,
	}
	if known.Worst.Numbers > 0 {
		worst := api.Count(known.Worst)
		e.Worst = &worst
	}
	switch {
	case failing != nil:
		e.State = spaceFailing
	case known.Polled.IsZero():
		e.State = spaceWaiting
	}
	return e
}

func (s *site) getSpaces(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	selection := p.spaceSelection()
	offset, limit := p.page()
	if refused(w, p) {
		return
	}
	all := s.spaces(selection, s.accounts())
	api.Write(w, http.StatusOK, api.SpaceList{Total: len(all), Spaces: append([]api.SpaceEntry{}, part(all, offset, limit)...)})
}

func (s *site) acceptSpaces(r *http.Request, by string) (any, error) {
	account := r.PathValue("account")
	dropped, err := s.AcceptSpaces(r.Context(), account, by)
	return api.AcceptedSpaces{Account: account, Dropped: dropped}, err
}

type spacesPage struct {
	Accounts  []accountRow
	States    []link
	Selection spaceSelection
	Rows      []spaceRow
	Pager     pager
	Whole     []failingRow // accounts that fail as a whole
	Unlisted  []unlistedRow
	Missing   []missingRow
}

// missingRow is an account whose lists lack spaces that are watched.
type missingRow struct {
	Account, Spaces, Until string
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
	accounts, body := s.accounts(), spacesPage{Selection: c}
	for _, a := range accounts {
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
		if m := a.Missing; m != nil {
			body.Missing = append(body.Missing, missingRow{a.Name, phone.Count(len(m.Spaces), "space"), m.Until.UTC().Format("15:04 UTC")})
		}
	}
	wanted := c.State
	c.State = ""
	all := s.spaces(c, accounts)
	for _, one := range []struct{ state, text string }{{"", "All"}, {spaceFailing, "Failing"}, {spaceWaiting, "Not polled yet"}, {spaceOK, "OK"}} {
		n := len(inState(all, one.state))
		body.States = append(body.States, link{Text: one.text, Href: with(params.values, "state", one.state), Here: wanted == one.state, Count: n})
	}
	rows, turns := paged(params, inState(all, wanted))
	body.Pager = turns
	for i := range rows {
		body.Rows = append(body.Rows, s.spaceRow(&rows[i]))
	}
	s.page(w, r, "spaces", "Spaces", body, params.wrong...)
}

// inState returns the spaces in a state, "" for any.
func inState(all []api.SpaceEntry, state string) (some []api.SpaceEntry) {
	for _, e := range all {
		if state == "" || e.State == state {
			some = append(some, e)
		}
	}
	return some
}

func (s *site) spaceRow(e *api.SpaceEntry) spaceRow {
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

// worstText says what the worst numbers of a space are.
func worstText(c *api.Count) (string, tone) {
	t := worstTone(toneOf(phone.Status, c.Status), toneOf(phone.QualityRating, c.QualityRating))
	if t == good || t == off {
		return "", t
	}
	return strconv.Itoa(c.Numbers) + " " + value(phone.Status, c.Status) + ", " + value(phone.QualityRating, c.QualityRating), t
}

func (s *site) failingRow(f *api.FailingSpace) failingRow {
	return failingRow{
		Class: strings.ReplaceAll(f.Class, "_", " "), Text: text(strings.TrimSpace(f.Code + " " + f.Message)), Advice: text(f.Advice),
		RequestId: text(f.RequestId), Since: since(f.Since, s.Now()),
	}
}

// cleaned copies what the cloud said of failing spaces, fit to be shown.
func cleaned(failing []api.FailingSpace) []api.FailingSpace {
	out := append([]api.FailingSpace{}, failing...)
	for i := range out {
		f := &out[i]
		f.Code, f.Message, f.Advice, f.RequestId = shown(f.Code), shown(f.Message), shown(f.Advice), shown(f.RequestId)
	}
	return out
}
