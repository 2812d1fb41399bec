package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"numwatch/phone"
)

// appendNumber writes a number of a space: itself, the mask of the fields that
// it has, the mask of those whose values are the same as of the number before
// it, and the other values in order. Most values of a space's numbers are the
// same, so that a state takes a fraction of what it holds.
func appendNumber(b []byte, n, before *phone.Number) []byte {
	same := n.Same(before)
	b = appendText(b, n.PhoneNumber)
	b = binary.AppendUvarint(b, uint64(n.Known()))
	b = binary.AppendUvarint(b, uint64(same))
	return appendValues(b, n, n.Known()&^same)
}

// appendSnapshotNumbers writes the same bytes as the numbers section of a
// state that holds these numbers.
func appendSnapshotNumbers(b []byte, numbers []phone.Number) []byte {
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	before := &phone.Number{}
	for i := range numbers {
		b = appendNumber(b, &numbers[i], before)
		before = &numbers[i]
	}
	return b
}

// appendState writes
//
//	uvarint missed numbers, 4 bytes length of the numbers section,
//	the numbers section: uvarint count, numbers,
//	At, RequestId, of each missed number: uvarint index, uvarint Missed, MissedSince, Listed,
//	uvarint gone numbers, of each: PhoneNumber, Listed, a byte that is 1 if it moved
//
// What a poll without news changes stands behind the numbers, so that sameNumbers
// compares them without decoding.
func appendState(b []byte, s *phone.SpaceState) []byte {
	missed := 0
	for i := range s.Numbers {
		if isMissed(&s.Numbers[i]) {
			missed++
		}
	}
	b = binary.AppendUvarint(b, uint64(missed))
	b = append(b, 0, 0, 0, 0)
	start := len(b)
	b = binary.AppendUvarint(b, uint64(len(s.Numbers)))
	before := &phone.Number{}
	for i := range s.Numbers {
		b = appendNumber(b, &s.Numbers[i].Number, before)
		before = &s.Numbers[i].Number
	}
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	b = appendText(appendTime(b, s.At), s.RequestId)
	for i := range s.Numbers {
		if n := &s.Numbers[i]; isMissed(n) {
			b = binary.AppendUvarint(b, uint64(i))
			b = binary.AppendUvarint(b, uint64(n.Missed))
			b = appendTime(appendTime(b, n.MissedSince), n.Listed)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(s.Gone)))
	for _, g := range s.Gone {
		moved := byte(0)
		if g.Moved {
			moved = 1
		}
		b = append(appendTime(appendText(b, g.PhoneNumber), g.Listed), moved)
	}
	return b
}

func isMissed(n *phone.TrackedNumber) bool {
	return n.Missed != 0 || !n.MissedSince.IsZero() || !n.Listed.IsZero()
}

// sameNumbers reports whether a stored state has exactly this numbers section
// and no missed number. It needs no checksum: a damaged state is not the same, or
// its numbers are not what is damaged.
func sameNumbers(state, section []byte) bool {
	const head = 1 + 4 // the count of missed numbers is 0: one byte
	if len(state) < head || state[0] != 0 {
		return false
	}
	n := uint64(binary.BigEndian.Uint32(state[1:]))
	return n == uint64(len(section)) && n <= uint64(len(state)-head) && bytes.Equal(state[head:head+n], section)
}

// StoredNumber is one number of a stored state, as it stands in the file: it is
// valid until the next, and nothing of it may be changed. Number makes a copy.
type StoredNumber struct {
	r      *reader
	number span
	known  phone.FieldSet
	values [phone.NumberFields]span
}

// PhoneNumber is the number itself.
func (n *StoredNumber) PhoneNumber() []byte { return n.bytes(n.number) }

// Has reports whether the field is present, empty or not.
func (n *StoredNumber) Has(f phone.Field) bool { return n.known.Has(f) }

// Get returns a field's value, nil if it is absent.
func (n *StoredNumber) Get(f phone.Field) []byte {
	if !n.known.Has(f) || !f.OfNumber() {
		return nil
	}
	return n.bytes(n.values[f])
}

func (n *StoredNumber) bytes(s span) []byte { return n.r.value[s.from:s.to:s.to] }

// Number returns a copy.
func (n *StoredNumber) Number() phone.Number {
	out := phone.Number{PhoneNumber: n.r.string(n.number)}
	for f := range phone.FieldsOfNumber() {
		if n.known.Has(f) {
			out.Set(f, n.r.string(n.values[f]))
		}
	}
	return out
}

// next reads the number that follows, which may share values with this one.
func (n *StoredNumber) next(r *reader) {
	first, before, had := n.r == nil, n.number, n.known
	n.r, n.number = r, r.take(r.uvarint())
	n.known = r.mask()
	same := r.mask()
	if same&^(n.known&had) != 0 {
		r.fail(fmt.Errorf("%w: a number repeats what is not there", errDamaged))
		return
	}
	for f := range n.values {
		if n.known.Has(phone.Field(f)) && !same.Has(phone.Field(f)) {
			n.values[f] = r.take(r.uvarint())
		}
	}
	if !first && bytes.Compare(n.bytes(before), n.PhoneNumber()) >= 0 {
		r.fail(fmt.Errorf("%w: its numbers are out of order", errDamaged))
	}
}

// readState begins to read a state: its count numbers follow, and after At and
// RequestId what is known of the missed ones.
func readState(value []byte) (r *reader, missed, count uint64) {
	r = &reader{value: value}
	missed = r.count(6)
	r.take(4)
	return r, missed, r.count(3)
}

func decodeState(k phone.SpaceKey, value []byte) (*phone.SpaceState, error) {
	r, missed, count := readState(value)
	s := &phone.SpaceState{Space: k, Numbers: make([]phone.TrackedNumber, count)}
	var n StoredNumber
	for i := range s.Numbers {
		n.next(r)
		if r.err != nil {
			break
		}
		s.Numbers[i].Number = n.Number()
	}
	s.At, s.RequestId = r.time(), r.text()
	for range missed {
		i, n, since, listed := r.uvarint(), r.uvarint(), r.time(), r.time()
		if i >= uint64(len(s.Numbers)) {
			r.fail(errDamaged)
			break
		}
		e := &s.Numbers[i]
		e.Missed, e.MissedSince, e.Listed = int(n), since, listed
	}
	for range r.count(4) {
		s.Gone = append(s.Gone, phone.GoneNumber{PhoneNumber: r.text(), Listed: r.time(), Moved: r.byte() == 1})
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return s, nil
}

// eachStored visits the numbers of a state in place, up to where it is damaged.
func eachStored(value []byte, visit func(*StoredNumber) bool) (more bool) {
	r, _, count := readState(value)
	var n StoredNumber
	for range count {
		n.next(r)
		if r.err != nil {
			return true
		}
		if !visit(&n) {
			return false
		}
	}
	return true
}
