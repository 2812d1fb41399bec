package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
)

// States of polling a space.
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
	Columns   []column
	Sort      string           // as the address has it, "" for the usual order
	Labels    []display.Choice // by which spaces are chosen
	States    []display.Link
	Selection spaceSelection
	Rows      []api.SpaceEntry
	Pager     display.Pager
}

type failingRow struct {
	Class, Text, Advice, RequestId string
	Since                          display.Stamp
}

// spaceHealth is the state of a space: that of its polls, or else that of its worst numbers.
func spaceHealth(e api.SpaceEntry) heading {
	switch e.State {
	case spaceFailing:
		return heading{e.State, display.Dire}
	case spaceWaiting:
		return heading{e.State, display.Off}
	}
	if worst := worstText(e.Worst); worst.Text != "" {
		return worst
	}
	return heading{spaceOK, display.Good}
}

func (s *site) spacesPage(w http.ResponseWriter, r *http.Request) {
	params, now := paramsOf(r), s.Now()
	c := params.spaceSelection()
	maps.DeleteFunc(c.Labels, func(_, v string) bool { return v == "" }) // any, as the form has it
	accounts, body := s.accounts(), spacesPage{Selection: c}
	_, of := s.sights(accounts)
	for _, a := range accounts {
		body.Accounts = append(body.Accounts, newAccountRow(a, of[a.Name], now))
	}
	wanted := c.State
	c.State = ""
	all := s.spaces(c, accounts)
	body.Sort = params.text("sort")
	order := sortSpaces(all, params)
	for _, text := range []string{"Space", "Health", "Numbers", "Last poll"} {
		body.Columns = append(body.Columns, sortedBy(params.values, text, strings.ToLower(text), order))
	}
	body.Columns[3].Minor = true
	body.Labels = labelChoices(s.Spaces(), c.Labels)
	for _, one := range []struct{ state, text string }{{"", "All"}, {spaceFailing, "Failing"}, {spaceWaiting, "Not polled yet"}, {spaceOK, "Polled"}} {
		n := len(inState(all, one.state))
		body.States = append(body.States, display.Link{Text: one.text, Href: display.With(params.values, "state", one.state), Here: wanted == one.state, Count: n})
	}
	body.Rows, body.Pager = paged(params, inState(all, wanted))
	s.page(w, r, "spaces", "Spaces", body, params)
}

// sortSpaces sorts spaces as the address asks, by default the worst first.
func sortSpaces(all []api.SpaceEntry, params *params) view.Order {
	compare := map[string]func(a, b *api.SpaceEntry) int{
		"health": func(a, b *api.SpaceEntry) int { return spaceRank(b) - spaceRank(a) },
		"space": func(a, b *api.SpaceEntry) int {
			return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		},
		"numbers":   func(a, b *api.SpaceEntry) int { return b.Numbers - a.Numbers },
		"last poll": func(a, b *api.SpaceEntry) int { return a.Polled.Compare(b.Polled) },
	}
	by, reverse := strings.CutPrefix(params.text("sort"), "-")
	if by != "" && compare[by] == nil {
		params.wrong = append(params.wrong, "sort must be one of "+strings.Join(slices.Sorted(maps.Keys(compare)), ", ")+", or one of them after a minus sign")
	}
	order := view.Order{By: by, Reverse: reverse}
	if compare[by] == nil {
		order = view.Order{}
		by = "health"
	}
	slices.SortStableFunc(all, func(a, b api.SpaceEntry) int {
		c := compare[by](&a, &b)
		if order.Reverse {
			return -c
		}
		return c
	})
	return order
}

// spaceRank is higher for a space that is worse: whose polls fail, or whose numbers are
// banned, and then for one that nothing is known of.
func spaceRank(e *api.SpaceEntry) int {
	const failing, unknown = 1000, 1
	switch {
	case e.Failing != nil:
		return failing
	case e.Worst != nil:
		return 10 * view.Count(*e.Worst).Badness()
	case e.State == spaceWaiting:
		return unknown
	default:
		return 0
	}
}

// maxLabelValues is how many values of a label can be chosen from: of more, such as the
// ids of another system, the search finds one faster.
const maxLabelValues = 30

// labelChoices makes a menu of each label that spaces have.
func labelChoices(spaces []phone.Space, chosen map[string]string) (all []display.Choice) {
	values := map[string]map[string]bool{}
	for i := range spaces {
		for name, v := range spaces[i].Labels {
			if values[name] == nil {
				values[name] = map[string]bool{}
			}
			values[name][v] = true
		}
	}
	for name := range chosen {
		if values[name] == nil {
			values[name] = map[string]bool{} // as the address has it
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) <= maxLabelValues || chosen[name] != "" {
			all = append(all, display.Choose("label."+name, display.Text(name), "any", slices.Sorted(maps.Keys(values[name])), chosen[name]))
		}
	}
	return all
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
	h.Tone = display.WorstTone(display.ToneOf(phone.Status, c.Status), display.ToneOf(phone.QualityRating, c.QualityRating))
	if h.Tone != display.Good && h.Tone != display.Off {
		h.Text = strconv.Itoa(c.Numbers) + " " + display.Value(phone.Status, c.Status) + ", " + display.Value(phone.QualityRating, c.QualityRating)
	}
	return h
}

func newFailingRow(f api.FailingSpace, now time.Time) failingRow {
	return failingRow{
		Class: strings.ReplaceAll(f.Class, "_", " "), Text: display.Text(strings.TrimSpace(f.Code + " " + f.Message)), Advice: display.Text(f.Advice),
		RequestId: display.Text(f.RequestId), Since: display.Since(f.Since, now),
	}
}

// cleaned copies what the cloud said of failing spaces, fit to be shown.
func cleaned(failing []api.FailingSpace) []api.FailingSpace {
	out := append([]api.FailingSpace{}, failing...)
	for i := range out {
		f := &out[i]
		f.Code, f.Message, f.Advice, f.RequestId = display.Line(f.Code), display.Line(f.Message), display.Line(f.Advice), display.Line(f.RequestId)
	}
	return out
}

type spacePage struct {
	Entry     api.SpaceEntry
	Title     string
	Labels    []display.Link
	Counts    []display.Link // numbers by state, the worst first
	Columns   []string
	Rows      []numberRow // the worst
	More      int
	Numbers   string // query of all
	Incidents []incidentRow
	Chart     display.Chart
	Bans      string
	Events    []spaceEvent
	Cut       bool // there are older events within the time
	Complete  bool
}

type spaceEvent struct {
	eventRow
	Number, Path string
}

const (
	spaceHistoryFor  = 30 * 24 * time.Hour
	spaceHistoryRead = 1000 // events, as its page says
	spaceRows        = 20   // numbers, of those that a space has
)

// spacePage shows a customer: its numbers, its alerts, and the last 30 days.
func (s *site) spacePage(w http.ResponseWriter, r *http.Request) {
	k, now, params := phone.SpaceKey{Account: r.PathValue("account"), ID: r.PathValue("space")}, s.Now(), paramsOf(r)
	space, known := s.Space(k), s.View.Space(k)
	if !known.Known && !slices.ContainsFunc(s.Spaces(), func(one phone.Space) bool { return one.SpaceKey == k }) {
		s.lost(w, r, "No space with this id is watched.")
		return
	}
	found, err := s.View.Find(view.Query{Account: k.Account, Space: k.ID, Order: view.Order{By: view.ByWorst}, Limit: maxLimit})
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	events, err := s.View.SpaceHistory(k, now.Add(-spaceHistoryFor), spaceHistoryRead)
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	body := spacePage{
		Title: display.Text(space.Title()), Complete: s.View.Built(), Cut: len(events) == spaceHistoryRead, Bans: display.Bans(events, found.Rows, found.Total, now),
		Entry: spaceEntry(&space, known, s.failingSpace(k)), More: max(found.Total-spaceRows, 0),
		Numbers:   "numbers?" + url.Values{"account": {k.Account}, "space": {k.ID}}.Encode(),
		Incidents: s.incidentRows(byIncident(s.selected(selection{State: stateAll, Account: k.Account, Space: k.ID}))),
		Chart:     display.NewChart(display.BarsOf(events), "30d", now),
	}
	for _, name := range slices.Sorted(maps.Keys(space.Labels)) {
		body.Labels = append(body.Labels, display.Link{
			Text: display.Text(name + "=" + space.Labels[name]), Href: "spaces?" + url.Values{"label." + name: {space.Labels[name]}}.Encode(),
		})
	}
	body.count(found.Rows)
	for i := range found.Rows[:len(found.Rows)-max(len(found.Rows)-spaceRows, 0)] {
		body.Rows = append(body.Rows, s.numberRow(&found.Rows[i]))
	}
	for i := range part(events, 0, display.RowsPerPage) {
		e := spaceEvent{eventRow: newEventRow(&events[i])}
		if about := events[i].Subject(); about.PhoneNumber != "" {
			e.Number, e.Path = display.Text(about.PhoneNumber), numberPath(about)
		}
		body.Events = append(body.Events, e)
	}
	s.page(w, r, "space", body.Title, body, params)
}

// failingSpace returns why the polls of a space fail, nil if they do not.
func (s *site) failingSpace(k phone.SpaceKey) *api.FailingSpace {
	for _, a := range s.Accounts() {
		if a.Name != k.Account {
			continue
		}
		if i := slices.IndexFunc(a.Failing, func(f api.FailingSpace) bool { return f.Space == k.ID }); i >= 0 {
			return &cleaned(a.Failing)[i]
		}
	}
	return nil
}

// count counts numbers, which are sorted, by state.
func (b *spacePage) count(rows []view.Row) {
	for i := range rows {
		n := &rows[i].Number
		c := api.Count{Status: n.Get(phone.Status), QualityRating: n.Get(phone.QualityRating)}
		text := display.Value(phone.Status, c.Status) + ", " + display.Value(phone.QualityRating, c.QualityRating)
		at := slices.IndexFunc(b.Counts, func(l display.Link) bool { return l.Text == text })
		if at < 0 {
			at = len(b.Counts)
			b.Counts = append(b.Counts, display.Link{
				Text: text, Tone: display.WorstTone(display.ToneOf(phone.Status, c.Status), display.ToneOf(phone.QualityRating, c.QualityRating)),
				Href: b.Numbers + "&" + url.Values{"Status": {display.OrEmpty(c.Status)}, "QualityRating": {display.OrEmpty(c.QualityRating)}}.Encode(),
			})
		}
		b.Counts[at].Count++
	}
}
