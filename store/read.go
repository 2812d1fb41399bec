package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
)

// Roster returns what is stored of a space; nil where nothing is.
func (s *Store) SpaceState(k phone.SpaceKey) (roster *phone.SpaceState, err error) {
	err = s.view("a roster", func(tx *bolt.Tx) (err error) {
		if v := tx.Bucket(rosters.name()).Get(appendSpaceKey(nil, k)); v != nil {
			roster, err = decodeRoster(k, v)
		}
		return err
	})
	return roster, err
}

// Same reports whether the stored roster of the snapshot's space holds exactly
// its numbers, with the same fields and values, and none that is missing. It
// compares bytes, without decoding.
func (s *Store) Same(snap *phone.Snapshot) (same bool, err error) {
	buf := s.scratch.Get().(*[]byte)
	defer s.scratch.Put(buf)
	key := appendSpaceKey((*buf)[:0], snap.Space)
	*buf = appendSnapshotNumbers(key, snap.Numbers)
	key, section := (*buf)[:len(key)], (*buf)[len(key):]
	err = s.view("a roster", func(tx *bolt.Tx) error {
		same = sameNumbers(tx.Bucket(rosters.name()).Get(key), section)
		return nil
	})
	return same, err
}

// Warm reads the file once from its beginning to its end, so that it is in the
// page cache where there is room. Transactions read through a memory map, which
// meets a cold disk one page at a time, and each wait keeps other goroutines from
// running: whoever is about to read most of a large store calls this first. It
// stops early, without an error, when ctx ends.
func (s *Store) Warm(ctx context.Context) error {
	file, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("reading store %s ahead: %w", s.path, err)
	}
	defer file.Close()
	buf := make([]byte, 1<<20)
	for ctx.Err() == nil {
		if _, err := file.Read(buf); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading store %s ahead: %w", s.path, err)
		}
	}
	return nil
}

// Homes returns the spaces in whose roster the number is, in no certain order.
func (s *Store) SpacesOf(phoneNumber string) (spaces []phone.SpaceKey, err error) {
	prefix := homesPrefix(phoneNumber)
	err = s.view("the spaces of a number", func(tx *bolt.Tx) error {
		c := tx.Bucket(homes.name()).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			space, err := parseSpaceKey(k[len(prefix):])
			if err != nil {
				return err
			}
			spaces = append(spaces, space)
		}
		return nil
	})
	return spaces, err
}

// spacesPerRead bounds the transactions of Spaces.
const spacesPerRead = 1000

// Spaces yields the key of every space that has a roster, in order, until yield
// returns false. No transaction is open meanwhile: yield may take its time and
// use the store.
func (s *Store) Spaces(yield func(phone.SpaceKey) bool) error {
	var from []byte
	for {
		page, next, err := s.spacesFrom(from)
		if err != nil {
			return err
		}
		for _, k := range page {
			if !yield(k) {
				return nil
			}
		}
		if next == nil {
			return nil
		}
		from = next
	}
}

// spacesFrom reads a page of keys from one on, and returns the key behind it.
func (s *Store) spacesFrom(from []byte) (page []phone.SpaceKey, next []byte, err error) {
	err = s.view("the spaces", func(tx *bolt.Tx) error {
		c := tx.Bucket(rosters.name()).Cursor()
		k, _ := c.Seek(from)
		for ; k != nil && len(page) < spacesPerRead; k, _ = c.Next() {
			space, err := parseSpaceKey(k)
			if err != nil {
				return err
			}
			page = append(page, space)
		}
		next = bytes.Clone(k)
		return nil
	})
	return page, next, err
}

// Alerts returns all alerts, by id.
func (s *Store) Alerts() ([]alert.Alert, error) { return readAll[alert.Alert](s, alerts) }

// Silences returns all silences, by id.
func (s *Store) Silences() ([]alert.Silence, error) { return readAll[alert.Silence](s, silences) }

// Messages returns all messages, by id.
func (s *Store) Messages() ([]alert.Message, error) { return readAll[alert.Message](s, messages) }

// Conditions returns the conditions that are not OK.
func (s *Store) Conditions() ([]phone.Condition, error) {
	return readAll[phone.Condition](s, conditions)
}

func readAll[T any](s *Store, t table) (all []T, err error) {
	err = s.view("the "+t.String(), func(tx *bolt.Tx) error {
		return tx.Bucket(t.name()).ForEach(func(k, v []byte) error {
			var one T
			if err := json.Unmarshal(v, &one); err != nil {
				return fmt.Errorf("%q: %w", k, err)
			}
			all = append(all, one)
			return nil
		})
	})
	return all, err
}

// Checkpoint returns the bytes kept under a name; nil where there are none.
func (s *Store) Checkpoint(name string) (value []byte, err error) {
	err = s.view("a checkpoint", func(tx *bolt.Tx) error {
		value = bytes.Clone(tx.Bucket(checkpoints.name()).Get([]byte(name)))
		return nil
	})
	return value, err
}

// ReadLog returns at most limit events in order, from the first whose sequence
// is from or higher. What was trimmed is passed over: compare with FirstSeq.
func (s *Store) ReadLog(from uint64, limit int) (events []alert.Event, err error) {
	err = s.view("the log", func(tx *bolt.Tx) error {
		c := tx.Bucket(eventLog.name()).Cursor()
		for k, v := c.Seek(seqKey(from)); k != nil && len(events) < limit; k, v = c.Next() {
			seq, err := parseSeqKey(k)
			if err != nil {
				return err
			}
			e, err := decodeEvent(seq, v)
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events, err
}
