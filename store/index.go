package store

import (
	"bytes"
	"errors"
	"strings"

	"numwatch/phone"
)

// updateIndex makes the index of numbers true for a space whose stored state is
// about to be replaced by one with these numbers. Both lists are sorted, so most
// of the time it only walks along them. A stored state that is damaged is set
// aside.
func (w *writer) updateIndex(k phone.SpaceKey, key []byte, tracked []phone.TrackedNumber) error {
	stored := w.buckets[spaces].Get(key)
	old := &phone.SpaceState{}
	if stored != nil {
		var err error
		if old, err = decodeState(k, stored); err != nil {
			if err := setAside(w.tx, spaces.String(), key, stored); err != nil {
				return err
			}
			return w.rebuildIndex(k, key, tracked)
		}
	}
	before := old.Numbers
	for len(before) > 0 || len(tracked) > 0 {
		var err error
		switch order := compareFirst(before, tracked); {
		case order < 0:
			err = w.remove(numbers, indexKey(before[0].PhoneNumber, k))
			before = before[1:]
		case order > 0:
			err = w.put(numbers, indexKey(tracked[0].PhoneNumber, k), []byte{})
			tracked = tracked[1:]
		default:
			before, tracked = before[1:], tracked[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compareFirst tells which list's first number is lower; an empty list comes
// last.
func compareFirst(before, after []phone.TrackedNumber) int {
	switch {
	case len(before) == 0:
		return 1
	case len(after) == 0:
		return -1
	default:
		return strings.Compare(before[0].PhoneNumber, after[0].PhoneNumber)
	}
}

// rebuildIndex searches the whole index for numbers of the space, since what is
// stored of it cannot tell.
func (w *writer) rebuildIndex(k phone.SpaceKey, key []byte, tracked []phone.TrackedNumber) error {
	var stale [][]byte
	c := w.buckets[numbers].Cursor()
	for entry, _ := c.First(); entry != nil; entry, _ = c.Next() {
		r := &reader{value: entry}
		r.take(r.uvarint())
		if r.err != nil || bytes.Equal(entry[r.at:], key) {
			stale = append(stale, bytes.Clone(entry))
		}
	}
	var errs []error
	for _, entry := range stale {
		errs = append(errs, w.remove(numbers, entry))
	}
	for i := range tracked {
		errs = append(errs, w.put(numbers, indexKey(tracked[i].PhoneNumber, k), []byte{}))
	}
	return errors.Join(errs...)
}
