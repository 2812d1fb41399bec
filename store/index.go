package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

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
		value, err := unseal(spaces, key, stored)
		if err == nil {
			old, err = decodeState(k, value)
		}
		if err != nil {
			w.damage.add(spaces, key, err)
			return w.moveAside(spaces, key, bytes.Clone(stored))
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
			err = w.putIndex(tracked[0].PhoneNumber, k)
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

// putIndex puts an entry, which is its key and has no value but the checksum.
func (w *writer) putIndex(phoneNumber string, k phone.SpaceKey) error {
	key := indexKey(phoneNumber, k)
	return w.put(numbers, key, seal(nil, 0, numbers, key))
}

// rebuildIndex makes the index anew where what is damaged cannot tell which
// entries are wrong.
func (w *writer) rebuildIndex() (err error) {
	if !w.staleIndex {
		return nil
	}
	if err = w.tx.DeleteBucket(numbers.name()); err != nil {
		return err
	}
	if w.buckets[numbers], err = w.tx.CreateBucket(numbers.name()); err != nil {
		return err
	}
	var keys [][]byte
	c := w.buckets[spaces].Cursor()
	for key, stored := c.First(); key != nil; key, stored = c.Next() {
		space, problem := parseSpaceKey(key)
		value, damaged := unseal(spaces, key, stored)
		if problem != nil || damaged != nil {
			continue
		}
		eachStored(value, func(n *StoredNumber) bool {
			keys = append(keys, indexKey(string(n.PhoneNumber()), space))
			return true
		})
	}
	// In order: until the commit they are one long list, in which others would be moved.
	slices.SortFunc(keys, bytes.Compare)
	return eachKey(keys, func(key []byte) error { return w.put(numbers, key, seal(nil, 0, numbers, key)) })
}

// CheckIndex reads the index, and the next commit makes it anew if it is not what the
// states say: a number that it lacks would count as missing when it moves. It holds a
// read transaction.
func (s *Store) CheckIndex() error {
	return s.view("the index of numbers", func(tx *bolt.Tx) error {
		var tracked, listed uint64
		lost := s.each(tx, spaces, func(_, value []byte) (bool, error) {
			_, _, count := readState(value)
			tracked += count
			return true, nil
		})
		s.each(tx, numbers, func(_, _ []byte) (bool, error) {
			listed++
			return true, nil
		})
		if listed != tracked && lost == 0 { // else it is made anew already
			s.damage.add(numbers, nil, fmt.Errorf("the index has %d entries for %d numbers", listed, tracked))
		}
		return nil
	})
}
