package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/web/api"
	"numwatch/web/display"
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
	return api.NumberEntry{Account: k.Account, Space: s.apiSpace(k), Number: display.Redacted(n)}
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
	found, err := s.View.Find(q)
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
	Columns  []column
	Sort     string           // as the address has it, "" for the usual order
	Export   string           // query of all that is listed
	Choices  []display.Choice // first the usual ones
	More     []display.Choice // the other fields
	MoreOpen bool
	Texts    []display.Option // fields that are typed
	Rows     []numberRow
	Pager    display.Pager
	Filtered bool
	Hidden   []display.Option // label.NAME and space, which have no field of their own
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
	Tone         display.Tone
	Minor        bool // left out where there is little room
}

// The fields that the table shows beside number and name.
var tableFields = []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus, phone.CodeVerificationStatus}

// order reads how numbers are listed: by default those first with which most is wrong.
func (p *params) order() view.Order {
	names := []string{view.ByWorst, view.ByNumber, view.BySpace}
	names = append(names, phone.FieldNames(phone.FieldsOfNumber())...)
	by, reverse := strings.CutPrefix(p.text("sort"), "-")
	switch {
	case by == "":
		return view.Order{By: view.ByWorst}
	case !slices.Contains(names, by):
		p.wrong = append(p.wrong, "sort must be one of "+strings.Join(names, ", ")+", or one of them after a minus sign")
		return view.Order{By: view.ByWorst}
	}
	return view.Order{By: by, Reverse: reverse}
}

// column heads a table by which it can be sorted.
type column struct {
	Text, Href string
	Sorted     string // ascending, descending, "": by another
	Minor      bool   // left out where there is little room
}

// sortedBy heads a column; a click on the one that sorts turns it round.
func sortedBy(values url.Values, text, by string, now view.Order) column {
	c := column{Text: text, Href: display.With(values, "sort", by)}
	if by == now.By {
		c.Sorted = "ascending"
		if now.Reverse {
			c.Sorted = "descending"
		} else {
			c.Href = display.With(values, "sort", "-"+by)
		}
	}
	return c
}

func numberColumns(values url.Values, now view.Order) []column {
	columns := []column{
		sortedBy(values, "Number", view.ByNumber, now), sortedBy(values, "VerifiedName", phone.VerifiedName.String(), now), sortedBy(values, "Space", view.BySpace, now),
	}
	for i, text := range []string{"Status", "Quality", "Limit", "NameStatus", "Verification"} {
		columns = append(columns, sortedBy(values, text, tableFields[i].String(), now))
	}
	for i := range columns {
		columns[i].Minor = i != 0 && i != 3 && i != 4
	}
	return columns
}

func (s *site) numbersPage(w http.ResponseWriter, r *http.Request) {
	params := paramsOf(r)
	q := params.query()
	q.Order = params.order()
	q.Offset, q.Limit = params.pageNumber(), display.RowsPerPage
	found, err := s.View.Find(q)
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	body := numbersPage{
		Query: q, Columns: numberColumns(params.values, q.Order), Sort: params.text("sort"), Export: display.With(params.values, "sort", ""), Pager: display.NewPager(r.URL.Query(), q.Offset, len(found.Rows), found.Total), Complete: s.View.Built(),
		Filtered: q.Text != "" || q.Account != "" || q.Space != "" || len(q.Fields)+len(q.Labels) > 0,
	}
	body.fill(&q, s.accountNames())
	for i := range found.Rows {
		body.Rows = append(body.Rows, s.numberRow(&found.Rows[i]))
	}
	s.page(w, r, "numbers", "Numbers", body, params)
}

// fill makes the form show what is searched for.
func (b *numbersPage) fill(q *view.Query, accounts []string) {
	b.ManyAccounts = len(accounts) > 1
	if b.ManyAccounts {
		b.Choices = append(b.Choices, display.Choose("account", "Account", "any account", accounts, q.Account))
	}
	for f := range phone.FieldsOfNumber() {
		chosen := q.Fields[f]
		switch {
		case !f.IsEnum():
			b.Texts = append(b.Texts, display.Option{Value: f.String(), Text: strings.Join(chosen, ",")})
			b.MoreOpen = b.MoreOpen || len(chosen) > 0
		case slices.Contains(tableFields[:3], f):
			b.Choices = append(b.Choices, display.Choose(f.String(), f.String(), "any", fieldChoices(f), chosen...))
		default:
			b.More = append(b.More, display.Choose(f.String(), f.String(), "any", fieldChoices(f), chosen...))
			b.MoreOpen = b.MoreOpen || len(chosen) > 0
		}
	}
	if q.Space != "" {
		b.Hidden = append(b.Hidden, display.Option{Value: "space", Text: q.Space})
	}
	for name, v := range q.Labels {
		b.Hidden = append(b.Hidden, display.Option{Value: "label." + name, Text: v})
	}
}

func fieldChoices(f phone.Field) []string {
	values := f.Values()
	for i, v := range values {
		values[i] = display.OrEmpty(v)
	}
	return append(values, view.Absent)
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
		Number: display.Text(n.PhoneNumber), Name: display.Text(n.Get(phone.VerifiedName)), In: found.Space,
		Space: display.Text(s.Space(found.Space).Title()), Path: numberPath(phone.SubjectOf(found.Space, n.PhoneNumber)),
	}
	for i, f := range tableFields {
		c := stateCell{Field: f.String(), Value: "–", Tone: display.Off, Minor: i > 1}
		if n.Has(f) {
			c.Value, c.Tone = display.Value(f, n.Get(f)), display.ToneOf(f, n.Get(f))
		}
		row.States = append(row.States, c)
	}
	return row
}

// numberPath is where the page of a number is, from the root.
func numberPath(about phone.Subject) string {
	return "numbers/" + escape(about.Account) + "/" + escape(about.Space) + "/" + escape(about.PhoneNumber)
}

// numbersCSV answers with all numbers that the page of numbers lists for the same query.
// They are collected first, so that a client that is slow holds no read of the store.
func (s *site) numbersCSV(w http.ResponseWriter, r *http.Request) {
	params := paramsOf(r)
	q := params.query()
	if refused(w, params) {
		return
	}
	var table bytes.Buffer
	rows := csv.NewWriter(&table)
	// Errors are those of the buffer, which has none.
	_ = rows.Write(append([]string{"PhoneNumber", "Account", "SpaceId", "Space", "Labels"}, phone.FieldNames(phone.FieldsOfNumber())...))
	err := s.View.Each(q, func(in *phone.Space, n *phone.Number) { _ = rows.Write(cells(in, n)) })
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	rows.Flush()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", s.Now().UTC().Format("numbers-20060102T150405Z.csv")))
	// It fails only if the client has gone.
	_, _ = table.WriteTo(w)
}

func cells(in *phone.Space, n *phone.Number) []string {
	row := []string{n.PhoneNumber, in.Account, in.ID, in.Name, strings.Join(display.LabelTexts(in.Labels), " ")}
	for f := range phone.FieldsOfNumber() {
		row = append(row, f.Shown(n.Get(f)))
	}
	for i, v := range row {
		row[i] = cell(v)
	}
	return row
}

// cell makes a text from outside fit for a spreadsheet, which would take one that begins
// like a formula for one.
func cell(v string) string {
	v = display.Line(v)
	if v != "" && strings.ContainsRune("=+-@", rune(v[0])) {
		return "'" + v
	}
	return v
}
