package web

import (
	"cmp"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

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
		if c.Account != "" && c.Account != space.Account || !space.HasLabels(c.Labels) ||
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
	Rows      []api.SpaceEntry
	Pager     pager
}

type failingRow struct {
	Class, Text, Advice, RequestId string
	Since                          stamp
}

func spaceTone(state string) tone {
	return map[string]tone{spaceOK: good, spaceFailing: dire, spaceWaiting: off}[state]
}

func (s *site) spacesPage(w http.ResponseWriter, r *http.Request) {
	params, now := paramsOf(r), s.Now()
	c := params.spaceSelection()
	accounts, body := s.accounts(), spacesPage{Selection: c}
	for _, a := range accounts {
		body.Accounts = append(body.Accounts, newAccountRow(a, now))
	}
	wanted := c.State
	c.State = ""
	all := s.spaces(c, accounts)
	for _, one := range []struct{ state, text string }{{"", "All"}, {spaceFailing, "Failing"}, {spaceWaiting, "Not polled yet"}, {spaceOK, "OK"}} {
		n := len(inState(all, one.state))
		body.States = append(body.States, link{Text: one.text, Href: with(params.values, "state", one.state), Here: wanted == one.state, Count: n})
	}
	body.Rows, body.Pager = paged(params, inState(all, wanted))
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

// worstText says what the worst numbers of a space are, if they are not well.
func worstText(c *api.Count) (h heading) {
	if c == nil {
		return h
	}
	h.Tone = worstTone(toneOf(phone.Status, c.Status), toneOf(phone.QualityRating, c.QualityRating))
	if h.Tone != good && h.Tone != off {
		h.Text = strconv.Itoa(c.Numbers) + " " + value(phone.Status, c.Status) + ", " + value(phone.QualityRating, c.QualityRating)
	}
	return h
}

func newFailingRow(f api.FailingSpace, now time.Time) failingRow {
	return failingRow{
		Class: strings.ReplaceAll(f.Class, "_", " "), Text: text(strings.TrimSpace(f.Code + " " + f.Message)), Advice: text(f.Advice),
		RequestId: text(f.RequestId), Since: since(f.Since, now),
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
