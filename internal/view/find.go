package view

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"numwatch/phone"
	"numwatch/store"
)

// Query selects numbers. Members that are empty select all.
type Query struct {
	Text    string // in the number (digits), the verified name, the space's name or id
	Account string
	Space   string // id
	// Fields are matched as they are shown: an enum's value is one of those
	// given, a text holds one of them, whatever the case. Empty is a value that
	// is empty, Absent one that no answer has held yet.
	Fields map[phone.Field][]string
	Labels map[string]string
	Offset int
	Limit  int
}

// What Query.Fields says for a value that is not there.
const (
	Empty  = "(empty)"
	Absent = "(absent)"
)

// Row is a number that was found.
type Row struct {
	Space  phone.SpaceKey
	Number phone.Number
}

// Found is a part of the numbers that match, by account, space and number.
type Found struct {
	Total int // of all that match
	Rows  []Row
}

// Find returns the numbers that match, those from Offset on and at most Limit.
// It reads through the store: some ten milliseconds for 100,000 numbers.
func (v *View) Find(q Query, describe func(phone.SpaceKey) phone.Space) (Found, error) {
	m := newMatcher(&q)
	var found Found
	err := v.store.EachNumber(
		func(k phone.SpaceKey) bool { return m.enter(describe(k)) },
		func(k phone.SpaceKey, l *store.StoredNumber) bool {
			if !m.matches(l) {
				return true
			}
			if found.Total >= q.Offset && len(found.Rows) < q.Limit {
				found.Rows = append(found.Rows, Row{k, l.Number()})
			}
			found.Total++
			return true
		})
	return found, err
}

// matcher judges numbers by a query, one after the other.
type matcher struct {
	q            *Query
	text         []byte // in lower case
	digits       []byte // of text, if it can be a number
	tests        []test
	spaceMatches bool
}

func newMatcher(q *Query) *matcher {
	m := &matcher{q: q, text: []byte(strings.ToLower(strings.TrimSpace(q.Text)))}
	if rest := strings.Trim(q.Text, "+0123456789 -()."); rest == "" {
		m.digits = bytes.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, m.text)
	}
	for f := range phone.FieldsOfNumber() {
		if wanted := q.Fields[f]; len(wanted) > 0 {
			m.tests = append(m.tests, newTest(f, wanted))
		}
	}
	return m
}

// enter decides whether numbers of a space can match at all.
func (m *matcher) enter(s phone.Space) bool {
	if m.q.Account != "" && m.q.Account != s.Account || m.q.Space != "" && m.q.Space != s.ID || !s.HasLabels(m.q.Labels) {
		return false
	}
	m.spaceMatches = len(m.text) > 0 && (holds([]byte(s.Name), m.text) || holds([]byte(s.ID), m.text))
	return true
}

func (m *matcher) matches(l *store.StoredNumber) bool {
	for i := range m.tests {
		if !m.tests[i].passes(l) {
			return false
		}
	}
	return len(m.text) == 0 || m.spaceMatches ||
		len(m.digits) > 0 && bytes.Contains(l.PhoneNumber(), m.digits) ||
		holds(l.PhoneNumber(), m.text) || holds(l.Get(phone.VerifiedName), m.text)
}

// test is one field of a query.
type test struct {
	field         phone.Field
	empty, absent bool
	wanted        [][]byte // canonical, or in lower case for texts
	shown         map[string][]byte
}

func newTest(f phone.Field, wanted []string) test {
	t := test{field: f}
	for _, w := range wanted {
		switch {
		case w == Empty:
			t.empty = true
		case w == Absent:
			t.absent = true
		case f.IsEnum():
			t.wanted = append(t.wanted, []byte(f.Canonical(w)))
		default:
			t.wanted = append(t.wanted, []byte(strings.ToLower(strings.TrimSpace(w))))
		}
	}
	if f.IsURL() {
		t.shown = map[string][]byte{}
	}
	return t
}

func (t *test) passes(l *store.StoredNumber) bool {
	v := l.Get(t.field)
	switch {
	case !l.Has(t.field):
		return t.absent
	case len(v) == 0:
		return t.empty
	case t.field.IsEnum():
		return slices.ContainsFunc(t.wanted, func(w []byte) bool { return bytes.Equal(v, w) })
	case t.field.IsURL():
		v = t.redacted(v)
	}
	return slices.ContainsFunc(t.wanted, func(w []byte) bool { return holds(v, w) })
}

// maxShown bounds how many redacted URLs one search remembers.
const maxShown = 4096

// redacted returns what is shown of a URL: a search must not find out the rest.
// The same few URLs stand with most numbers.
func (t *test) redacted(raw []byte) []byte {
	if s, ok := t.shown[string(raw)]; ok {
		return s
	}
	s := []byte(phone.Redact(string(raw)))
	if len(t.shown) == maxShown {
		clear(t.shown) // neighbours are alike
	}
	t.shown[string(raw)] = s
	return s
}

// holds reports whether text holds what, which is in lower case, whatever the
// case of text.
func holds(text, what []byte) bool {
	if len(what) == 0 {
		return true
	}
	for i := range text {
		if text[i] >= utf8.RuneSelf {
			return bytes.Contains(bytes.ToLower(text), what)
		}
	}
	for ; len(text) >= len(what); text = text[1:] {
		if lower(text[0]) == what[0] && samePrefix(text, what) {
			return true
		}
	}
	return false
}

func samePrefix(text, what []byte) bool {
	for i := range what {
		if lower(text[i]) != what[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Known is what is known of one number.
type Known struct {
	phone.TrackedNumber
	At time.Time // when its space's list last changed
}

// Number returns what is known of a number; nil where nothing is.
func (v *View) Number(k phone.SpaceKey, phoneNumber string) (*Known, error) {
	r, err := v.store.SpaceState(k)
	if err != nil || r == nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(r.Numbers, phoneNumber, func(e phone.TrackedNumber, n string) int {
		return strings.Compare(e.PhoneNumber, n)
	})
	if !ok {
		return nil, nil
	}
	return &Known{TrackedNumber: r.Numbers[i], At: r.At}, nil
}
