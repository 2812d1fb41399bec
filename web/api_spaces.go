package web

import (
	"cmp"
	"net/http"
	"sort"
	"strings"
	"time"

	"numwatch/phone"
)

// How the polling of a space goes.
const (
	spaceOK      = "OK"
	spaceFailing = "FAILING"
	spaceWaiting = "WAITING" // for its first poll since the start
)

// SpaceList is the answer of /api/v1/spaces.
type SpaceList struct {
	Total  int          `json:"total"` // of all that match
	Spaces []SpaceEntry `json:"spaces"`
}

// SpaceEntry is a space and how its polling goes.
type SpaceEntry struct {
	Account string `json:"account"`
	Space
	State   string        `json:"state"`
	Numbers int           `json:"numbers"`
	Worst   *Count        `json:"worst,omitempty"` // the worst state that a number of it is in
	Polled  time.Time     `json:"polled,omitzero"` // the last successful poll since the start
	Failing *FailingSpace `json:"failing,omitempty"`
}

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
func (s *site) spaces(c spaceSelection) []SpaceEntry {
	failing := map[phone.SpaceKey]*FailingSpace{}
	for _, a := range s.Status().Accounts {
		clean := cleaned(a.Failing)
		for i := range clean {
			failing[phone.SpaceKey{Account: a.Name, ID: clean[i].Space}] = &clean[i]
		}
	}
	var all []SpaceEntry
	text := strings.ToLower(strings.TrimSpace(c.Text))
	for _, known := range s.Fleet.Spaces() {
		if c.Account != "" && c.Account != known.Account || !labelled(known.Labels, c.Labels) ||
			!strings.Contains(strings.ToLower(known.Name), text) && !strings.Contains(strings.ToLower(known.ID), text) {
			continue
		}
		if e := spaceEntry(&known, failing[known.SpaceKey]); c.State == "" || c.State == e.State {
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

func spaceEntry(known *SpaceState, failing *FailingSpace) SpaceEntry {
	e := SpaceEntry{
		Account: known.Account, Space: Space{ID: known.ID, Name: known.Name, Labels: known.Labels},
		State: spaceOK, Numbers: known.Numbers, Polled: known.Polled, Failing: failing,
	}
	if known.Worst.Numbers > 0 {
		e.Worst = &known.Worst
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
	all := s.spaces(selection)
	answer(w, http.StatusOK, SpaceList{Total: len(all), Spaces: append([]SpaceEntry{}, part(all, offset, limit)...)})
}
