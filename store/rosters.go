package store

import (
	"fmt"
	"strings"

	"numwatch/phone"
)

func (b *batch) dropSpaces(c *Commit) error {
	for _, k := range c.DropSpaces {
		key := appendSpaceKey(nil, k)
		if err := b.moveHomes(k, key, nil); err != nil {
			return err
		}
		if err := b.remove(rosters, key); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) putRosters(c *Commit) error {
	numbers := 0
	for i := range c.SpaceStates {
		numbers += len(c.SpaceStates[i].Numbers)
	}
	buf := make([]byte, 0, numbers*usualNumber)
	for i := range c.SpaceStates {
		r := &c.SpaceStates[i]
		if err := checkAccount(r.Space); err != nil {
			return err
		}
		key := appendSpaceKey(nil, r.Space)
		if err := b.moveHomes(r.Space, key, r.Numbers); err != nil {
			return err
		}
		start := len(buf)
		buf = appendRoster(buf, r)
		if err := b.put(rosters, key, buf[start:len(buf):len(buf)]); err != nil {
			return err
		}
	}
	return nil
}

// moveHomes makes the index true for a space whose stored roster is about to be
// replaced by these entries. Both lists are sorted, so most of the time it only
// walks along them.
func (b *batch) moveHomes(k phone.SpaceKey, key []byte, entries []phone.TrackedNumber) error {
	var old []string
	if stored := b.tables[rosters].Get(key); stored != nil {
		var err error
		if old, err = phoneNumbers(stored); err != nil {
			return fmt.Errorf("stored roster of %s: %w", k, err)
		}
	}
	if err := checkSorted(k, entries); err != nil {
		return err
	}
	for len(old) > 0 || len(entries) > 0 {
		var err error
		switch order := compareHeads(old, entries); {
		case order < 0:
			err = b.remove(homes, homeKey(old[0], k))
			old = old[1:]
		case order > 0:
			err = b.put(homes, homeKey(entries[0].PhoneNumber, k), []byte{})
			entries = entries[1:]
		default:
			old, entries = old[1:], entries[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compareHeads tells which list's head comes first; an empty list's comes last.
func compareHeads(old []string, entries []phone.TrackedNumber) int {
	switch {
	case len(entries) == 0:
		return -1
	case len(old) == 0:
		return 1
	default:
		return strings.Compare(old[0], entries[0].PhoneNumber)
	}
}

func checkSorted(k phone.SpaceKey, entries []phone.TrackedNumber) error {
	for i := 1; i < len(entries); i++ {
		if entries[i-1].PhoneNumber >= entries[i].PhoneNumber {
			return fmt.Errorf("roster of %s: numbers are not sorted, or one stands there twice", k)
		}
	}
	return nil
}
