package phone

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode"
)

// Number is one phone number as an answer shows it. Values are canonical (see
// Field.Canonical). A field that the answer did not hold is absent, which is
// not the same as empty. Numbers compare with ==, and the zero Number has no
// field.
type Number struct {
	PhoneNumber string
	values      [NumberFields]string
	known       FieldSet
}

// Digits returns a phone number as it is compared and kept, by its digits: answers
// may write the same one as 12015550101, +12015550101 or 1 201-555-0101. What is
// no phone number is kept as it is, trimmed.
func Digits(raw string) string {
	raw = strings.TrimSpace(raw)
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("+-.()/\u2010\u2011\u2012\u2013", r) {
			return -1
		}
		return r
	}, raw)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return raw
	}
	return digits
}

// Get returns the value of a number's field, "" if absent.
func (n *Number) Get(f Field) string {
	if !f.OfNumber() {
		return ""
	}
	return n.values[f]
}

// Has reports whether the field is present, empty or not.
func (n *Number) Has(f Field) bool { return n.known.Has(f) }

// Known is the set of the fields that are present.
func (n *Number) Known() FieldSet { return n.known }

// Set makes the field present with raw's canonical form. It panics if f is not
// a number's field, which is a mistake of the program.
func (n *Number) Set(f Field, raw string) {
	if !f.OfNumber() {
		panic(fmt.Sprintf("phone: %s is not a number's field", f))
	}
	n.values[f] = f.Canonical(raw)
	n.known = n.known.With(f)
}

// Same is the set of the fields that both numbers have, with the same values.
func (n *Number) Same(other *Number) (same FieldSet) {
	both := n.known & other.known
	for i := range n.values {
		if f := Field(i); both.Has(f) && n.values[i] == other.values[i] {
			same = same.With(f)
		}
	}
	return same
}

// All yields the fields that are present, in order.
func (n *Number) All() iter.Seq2[Field, string] {
	return func(yield func(Field, string) bool) {
		for i, v := range n.values {
			if f := Field(i); n.known.Has(f) && !yield(f, v) {
				return
			}
		}
	}
}

// Over returns n with the fields that it lacks taken from before: an answer
// without a key leaves the value that was known.
func (n Number) Over(before Number) Number {
	for f, v := range before.All() {
		if !n.Has(f) {
			n.values[f] = v
			n.known = n.known.With(f)
		}
	}
	return n
}

// MarshalJSON writes an object of PhoneNumber and the fields that are present,
// under the API's names.
func (n Number) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 512), `{"PhoneNumber":`...)
	b, err := appendJSON(b, n.PhoneNumber)
	if err != nil {
		return nil, err
	}
	for f, v := range n.All() {
		b = append(append(append(b, ',', '"'), f.String()...), '"', ':')
		if b, err = appendJSON(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendJSON(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			q, err := json.Marshal(s)
			return append(b, q...), err
		}
	}
	return append(append(append(b, '"'), s...), '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes; keys it does not know are passed
// over.
func (n *Number) UnmarshalJSON(b []byte) error {
	var object map[string]string
	if err := json.Unmarshal(b, &object); err != nil {
		return fmt.Errorf("decoding a number: %w", err)
	}
	*n = Number{PhoneNumber: object["PhoneNumber"]}
	for f := range FieldsOfNumber() {
		if v, ok := object[f.String()]; ok {
			n.Set(f, v)
		}
	}
	return nil
}
