package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"numwatch/phone"
)

// secondsToUnix is the time from the zero time to the Unix epoch, so that the
// zero time is stored as two zero bytes.
const secondsToUnix = 62135596800

func appendTime(b []byte, t time.Time) []byte {
	b = binary.AppendUvarint(b, uint64(t.Unix()+secondsToUnix))
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendFields writes the mask of the fields that a number has, and their values
// in order.
func appendFields(b []byte, n *phone.Number) []byte {
	b = binary.AppendUvarint(b, uint64(n.Known()))
	return appendValues(b, n, n.Known())
}

func appendValues(b []byte, n *phone.Number, which phone.FieldSet) []byte {
	for f := range phone.FieldsOfNumber() {
		if which.Has(f) {
			b = appendText(b, n.Get(f))
		}
	}
	return b
}

// fieldCode numbers the API's fields from 0 and numwatch's own from 128, so
// that both lists can grow at their ends.
func fieldCode(f phone.Field) byte {
	if f.OfNumber() {
		return byte(f)
	}
	return 128 + byte(f) - byte(phone.NumberFields)
}

// A reader decodes a value. Texts are parts of one copy of the value, made when
// the first is read, and spans are parts of the value itself, which nothing
// copies. After the first error everything it returns is zero.
type reader struct {
	value []byte
	copy  string
	at    int
	err   error
}

// span is where a text stands in the value.
type span struct{ from, to int }

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.value)
}

// end returns the first error, or one if something is left.
func (r *reader) end() error {
	if r.at != len(r.value) {
		r.fail(errDamaged)
	}
	return r.err
}

func (r *reader) take(n uint64) span {
	if n > uint64(len(r.value)-r.at) {
		r.fail(errDamaged)
		return span{}
	}
	s := span{r.at, r.at + int(n)}
	r.at = s.to
	return s
}

func (r *reader) byte() byte {
	if s := r.take(1); s.to > s.from {
		return r.value[s.from]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	// Nearly every length is one byte.
	if r.at < len(r.value) && r.value[r.at] < 0x80 {
		r.at++
		return uint64(r.value[r.at-1])
	}
	v, n := binary.Uvarint(r.value[r.at:])
	if n <= 0 {
		r.fail(errDamaged)
		return 0
	}
	r.at += n
	return v
}

// count reads how many things of at least size bytes each follow.
func (r *reader) count(size int) uint64 {
	n := r.uvarint()
	if n > uint64((len(r.value)-r.at)/size) {
		r.fail(errDamaged)
		return 0
	}
	return n
}

// bytes reads a length and what follows, in place.
func (r *reader) bytes() []byte {
	s := r.take(r.uvarint())
	return r.value[s.from:s.to:s.to]
}

func (r *reader) text() string { return r.string(r.take(r.uvarint())) }

func (r *reader) string(s span) string {
	if r.copy == "" {
		r.copy = string(r.value)
	}
	return r.copy[s.from:s.to]
}

func (r *reader) time() time.Time {
	s, ns := r.uvarint(), r.uvarint()
	if ns >= uint64(time.Second) {
		r.fail(errDamaged)
	}
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(int64(s)-secondsToUnix, int64(ns)).UTC()
}

func (r *reader) fields(n *phone.Number) {
	known := r.mask()
	for f := range phone.FieldsOfNumber() {
		if known.Has(f) {
			n.Set(f, r.text())
		}
	}
}

// mask reads a set of the API's fields.
func (r *reader) mask() phone.FieldSet {
	mask := r.uvarint()
	if mask>>phone.NumberFields != 0 {
		r.fail(fmt.Errorf("%w: a field is unknown", errDamaged))
		return 0
	}
	return phone.FieldSet(mask)
}

func (r *reader) field() phone.Field {
	c := r.byte()
	f := phone.Field(c)
	if c >= 128 {
		f = phone.Field(int(c) - 128 + phone.NumberFields)
	}
	if _, ok := phone.ParseField(f.String()); !ok || f.OfNumber() != (c < 128) {
		r.fail(fmt.Errorf("%w: a field is unknown", errDamaged))
		return 0
	}
	return f
}

// json decodes the rest.
func (r *reader) json(v any) {
	if r.err != nil {
		return
	}
	if err := json.Unmarshal(r.value[r.at:], v); err != nil {
		r.fail(fmt.Errorf("%w: %w", errDamaged, err))
	}
	r.at = len(r.value)
}
