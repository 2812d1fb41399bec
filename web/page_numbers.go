package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"numwatch/phone"
)

type numbersPage struct {
	Query    Query
	Choices  []choice // first the usual ones
	More     []choice // the other fields
	MoreOpen bool
	Texts    []textField
	Rows     []numberRow
	Pager    pager
	Filtered bool
	Hidden   []option // label.NAME and space, which have no field of their own
	Complete bool
	// ManyAccounts: rows say which account they are of.
	ManyAccounts bool
}

type textField struct{ Name, Value string }

type numberRow struct {
	Number, Name   string
	Path           string
	Space, Account string
	SpaceHref      string
	States         []stateCell
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
	found, err := s.Fleet.Find(q)
	if err != nil {
		s.unreadable(w, r, err)
		return
	}
	body := numbersPage{
		Query: q, Pager: newPager(r.URL.Query(), q.Offset, len(found.Rows), found.Total), Complete: s.Fleet.Complete(),
		Filtered: q.Text != "" || q.Account != "" || q.Space != "" || len(q.Fields)+len(q.Labels) > 0,
	}
	body.fill(&q, s.accountNames())
	for i := range found.Rows {
		body.Rows = append(body.Rows, s.numberRow(&found.Rows[i]))
	}
	p := s.frame(r, "numbers", "Numbers")
	p.Wrong = strings.Join(params.wrong, "; ")
	p.Body = body
	s.show(w, http.StatusOK, p)
}

// fill makes the form show what is searched for.
func (b *numbersPage) fill(q *Query, accounts []string) {
	b.ManyAccounts = len(accounts) > 1
	if b.ManyAccounts {
		b.Choices = append(b.Choices, choose("account", "Account", "any account", accounts, nonEmpty(q.Account)))
	}
	for f := range phone.FieldsOfNumber() {
		chosen := q.Fields[f]
		switch {
		case !f.IsEnum():
			b.Texts = append(b.Texts, textField{f.String(), strings.Join(chosen, ",")})
			b.MoreOpen = b.MoreOpen || len(chosen) > 0
		case slices.Contains(tableFields[:3], f):
			b.Choices = append(b.Choices, choose(f.String(), f.String(), "any", fieldChoices(f), chosen))
		default:
			b.More = append(b.More, choose(f.String(), f.String(), "any", fieldChoices(f), chosen))
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

func nonEmpty(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func (s *site) accountNames() (names []string) {
	for _, a := range s.Status().Accounts {
		names = append(names, a.Name)
	}
	return names
}

func (s *site) numberRow(found *FoundNumber) numberRow {
	n := &found.Number
	row := numberRow{
		Number: text(n.PhoneNumber), Name: text(n.Get(phone.VerifiedName)), Account: found.Space.Account,
		Space: text(s.Space(found.Space).Title()), Path: numberPath(phone.SubjectOf(found.Space, n.PhoneNumber)),
		SpaceHref: "numbers?" + url.Values{"account": {found.Space.Account}, "space": {found.Space.ID}}.Encode(),
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
