package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store/internal/dbfile"
)

// trimPerCommit bounds what TrimBefore deletes at once, so that no commit is
// held up by it: the next ones go on.
const trimPerCommit = 5000

// For how many bytes to make room, so that values are not copied again and again
// while a commit grows.
const (
	usualEvent  = 640
	usualNumber = 400
)

// Commit is everything that one transaction writes. It is a plain value, and
// committing it again is harmless. What is dropped goes first: where the same
// thing is dropped and put, it is there afterwards.
type Commit struct {
	SpaceStates []phone.SpaceState // whole; entries sorted by PhoneNumber, none twice
	DropSpaces  []phone.SpaceKey
	// Events go on from LastSeq()+1 without a gap. One that is in the log
	// already must be the same.
	Events       []alert.Event
	Alerts       []alert.Alert
	DropAlerts   []string // ids
	Messages     []alert.Message
	DropMessages []string // ids
	Silences     []alert.Silence
	DropSilences []string          // ids
	Conditions   []phone.Condition // Value phone.OK removes the condition
	Checkpoints  map[string][]byte // nil removes the checkpoint
	// TrimBefore lets events with a lower sequence go, a bounded number per
	// commit. The newest event always stays, so that sequences never go back.
	TrimBefore uint64
}

// Commit writes c in one transaction: after an error nothing of it is stored,
// unless the disk failed so late that it cannot be known; either way the same
// value can be committed again.
func (s *Store) Commit(c *Commit) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if s.Position() != (Position{}) {
		return fmt.Errorf("committing to store %s: %w", s.path, errReplicated) // the log would lack it
	}
	var w *writer
	lost := s.damage.places()
	err := dbfile.Guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			w = s.newWriter(tx)
			return w.applyWith(lost, c)
		})
	})
	if err != nil {
		err = fmt.Errorf("committing to store %s: %w", s.path, dbfile.Explain(err))
		return errors.Join(err, s.view("the ends of the log", s.loadBounds))
	}
	s.first.Store(w.first)
	s.last.Store(w.last)
	s.damage.remove(lost)
	return nil
}

// writer is the write transaction of a commit. Values that it puts must stay
// unchanged until the transaction ends.
type writer struct {
	tx          *bolt.Tx
	buckets     [bucketCount]*bolt.Bucket
	first, last uint64 // of the log
	staleIndex  bool   // it must be rebuilt: a state or an entry is damaged
	damage      *damage
	recording   bool
	redo        []byte // what was written, while recording
}

func (s *Store) newWriter(tx *bolt.Tx) *writer {
	w := &writer{tx: tx, first: s.FirstSeq(), last: s.LastSeq(), damage: &s.damage}
	for b := range bucketCount {
		w.buckets[b] = b.in(tx)
	}
	// Records are only appended: full pages save a third of the file.
	w.buckets[eventLog].FillPercent = 1
	return w
}

// applyWith sets damaged records aside first.
func (w *writer) applyWith(lost []place, c *Commit) error {
	if err := w.setAside(lost); err != nil {
		return fmt.Errorf("setting damaged records aside: %w", err)
	}
	return w.apply(c)
}

func (w *writer) apply(c *Commit) error {
	return firstError(
		func() error { return w.dropSpaces(c.DropSpaces) },
		func() error { return w.putStates(c.SpaceStates) },
		w.rebuildIndex,
		func() error { return w.appendEvents(c.Events) },
		func() error {
			return putAll(w, alerts, c.DropAlerts, c.Alerts, func(a *alert.Alert) string { return a.ID })
		},
		func() error {
			return putAll(w, messages, c.DropMessages, c.Messages, func(m *alert.Message) string { return m.ID })
		},
		func() error {
			return putAll(w, silences, c.DropSilences, c.Silences, func(s *alert.Silence) string { return s.ID })
		},
		func() error { return w.putConditions(c.Conditions) },
		func() error { return w.putCheckpoints(c.Checkpoints) },
		func() error { return w.trim(c.TrimBefore) },
	)
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// put stores a sealed value.
func (w *writer) put(b bucket, key, sealed []byte) error {
	w.record(opPut, b, key, sealed)
	if err := w.buckets[b].Put(key, sealed); err != nil {
		return fmt.Errorf("%s: key %q: %w", b, key, err)
	}
	return nil
}

func (w *writer) remove(b bucket, key []byte) error {
	w.record(opRemove, b, key, nil)
	return w.buckets[b].Delete(key)
}

// clear removes all records of a bucket.
func (w *writer) clear(b bucket) (err error) {
	w.record(opClear, b, nil, nil)
	if err = w.tx.DeleteBucket(b.name()); err == nil {
		w.buckets[b], err = w.tx.CreateBucket(b.name())
	}
	return err
}

func (w *writer) putJSON(b bucket, key []byte, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %q: %w", b, key, err)
	}
	return w.put(b, key, seal(value, 0, b, key))
}

// putAll drops and puts records that are JSON.
func putAll[T any](w *writer, b bucket, drop []string, put []T, id func(*T) string) error {
	for _, k := range drop {
		if err := w.remove(b, []byte(k)); err != nil {
			return err
		}
	}
	for i := range put {
		if err := w.putJSON(b, []byte(id(&put[i])), &put[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) dropSpaces(keys []phone.SpaceKey) error {
	for _, k := range keys {
		key := appendSpaceKey(nil, k)
		if err := w.updateIndex(k, key, &phone.SpaceState{}); err != nil {
			return err
		}
		if err := w.remove(spaces, key); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putStates(states []phone.SpaceState) error {
	count := 0
	for i := range states {
		count += len(states[i].Numbers)
	}
	buf := make([]byte, 0, count*usualNumber)
	for i := range states {
		s := &states[i]
		if err := checkState(s); err != nil {
			return err
		}
		key := appendSpaceKey(nil, s.Space)
		if err := w.updateIndex(s.Space, key, s); err != nil {
			return err
		}
		start := len(buf)
		buf = seal(appendState(buf, s), start, spaces, key)
		if err := w.put(spaces, key, buf[start:len(buf):len(buf)]); err != nil {
			return err
		}
	}
	return nil
}

func checkState(s *phone.SpaceState) error {
	if err := checkAccount(s.Space); err != nil {
		return err
	}
	for i := 1; i < len(s.Numbers); i++ {
		if s.Numbers[i-1].PhoneNumber >= s.Numbers[i].PhoneNumber {
			return fmt.Errorf("state of %s: numbers are not sorted, or one is repeated", s.Space)
		}
	}
	return nil
}

// appendEvents appends to the log, and skips what a commit of the same value has
// appended already.
func (w *writer) appendEvents(events []alert.Event) error {
	buf := make([]byte, 0, len(events)*usualEvent)
	for i := range events {
		e := &events[i]
		start := len(buf)
		var err error
		if buf, err = appendEvent(buf, e); err != nil {
			return err
		}
		key := seqKey(e.Seq)
		buf = seal(buf, start, eventLog, key)
		sealed := buf[start:len(buf):len(buf)]
		switch {
		case e.Seq > 0 && e.Seq <= w.last:
			err = w.confirm(e.Seq, key, sealed)
		case e.Seq == w.last+1:
			w.last++
			err = w.put(eventLog, key, sealed)
		default:
			err = fmt.Errorf("event %d does not follow event %d, the last in the log", e.Seq, w.last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// confirm refuses to change history.
func (w *writer) confirm(seq uint64, key, sealed []byte) error {
	old := w.buckets[eventLog].Get(key)
	if old == nil && seq < w.first || bytes.Equal(old, sealed) {
		return nil
	}
	return fmt.Errorf("event %d is already in the log, with other content", seq)
}

func (w *writer) putConditions(all []phone.Condition) error {
	for i := range all {
		condition := &all[i]
		key := conditionKey(condition)
		var err error
		if condition.Value == phone.OK {
			err = w.remove(conditions, key)
		} else {
			err = w.putJSON(conditions, key, condition)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putCheckpoints(all map[string][]byte) error {
	for name, value := range all {
		var err error
		key := []byte(name)
		if value == nil {
			err = w.remove(checkpoints, key)
		} else {
			err = w.put(checkpoints, key, seal(bytes.Clone(value), 0, checkpoints, key))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) trim(before uint64) error {
	end := min(before, w.last, w.first+trimPerCommit)
	for ; w.first < end; w.first++ {
		if err := w.remove(eventLog, seqKey(w.first)); err != nil {
			return err
		}
	}
	return nil
}
