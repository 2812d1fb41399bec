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
	Order  Order
	Offset int
	Limit  int
}

// The values in Query.Fields for one that is missing.
const (
	Empty  = "(empty)"
	Absent = "(absent)"
)

// Row is a number that was found.
type Row struct {
	Space  phone.SpaceKey
	Number phone.Number
}

// Found is a page of the numbers that match, in the requested order.
type Found struct {
	Total int // of all that match
	Rows  []Row
}

// Find returns the numbers that match, those from Offset on and at most Limit.
// It reads through the store: some ten milliseconds for 100,000 numbers.
func (v *View) Find(q Query, describe func(phone.SpaceKey) phone.Space) (Found, error) {
	if q.Order.By != "" {
		return v.ordered(q, describe)
	}
	var found Found
	err := v.each(&q, describe, func(s *phone.Space, l *store.StoredNumber) {
		if found.Total >= q.Offset && len(found.Rows) < q.Limit {
			found.Rows = append(found.Rows, Row{s.SpaceKey, l.Number()})
		}
		found.Total++
	})
	return found, err
}

// Each visits all numbers that match, by account, space and number. The store is read
// meanwhile, so it must not take long.
func (v *View) Each(q Query, describe func(phone.SpaceKey) phone.Space, visit func(*phone.Space, *phone.Number)) error {
	return v.each(&q, describe, func(s *phone.Space, l *store.StoredNumber) {
		n := l.Number()
		visit(s, &n)
	})
}

func (v *View) each(q *Query, describe func(phone.SpaceKey) phone.Space, visit func(*phone.Space, *store.StoredNumber)) error {
	m := newMatcher(q)
	var space phone.Space
	return v.store.EachNumber(
		func(k phone.SpaceKey) bool {
			space = describe(k)
			return m.enter(space)
		},
		func(_ phone.SpaceKey, l *store.StoredNumber) bool {
			if m.matches(l) {
				visit(&space, l)
			}
			return true
		})
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
	if digits := phone.Digits(q.Text); strings.Trim(digits, "0123456789") == "" {
		m.digits = []byte(digits)
	}
	for f := range phone.FieldsOfNumber() {
		if wanted := q.Fields[f]; len(wanted) > 0 {
			m.tests = append(m.tests, newTest(f, wanted))
		}
	}
	return m
}

// enter reports whether numbers of a space can match at all.
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
	wanted        [][]byte        // canonical, or in lower case for texts
	found         map[string]bool // of URLs: whether what is shown of it holds one of wanted
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
		t.found = map[string]bool{}
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
		return t.foundIn(v)
	}
	return t.holdsOne(v)
}

func (t *test) holdsOne(v []byte) bool {
	return slices.ContainsFunc(t.wanted, func(w []byte) bool { return holds(v, w) })
}

// maxURLs bounds how many URLs one search remembers.
const maxURLs = 4096

// foundIn looks at what is shown of a URL: a search must not find out the rest. The same
// few URLs stand with most numbers, so each is looked at once.
func (t *test) foundIn(url []byte) bool {
	if found, ok := t.found[string(url)]; ok {
		return found
	}
	found := t.holdsOne([]byte(phone.Redact(string(url))))
	if len(t.found) == maxURLs {
		clear(t.found) // neighbours are alike
	}
	t.found[string(url)] = found
	return found
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

// Known is what is known about one number.
type Known struct {
	phone.TrackedNumber
	At time.Time // when its space's list last changed
}

// Number returns what is known about a number; nil if nothing is.
func (v *View) Number(k phone.SpaceKey, phoneNumber string) (*Known, error) {
	r, err := v.store.SpaceState(k)
	if err != nil || r == nil {
		return nil, err
	}
	n := numberIn(r, phoneNumber)
	if n == nil {
		return nil, nil
	}
	return &Known{TrackedNumber: *n, At: r.At}, nil
}
