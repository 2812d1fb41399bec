package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"numwatch/phone"
)

// updateIndex makes the indexes of the numbers that are in a space, and of those that
// are gone from it, true for a space whose stored state is about to be replaced. Lists
// are sorted, so most of the time it only walks along them. A stored state that is
// damaged is set aside.
func (w *writer) updateIndex(k phone.SpaceKey, key []byte, state *phone.SpaceState) error {
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
	err := reindex(w, numbers, k, old.Numbers, state.Numbers, func(n *phone.TrackedNumber) string { return n.PhoneNumber })
	if err != nil {
		return err
	}
	return reindex(w, gone, k, old.Gone, state.Gone, func(g *phone.GoneNumber) string { return g.PhoneNumber })
}

// reindex replaces the entries of a space in an index.
func reindex[T any](w *writer, b bucket, k phone.SpaceKey, before, after []T, name func(*T) string) (err error) {
	for len(before) > 0 || len(after) > 0 {
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = strings.Compare(name(&before[0]), name(&after[0]))
		}
		switch {
		case order < 0:
			err = w.remove(b, indexKey(name(&before[0]), k))
		case order > 0:
			err = w.putIndex(b, indexKey(name(&after[0]), k))
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			before = before[1:]
		}
		if order >= 0 {
			after = after[1:]
		}
	}
	return nil
}

// putIndex puts an entry, which is its key and has no value but the checksum.
func (w *writer) putIndex(b bucket, key []byte) error { return w.put(b, key, seal(nil, 0, b, key)) }

// rebuildIndex rebuilds the indexes when damage hides which entries are wrong.
func (w *writer) rebuildIndex() (err error) {
	if !w.staleIndex {
		return nil
	}
	keys := map[bucket][][]byte{numbers: nil, gone: nil}
	for b := range keys {
		if err = w.clear(b); err != nil {
			return err
		}
	}
	c := w.buckets[spaces].Cursor()
	for key, stored := c.First(); key != nil; key, stored = c.Next() {
		space, problem := parseSpaceKey(key)
		value, damaged := unseal(spaces, key, stored)
		if problem != nil || damaged != nil {
			continue
		}
		state, damaged := decodeState(space, value)
		if damaged != nil {
			continue
		}
		for i := range state.Numbers {
			keys[numbers] = append(keys[numbers], indexKey(state.Numbers[i].PhoneNumber, space))
		}
		for _, g := range state.Gone {
			keys[gone] = append(keys[gone], indexKey(g.PhoneNumber, space))
		}
	}
	for b, list := range keys {
		// In order: until the commit they are one long list, in which others would be moved.
		slices.SortFunc(list, bytes.Compare)
		if err = eachKey(list, func(key []byte) error { return w.putIndex(b, key) }); err != nil {
			return err
		}
	}
	return nil
}

// CheckIndex reads the index, and the next commit rebuilds it if it disagrees with
// the states: a number that it lacks would count as missing when it moves. It holds a
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
		if listed != tracked && lost == 0 { // else it is rebuilt already
			s.damage.add(numbers, nil, fmt.Errorf("the index has %d entries for %d numbers", listed, tracked))
		}
		return nil
	})
}
