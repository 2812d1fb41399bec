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
	"numwatch/store/internal/dbfile"
)

// SpaceState returns what is stored of a space; nil where nothing is, or it is
// damaged.
func (s *Store) SpaceState(k phone.SpaceKey) (state *phone.SpaceState, err error) {
	err = s.view("a space", func(tx *bolt.Tx) (err error) {
		key := appendSpaceKey(nil, k)
		if value := s.get(tx, spaces, key); value != nil {
			if state, err = decodeState(k, value); err != nil {
				s.damage.add(spaces, key, err)
			}
		}
		return nil
	})
	return state, err
}

// get returns a value without its checksum; nil where there is none, or it is
// damaged.
func (s *Store) get(tx *bolt.Tx, b bucket, key []byte) []byte {
	stored := b.in(tx).Get(key)
	if stored == nil {
		return nil
	}
	value, err := unseal(b, key, stored)
	if err != nil {
		s.damage.add(b, key, err)
	}
	return value
}

// each visits the records of a bucket that are not damaged, until visit returns
// false. An error of visit is damage. It returns how many are damaged.
func (s *Store) each(tx *bolt.Tx, b bucket, visit func(key, value []byte) (more bool, err error)) (lost int) {
	c := b.in(tx).Cursor()
	more := true
	for key, stored := c.First(); key != nil && more; key, stored = c.Next() {
		value, err := unseal(b, key, stored)
		if err == nil {
			more, err = visit(key, value)
		}
		if err != nil {
			s.damage.add(b, key, err)
			more = true
			lost++
		}
	}
	return lost
}

// Same reports whether the stored state of the snapshot's space holds exactly
// its numbers, with the same fields and values, and none that is missing. It
// compares bytes, without decoding.
func (s *Store) Same(snap *phone.Snapshot) (same bool, err error) {
	buf := s.scratch.Get().(*[]byte)
	defer s.scratch.Put(buf)
	key := appendSpaceKey((*buf)[:0], snap.Space)
	*buf = appendSnapshotNumbers(key, snap.Numbers)
	key, section := (*buf)[:len(key)], (*buf)[len(key):]
	err = s.view("a space", func(tx *bolt.Tx) error {
		same = sameNumbers(spaces.in(tx).Get(key), section)
		return nil
	})
	return same, err
}

// Warm reads the file once from its beginning to its end, so that it is in the
// page cache where there is room. Transactions read through a memory map, which
// meets a cold disk one page at a time, and each wait keeps other goroutines from
// running: whoever is about to read most of a large store calls this first. It
// stops early, without an error, when ctx ends.
func (s *Store) Warm(ctx context.Context) error { return warm(ctx, s.path) }

func warm(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading store %s ahead: %w", path, dbfile.Explain(err))
	}
	defer file.Close()
	buf := make([]byte, 1<<20)
	for ctx.Err() == nil {
		if _, err := file.Read(buf); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading store %s ahead: %w", path, err)
		}
	}
	return nil
}

// SpacesOf returns the spaces in whose state the number is, in no certain order.
func (s *Store) SpacesOf(phoneNumber string) ([]phone.SpaceKey, error) {
	return s.indexed(numbers, phoneNumber)
}

// GoneFrom returns the spaces from which the number is gone, in no certain order, for as
// long as their state remembers it.
func (s *Store) GoneFrom(phoneNumber string) ([]phone.SpaceKey, error) {
	return s.indexed(gone, phoneNumber)
}

func (s *Store) indexed(b bucket, phoneNumber string) (found []phone.SpaceKey, err error) {
	prefix := indexPrefix(phoneNumber)
	err = s.view("the spaces of a number", func(tx *bolt.Tx) error {
		c := b.in(tx).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			space, err := parseSpaceKey(k[len(prefix):])
			if err == nil {
				_, err = unseal(b, k, v)
			}
			if err != nil {
				s.damage.add(b, k, err)
				continue
			}
			found = append(found, space)
		}
		return nil
	})
	return found, err
}

// spacesPerRead bounds the transactions of Spaces.
const spacesPerRead = 1000

// Spaces yields the key of every space of which something is stored, in order, until yield
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
		c := spaces.in(tx).Cursor()
		k, _ := c.Seek(from)
		for ; k != nil && len(page) < spacesPerRead; k, _ = c.Next() {
			if space, err := parseSpaceKey(k); err == nil {
				page = append(page, space)
			}
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

func readAll[T any](s *Store, b bucket) (all []T, err error) {
	err = s.view("the "+b.String(), func(tx *bolt.Tx) error {
		s.each(tx, b, func(_, value []byte) (bool, error) {
			var one T
			if err := json.Unmarshal(value, &one); err != nil {
				return true, err
			}
			all = append(all, one)
			return true, nil
		})
		return nil
	})
	return all, err
}

// EachNumber hands every stored number to visit, by account, space and number,
// until visit returns false. A space for which enter returns false is passed
// over, and so is one that is damaged. It decodes only what is looked at, and
// holds a read transaction: both functions must be quick and leave the store
// alone.
func (s *Store) EachNumber(enter func(phone.SpaceKey) bool, visit func(phone.SpaceKey, *StoredNumber) bool) error {
	return s.view("the numbers", func(tx *bolt.Tx) error {
		s.each(tx, spaces, func(key, value []byte) (bool, error) {
			space, err := parseSpaceKey(key)
			if err != nil || !enter(space) {
				return true, err
			}
			return eachStored(value, func(n *StoredNumber) bool { return visit(space, n) }), nil
		})
		return nil
	})
}

// Checkpoint returns the bytes kept under a name; nil where there are none, or
// they are damaged.
func (s *Store) Checkpoint(name string) (value []byte, err error) {
	err = s.view("a checkpoint", func(tx *bolt.Tx) error {
		value = bytes.Clone(s.get(tx, checkpoints, []byte(name)))
		return nil
	})
	return value, err
}

// ReadLog returns at most limit events in order, from the first whose sequence
// is from or higher. What was trimmed is passed over: compare with FirstSeq. In
// place of an event that is damaged stands a notice of the kind record-damaged.
func (s *Store) ReadLog(from uint64, limit int) (events []alert.Event, err error) {
	err = s.readLog(from, limit, func(seq uint64, value []byte) error {
		e, err := decodeEvent(seq, value)
		if err == nil {
			events = append(events, e)
		}
		return err
	})
	return events, err
}

// ReadHeads returns the heads of at most limit events in order, from the first
// whose sequence is from or higher.
func (s *Store) ReadHeads(from uint64, limit int) (heads []Head, err error) {
	err = s.readLog(from, limit, func(seq uint64, value []byte) error {
		h, err := decodeHead(seq, value)
		if err == nil {
			heads = append(heads, h)
		}
		return err
	})
	return heads, err
}

// AlertHeads returns the heads of those events about alerts that are among at most limit
// events, from the first whose sequence is from or higher, and where the next ones begin:
// from itself, where there are none.
func (s *Store) AlertHeads(from uint64, limit int) (heads []Head, next uint64, err error) {
	next = from
	err = s.readLog(from, limit, func(seq uint64, value []byte) error {
		next = seq + 1
		if len(value) == 0 || alert.Kind(value[0]) != alert.KindAlert {
			return nil
		}
		h, err := decodeHead(seq, value)
		if err == nil {
			heads = append(heads, h)
		}
		return err
	})
	return heads, next, err
}

// readLog visits events without a gap: where one is damaged, or not there, visit gets
// a notice in its place.
func (s *Store) readLog(from uint64, limit int, visit func(seq uint64, value []byte) error) error {
	return s.view("the log", func(tx *bolt.Tx) error {
		log := eventLog.in(tx)
		first, last := logBounds(log, s.damage.inLog)
		next := max(from, first)
		end := last + 1
		if room := uint64(max(limit, 0)); end > next && end-next > room {
			end = next + room
		}
		lostBefore := func(seq uint64) (err error) {
			for ; next < seq && err == nil; next++ {
				s.damage.add(eventLog, seqKey(next), errMissing)
				err = visit(next, lostEvent(log, next))
			}
			return err
		}
		c := log.Cursor()
		for key, stored := c.Seek(seqKey(next)); key != nil && next < end; key, stored = c.Next() {
			value, err := unseal(eventLog, key, stored)
			if err != nil {
				s.damage.add(eventLog, key, err)
				continue
			}
			seq, err := parseSeqKey(key)
			if err != nil || seq < next {
				continue // keys that are out of order are damaged
			}
			if err := lostBefore(min(seq, end)); err != nil {
				return err
			}
			if seq >= end {
				break
			}
			if err := visit(seq, value); err != nil {
				s.damage.add(eventLog, key, err)
				continue
			}
			next++
		}
		return lostBefore(end)
	})
}
