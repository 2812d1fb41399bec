package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"numwatch/phone"
)

// The first byte of every binary value is its version. Rosters of version 1
// lack the masks of what repeats, those of version 2 lack Listed; they are read,
// and written anew as they change.
const (
	eventVersion  = 1
	rosterVersion = 3
)

var (
	errDamaged = errors.New("value is damaged")
	errNewer   = errors.New("value was written by a newer numwatch: run that version")
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

// appendNumber writes a number of a roster: itself, the mask of the fields that
// it has, the mask of those whose values are the same as of the number before
// it, and the other values in order. Most values of a space's numbers are the
// same, so that a roster takes a fraction of what it holds.
func appendNumber(b []byte, n, before *phone.Number) []byte {
	same := n.Same(before)
	b = appendText(b, n.PhoneNumber)
	b = binary.AppendUvarint(b, uint64(n.Known()))
	b = binary.AppendUvarint(b, uint64(same))
	return appendValues(b, n, n.Known()&^same)
}

// appendSnapshotNumbers writes the same bytes as the numbers section of a
// roster that holds these numbers.
func appendSnapshotNumbers(b []byte, numbers []phone.Number) []byte {
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	before := &phone.Number{}
	for i := range numbers {
		b = appendNumber(b, &numbers[i], before)
		before = &numbers[i]
	}
	return b
}

// appendRoster writes
//
//	version, uvarint missed entries, 4 bytes length of the numbers section,
//	the numbers section: uvarint count, numbers,
//	At, RequestId, of each missed entry: uvarint index, uvarint Missed, MissedSince, Listed
//
// What a poll without news changes stands behind the numbers, so that sameNumbers
// compares them without decoding.
func appendRoster(b []byte, r *phone.SpaceState) []byte {
	missed := 0
	for i := range r.Numbers {
		if isMissed(&r.Numbers[i]) {
			missed++
		}
	}
	b = append(b, rosterVersion)
	b = binary.AppendUvarint(b, uint64(missed))
	b = append(b, 0, 0, 0, 0)
	start := len(b)
	b = binary.AppendUvarint(b, uint64(len(r.Numbers)))
	before := &phone.Number{}
	for i := range r.Numbers {
		b = appendNumber(b, &r.Numbers[i].Number, before)
		before = &r.Numbers[i].Number
	}
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	b = appendText(appendTime(b, r.At), r.RequestId)
	for i := range r.Numbers {
		if e := &r.Numbers[i]; isMissed(e) {
			b = binary.AppendUvarint(b, uint64(i))
			b = binary.AppendUvarint(b, uint64(e.Missed))
			b = appendTime(appendTime(b, e.MissedSince), e.Listed)
		}
	}
	return b
}

func isMissed(e *phone.TrackedNumber) bool {
	return e.Missed != 0 || !e.MissedSince.IsZero() || !e.Listed.IsZero()
}

// sameNumbers reports whether a stored roster has exactly this numbers section
// and no missed entry. A value that does not read is not the same.
func sameNumbers(roster, section []byte) bool {
	const (
		head   = 1 + 1 + 4 // the count of missed entries is 0: one byte
		masked = 2         // the version since which that section is what it is
	)
	if len(roster) < head || roster[0] < masked || roster[0] > rosterVersion || roster[1] != 0 {
		return false
	}
	n := uint64(binary.BigEndian.Uint32(roster[2:]))
	return n == uint64(len(section)) && n <= uint64(len(roster)-head) && bytes.Equal(roster[head:head+n], section)
}

func decodeRoster(k phone.SpaceKey, value []byte) (*phone.SpaceState, error) {
	r := newReader(value, rosterVersion)
	missed := r.count(3)
	r.take(4)
	roster := &phone.SpaceState{Space: k, Numbers: make([]phone.TrackedNumber, r.count(2))}
	before := &phone.Number{}
	for i := range roster.Numbers {
		r.number(&roster.Numbers[i].Number, before)
		before = &roster.Numbers[i].Number
	}
	roster.At, roster.RequestId = r.time(), r.text()
	for range missed {
		i, n, since, listed := r.uvarint(), r.uvarint(), r.time(), r.listed()
		if i >= uint64(len(roster.Numbers)) {
			r.fail(errDamaged)
			break
		}
		e := &roster.Numbers[i]
		e.Missed, e.MissedSince, e.Listed = int(n), since, listed
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("roster of %s: %w", k, err)
	}
	return roster, nil
}

// phoneNumbers reads only which numbers a stored roster holds.
func phoneNumbers(value []byte) ([]string, error) {
	r := newReader(value, rosterVersion)
	r.uvarint()
	r.take(4)
	numbers := make([]string, r.count(2))
	for i := range numbers {
		numbers[i] = r.text()
		known := phone.FieldSet(r.uvarint())
		for range (known &^ r.same()).Len() {
			r.text()
		}
	}
	return numbers, r.err
}

// fieldCode numbers the API's fields from 0 and numwatch's own from 128, so
// that both lists can grow at their ends.
func fieldCode(f phone.Field) byte {
	if f.OfNumber() {
		return byte(f)
	}
	return 128 + byte(f) - byte(phone.NumberFields)
}

// A reader takes a value apart. It copies the value once: what it returns are
// parts of that copy. After the first error everything it returns is zero.
type reader struct {
	version byte
	rest    string
	err     error
}

// newReader begins to read a value, behind its version byte.
func newReader(value []byte, newest byte) *reader {
	r := &reader{rest: string(value)}
	r.version = r.byte()
	switch {
	case r.err == nil && r.version == 0:
		r.fail(errDamaged)
	case r.version > newest:
		r.fail(fmt.Errorf("version %d: %w", r.version, errNewer))
	}
	return r
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = ""
}

// end returns the first error, or one if something is left.
func (r *reader) end() error {
	if r.rest != "" {
		r.fail(errDamaged)
	}
	return r.err
}

func (r *reader) take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.fail(errDamaged)
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) byte() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.fail(errDamaged)
	return 0
}

// count reads how many things of at least size bytes each follow.
func (r *reader) count(size uint64) uint64 {
	n := r.uvarint()
	if n > uint64(len(r.rest))/size {
		r.fail(errDamaged)
		return 0
	}
	return n
}

func (r *reader) text() string { return r.take(r.uvarint()) }

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

// number reads a number of a roster, where it stands behind before.
func (r *reader) number(n, before *phone.Number) {
	n.PhoneNumber = r.text()
	known := r.known()
	same := r.same()
	if same&^(known&before.Known()) != 0 {
		r.fail(errDamaged)
		return
	}
	for f := range phone.FieldsOfNumber() {
		switch {
		case same.Has(f):
			n.Set(f, before.Get(f))
		case known.Has(f):
			n.Set(f, r.text())
		}
	}
}

// same reads which values of a roster's number stand with the one before it.
func (r *reader) same() phone.FieldSet {
	if r.version < 2 {
		return 0
	}
	return phone.FieldSet(r.uvarint())
}

// listed reads when a list last held a missed entry.
func (r *reader) listed() time.Time {
	if r.version < 3 {
		return time.Time{}
	}
	return r.time()
}

func (r *reader) fields(n *phone.Number) {
	known := r.known()
	for f := range phone.FieldsOfNumber() {
		if known.Has(f) {
			n.Set(f, r.text())
		}
	}
}

func (r *reader) known() phone.FieldSet {
	known := r.uvarint()
	if known>>phone.NumberFields != 0 {
		r.fail(errNewer)
		return 0
	}
	return phone.FieldSet(known)
}

func (r *reader) field() phone.Field {
	c := r.byte()
	f := phone.Field(c)
	if c >= 128 {
		f = phone.Field(int(c) - 128 + phone.NumberFields)
	}
	if _, ok := phone.ParseField(f.String()); !ok || f.OfNumber() != (c < 128) {
		r.fail(errNewer)
		return 0
	}
	return f
}
