package cams

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// answer is what an operation brings. Reset forgets an earlier attempt's.
type answer interface {
	head() *envelope
	reset()
}

// unmarshal reads an answer, of the common kind in the quick way.
func unmarshal(body []byte, a answer) error {
	a.reset()
	if sync, ok := a.(*syncAnswer); ok {
		if sync.scan(body) {
			return nil
		}
		a.reset()
	}
	return json.Unmarshal(body, a)
}

// scan reads an answer in the form in which the cloud writes it, in a fraction of
// the time that encoding/json takes. It reports false, with the answer in any
// state, for whatever is unusual or wrong, such as escapes, texts that are
// objects, or keys in another case: then encoding/json judges the whole.
func (a *syncAnswer) scan(body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	s := scanner{b: body}
	s.object(a.member)
	s.space()
	return !s.failed && s.at == len(s.b)
}

func (a *syncAnswer) member(s *scanner, key []byte) {
	switch string(key) {
	case "Code":
		s.text(&a.Code)
	case "Message":
		s.text(&a.Message)
	case "RequestId":
		s.text(&a.RequestId)
	case "Success":
		s.text(&a.Success)
	case "AccessDeniedDetail":
		from := s.at
		s.skip(0)
		a.AccessDeniedDetail = append(json.RawMessage(nil), bytes.TrimSpace(s.b[from:s.at])...)
	case "PhoneNumbers":
		if a.PhoneNumbers != nil {
			s.failed = true // it is there twice
			return
		}
		a.records(s)
	default:
		s.unknown(key, envelopeKeys)
	}
}

func (a *syncAnswer) records(s *scanner) {
	a.PhoneNumbers = make([]*record, 0, 8)
	s.list(func() {
		if s.next() == 'n' {
			s.word()
			a.PhoneNumbers = append(a.PhoneNumbers, nil)
			return
		}
		r := new(record)
		s.object(r.member)
		a.PhoneNumbers = append(a.PhoneNumbers, r)
	})
}

func (r *record) member(s *scanner, key []byte) {
	switch string(key) {
	case "PhoneNumber":
		s.text(&r.PhoneNumber)
	case "VerifiedName":
		s.text(&r.VerifiedName)
	case "Status":
		s.text(&r.Status)
	case "QualityRating":
		s.text(&r.QualityRating)
	case "CodeVerificationStatus":
		s.text(&r.CodeVerificationStatus)
	case "NewNameStatus":
		s.text(&r.NewNameStatus)
	case "NameStatus":
		s.text(&r.NameStatus)
	case "MessagingLimitTier":
		s.text(&r.MessagingLimitTier)
	case "StatusQueue":
		s.text(&r.StatusQueue)
	case "UpQueue":
		s.text(&r.UpQueue)
	case "StatusCallbackUrl":
		s.text(&r.StatusCallbackUrl)
	case "UpCallbackUrl":
		s.text(&r.UpCallbackUrl)
	case "IsOfficial":
		s.text(&r.IsOfficial)
	default:
		s.unknown(key, recordKeys)
	}
}

var (
	envelopeKeys = []string{"Code", "Message", "RequestId", "Success", "AccessDeniedDetail", "PhoneNumbers"}
	recordKeys   = []string{
		"PhoneNumber", "VerifiedName", "Status", "QualityRating", "CodeVerificationStatus", "NewNameStatus", "NameStatus",
		"MessagingLimitTier", "StatusQueue", "UpQueue", "StatusCallbackUrl", "UpCallbackUrl", "IsOfficial",
	}
)

// scanner walks over JSON. Once it has failed it stays where it is.
type scanner struct {
	b      []byte
	at     int
	failed bool
}

// next returns the byte that comes after white space, 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.failed || s.at == len(s.b) {
		return 0
	}
	return s.b[s.at]
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// want steps over a byte that must come next.
func (s *scanner) want(c byte) {
	if s.next() != c {
		s.failed = true
		return
	}
	s.at++
}

// object calls member for each key; it steps over the value.
func (s *scanner) object(member func(s *scanner, key []byte)) {
	s.want('{')
	s.series('}', func() {
		key := s.quoted()
		s.want(':')
		if !s.failed {
			member(s, key)
		}
	})
}

// list calls element for each element of a list; it steps over it.
func (s *scanner) list(element func()) {
	s.want('[')
	s.series(']', element)
}

// series reads what stands between commas up to the end.
func (s *scanner) series(end byte, one func()) {
	if s.next() == end {
		s.at++
		return
	}
	for !s.failed {
		one()
		if s.next() == end {
			s.at++
			return
		}
		s.want(',')
	}
}

// quoted steps over a string without escapes and returns what is in it.
func (s *scanner) quoted() []byte {
	s.want('"')
	if s.failed {
		return nil
	}
	from := s.at
	for ; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return s.b[from : s.at-1]
		case c == '\\' || c < ' ':
			s.failed = true
			return nil
		}
	}
	s.failed = true
	return nil
}

// word steps over a literal or a whole number and returns it.
func (s *scanner) word() []byte {
	s.space()
	from := s.at
	for s.at < len(s.b) && (s.b[s.at] >= 'a' && s.b[s.at] <= 'z' || s.b[s.at] >= '0' && s.b[s.at] <= '9') {
		s.at++
	}
	w := s.b[from:s.at]
	switch string(w) {
	case "true", "false", "null":
		return w
	}
	if len(w) == 0 || w[0] == '0' && len(w) > 1 || bytes.ContainsFunc(w, func(r rune) bool { return r > '9' }) {
		s.failed = true
	}
	return w
}

// text reads a value as text.UnmarshalJSON does.
func (s *scanner) text(t *text) {
	if s.next() != '"' {
		if w := s.word(); !s.failed && string(w) != "null" {
			t.value, t.present = string(w), true
		}
		return
	}
	inner := s.quoted()
	if s.failed {
		return
	}
	known, ok := interned[string(inner)]
	if !ok {
		known = string(inner)
	}
	t.value, t.present = known, true
}

// unknown steps over the value of a key that nobody wants, unless it is a wanted
// one in another case.
func (s *scanner) unknown(key []byte, wanted []string) {
	for _, w := range wanted {
		if len(key) == len(w) && strings.EqualFold(string(key), w) {
			s.failed = true
		}
	}
	if bytes.ContainsFunc(key, func(r rune) bool { return r >= utf8.RuneSelf }) {
		s.failed = true // some fold to letters
	}
	s.skip(0)
}

// deepest is how far values may be nested; what is deeper is unusual.
const deepest = 16

// skip steps over any value.
func (s *scanner) skip(depth int) {
	switch c := s.next(); {
	case depth > deepest:
		s.failed = true
	case c == '"':
		s.quoted()
	case c == '{':
		s.object(func(s *scanner, _ []byte) { s.skip(depth + 1) })
	case c == '[':
		s.list(func() { s.skip(depth + 1) })
	default:
		s.word()
	}
}
