package web

import (
	"net/http"
	"slices"
	"strings"

	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
)

// query reads what selects numbers.
func (p *params) query() view.Query {
	q := view.Query{Text: p.text("q"), Account: p.text("account"), Space: p.text("space"), Labels: p.labels(), Fields: map[phone.Field][]string{}}
	for f := range phone.FieldsOfNumber() {
		if values := p.list(f.String()); len(values) > 0 {
			q.Fields[f] = values
		}
	}
	return q
}

func (s *site) entry(k phone.SpaceKey, n *phone.Number) api.NumberEntry {
	return api.NumberEntry{Account: k.Account, Space: s.apiSpace(k), Number: redacted(n)}
}

func (s *site) apiSpace(k phone.SpaceKey) api.Space {
	space := s.Space(k)
	return api.Space{ID: k.ID, Name: space.Name, Labels: space.Labels}
}

func (s *site) getNumbers(w http.ResponseWriter, r *http.Request) {
	p := paramsOf(r)
	q := p.query()
	q.Offset, q.Limit = p.page()
	if refused(w, p) {
		return
	}
	found, err := s.View.Find(q, s.Space)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	list := api.NumberList{Total: found.Total, Numbers: []api.NumberEntry{}}
	for i := range found.Rows {
		list.Numbers = append(list.Numbers, s.entry(found.Rows[i].Space, &found.Rows[i].Number))
	}
	api.Write(w, http.StatusOK, list)
}

type numbersPage struct {
	Query    view.Query
	Choices  []choice // first the usual ones
	More     []choice // the other fields
	MoreOpen bool
	Texts    []option // fields that are typed
	Rows     []numberRow
	Pager    pager
	Filtered bool
	Hidden   []option // label.NAME and space, which have no field of their own
	Complete bool
	// ManyAccounts: rows say which account they are of.
	ManyAccounts bool
}

type numberRow struct {
	Number, Name string
	Path         string
	Space        string
	In           phone.SpaceKey
	States       []stateCell
}

type stateCell struct {
	Field, Value string
	Tone         tone
	Minor        bool // left out where there is little room
}

// The fields that the table shows beside number and name.
var tableFields = []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus, phone.CodeVerificationStatus}

func (s *site) numbersPage(w http.ResponseWriter, r *http.Request) {
	params := paramsOf(r)
	q := params.query()
	q.Offset, q.Limit = params.pageNumber(), rowsPerPage
	found, err := s.View.Find(q, s.Space)
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	body := numbersPage{
		Query: q, Pager: newPager(r.URL.Query(), q.Offset, len(found.Rows), found.Total), Complete: s.View.Built(),
		Filtered: q.Text != "" || q.Account != "" || q.Space != "" || len(q.Fields)+len(q.Labels) > 0,
	}
	body.fill(&q, s.accountNames())
	for i := range found.Rows {
		body.Rows = append(body.Rows, s.numberRow(&found.Rows[i]))
	}
	s.page(w, r, "numbers", "Numbers", body, params.wrong...)
}

// fill makes the form show what is searched for.
func (b *numbersPage) fill(q *view.Query, accounts []string) {
	b.ManyAccounts = len(accounts) > 1
	if b.ManyAccounts {
		b.Choices = append(b.Choices, choose("account", "Account", "any account", accounts, q.Account))
	}
	for f := range phone.FieldsOfNumber() {
		chosen := q.Fields[f]
		switch {
		case !f.IsEnum():
			b.Texts = append(b.Texts, option{Value: f.String(), Text: strings.Join(chosen, ",")})
			b.MoreOpen = b.MoreOpen || len(chosen) > 0
		case slices.Contains(tableFields[:3], f):
			b.Choices = append(b.Choices, choose(f.String(), f.String(), "any", fieldChoices(f), chosen...))
		default:
			b.More = append(b.More, choose(f.String(), f.String(), "any", fieldChoices(f), chosen...))
			b.MoreOpen = b.MoreOpen || len(chosen) > 0
		}
	}
	if q.Space != "" {
		b.Hidden = append(b.Hidden, option{Value: "space", Text: q.Space})
	}
	for name, v := range q.Labels {
		b.Hidden = append(b.Hidden, option{Value: "label." + name, Text: v})
	}
}

func fieldChoices(f phone.Field) []string {
	values := f.Values()
	for i, v := range values {
		values[i] = orEmpty(v)
	}
	return append(values, "(absent)")
}

func (s *site) accountNames() (names []string) {
	for _, a := range s.Accounts() {
		names = append(names, a.Name)
	}
	return names
}

func (s *site) numberRow(found *view.Row) numberRow {
	n := &found.Number
	row := numberRow{
		Number: text(n.PhoneNumber), Name: text(n.Get(phone.VerifiedName)), In: found.Space,
		Space: text(s.Space(found.Space).Title()), Path: numberPath(phone.SubjectOf(found.Space, n.PhoneNumber)),
	}
	for i, f := range tableFields {
		c := stateCell{Field: f.String(), Value: "–", Tone: off, Minor: i > 1}
		if n.Has(f) {
			c.Value, c.Tone = value(f, n.Get(f)), toneOf(f, n.Get(f))
		}
		row.States = append(row.States, c)
	}
	return row
}

// numberPath is where the page of a number is, from the root.
func numberPath(about phone.Subject) string {
	return "numbers/" + escape(about.Account) + "/" + escape(about.Space) + "/" + escape(about.PhoneNumber)
}
