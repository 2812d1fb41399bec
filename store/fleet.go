package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"numwatch/phone"
)

// Line is one number of a stored roster, its values as they stand in the file:
// none of it may be kept or changed. Number makes a copy.
type Line struct {
	PhoneNumber []byte
	known       phone.FieldSet
	values      [phone.NumberFields][]byte
}

// Has reports whether the field is present, empty or not.
func (l *Line) Has(f phone.Field) bool { return l.known.Has(f) }

// Get returns a field's value, nil if it is absent.
func (l *Line) Get(f phone.Field) []byte {
	if !l.known.Has(f) || !f.OfNumber() {
		return nil
	}
	return l.values[f]
}

// Number returns a copy that may be kept.
func (l *Line) Number() phone.Number {
	n := phone.Number{PhoneNumber: string(l.PhoneNumber)}
	for f := range phone.FieldsOfNumber() {
		if l.known.Has(f) {
			n.Set(f, string(l.values[f]))
		}
	}
	return n
}

// EachNumber hands every stored number to visit, by account, space and number,
// until visit returns false. A space for which enter returns false is passed
// over. It decodes only what is looked at, and holds a read transaction: both
// functions must be quick and leave the store alone.
func (s *Store) EachNumber(enter func(phone.SpaceKey) bool, visit func(phone.SpaceKey, *Line) bool) error {
	return s.view("the numbers", func(tx *bolt.Tx) error {
		c := tx.Bucket(rosters.name()).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			space, err := parseSpaceKey(k)
			if err != nil {
				return err
			}
			if !enter(space) {
				continue
			}
			more, err := eachLine(v, func(l *Line) bool { return visit(space, l) })
			if err != nil {
				return fmt.Errorf("roster of %s: %w", space, err)
			}
			if !more {
				return nil
			}
		}
		return nil
	})
}

// eachLine reads the numbers section of a roster in place.
func eachLine(value []byte, visit func(*Line) bool) (more bool, err error) {
	if len(value) == 0 || value[0] == 0 || value[0] > rosterVersion {
		return false, errNewer
	}
	w := walker{rest: value[1:]}
	w.uvarint() // missed entries
	w.take(4)   // length of the section
	var line Line
	for range w.uvarint() {
		line.PhoneNumber = w.text()
		before := line.known
		line.known = phone.FieldSet(w.uvarint())
		if line.known>>phone.NumberFields != 0 {
			return false, errNewer
		}
		same := phone.FieldSet(0)
		if value[0] >= 2 {
			same = phone.FieldSet(w.uvarint())
		}
		if same&^(line.known&before) != 0 {
			return false, errDamaged
		}
		for f := range line.values {
			switch {
			case same.Has(phone.Field(f)): // it stands there already
			case line.known.Has(phone.Field(f)):
				line.values[f] = w.text()
			default:
				line.values[f] = nil
			}
		}
		if w.damaged {
			return false, errDamaged
		}
		if !visit(&line) {
			return false, nil
		}
	}
	return !w.damaged, w.err()
}

// walker takes a value apart without copying it, unlike reader.
type walker struct {
	rest    []byte
	damaged bool
}

func (w *walker) err() error {
	if w.damaged {
		return errDamaged
	}
	return nil
}

func (w *walker) take(n uint64) []byte {
	if n > uint64(len(w.rest)) {
		w.rest, w.damaged = nil, true
		return nil
	}
	b := w.rest[:n:n]
	w.rest = w.rest[n:]
	return b
}

func (w *walker) uvarint() uint64 {
	// Nearly every length is one byte.
	if len(w.rest) > 0 && w.rest[0] < 0x80 {
		v := w.rest[0]
		w.rest = w.rest[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(w.rest)
	if n <= 0 {
		w.rest, w.damaged = nil, true
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

func (w *walker) text() []byte { return w.take(w.uvarint()) }
