package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
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
	var b *batch
	err := guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) (err error) {
			if b, err = newBatch(tx); err != nil {
				return err
			}
			return b.apply(c)
		})
	})
	if err != nil {
		err = fmt.Errorf("committing to store %s: %w", s.path, explain(err))
		return errors.Join(err, s.view("the log's ends", s.loadBounds))
	}
	s.first.Store(b.first)
	s.last.Store(b.last)
	return nil
}

// batch is the write transaction of a commit. Values that it puts must stay
// unchanged until the transaction ends.
type batch struct {
	tx          *bolt.Tx
	tables      [tableCount]*bolt.Bucket
	tally       tally
	first, last uint64 // of the log
}

func newBatch(tx *bolt.Tx) (b *batch, err error) {
	b = &batch{tx: tx}
	if b.tally, err = readTally(tx); err != nil {
		return nil, err
	}
	for t := range tableCount {
		b.tables[t] = tx.Bucket(t.name())
	}
	// Records are only appended: full pages save a third of the file.
	b.tables[eventLog].FillPercent = 1
	b.first, b.last, err = logBounds(b.tables[eventLog])
	return b, err
}

func (b *batch) apply(c *Commit) error {
	steps := []func(*Commit) error{
		b.dropSpaces, b.putRosters, b.appendEvents, b.putAlerts, b.putMessages, b.putSilences, b.putConditions, b.putCheckpoints, b.trim,
	}
	for _, step := range steps {
		if err := step(c); err != nil {
			return err
		}
	}
	return b.tx.Bucket([]byte(metaBucket)).Put([]byte(tallyKey), b.tally.append(nil))
}

// put and remove keep the tally.
func (b *batch) put(t table, key, value []byte) error {
	n := &b.tally[t]
	if old := b.tables[t].Get(key); old != nil {
		n.bytes -= uint64(len(old))
	} else {
		n.records++
		n.bytes += uint64(len(key))
	}
	n.bytes += uint64(len(value))
	if err := b.tables[t].Put(key, value); err != nil {
		return fmt.Errorf("%s: key %q: %w", t, key, err)
	}
	return nil
}

func (b *batch) remove(t table, key []byte) error {
	old := b.tables[t].Get(key)
	if old == nil {
		return nil
	}
	b.tally[t].records--
	b.tally[t].bytes -= uint64(len(key) + len(old))
	return b.tables[t].Delete(key)
}

func (b *batch) putJSON(t table, key []byte, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %q: %w", t, key, err)
	}
	return b.put(t, key, value)
}

func (b *batch) removeAll(t table, keys []string) error {
	for _, k := range keys {
		if err := b.remove(t, []byte(k)); err != nil {
			return err
		}
	}
	return nil
}

// appendEvents puts what follows on the log's end and passes over what a commit
// of the same value has put there already.
func (b *batch) appendEvents(c *Commit) error {
	buf := make([]byte, 0, len(c.Events)*usualEvent)
	for i := range c.Events {
		e := &c.Events[i]
		start := len(buf)
		var err error
		if buf, err = appendEvent(buf, e); err != nil {
			return err
		}
		value := buf[start:len(buf):len(buf)]
		switch {
		case e.Seq > 0 && e.Seq <= b.last:
			err = b.confirm(e.Seq, value)
		case e.Seq == b.last+1:
			b.last++
			err = b.put(eventLog, seqKey(e.Seq), value)
		default:
			err = fmt.Errorf("event %d does not follow on %d, the last of the log", e.Seq, b.last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// confirm refuses to change history.
func (b *batch) confirm(seq uint64, value []byte) error {
	old := b.tables[eventLog].Get(seqKey(seq))
	if old == nil && seq < b.first || bytes.Equal(old, value) {
		return nil
	}
	return fmt.Errorf("event %d is in the log already, and is another", seq)
}

func (b *batch) putAlerts(c *Commit) error {
	if err := b.removeAll(alerts, c.DropAlerts); err != nil {
		return err
	}
	for i := range c.Alerts {
		if err := b.putJSON(alerts, []byte(c.Alerts[i].ID), &c.Alerts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) putMessages(c *Commit) error {
	if err := b.removeAll(messages, c.DropMessages); err != nil {
		return err
	}
	for i := range c.Messages {
		if err := b.putJSON(messages, []byte(c.Messages[i].ID), &c.Messages[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) putSilences(c *Commit) error {
	if err := b.removeAll(silences, c.DropSilences); err != nil {
		return err
	}
	for i := range c.Silences {
		if err := b.putJSON(silences, []byte(c.Silences[i].ID), &c.Silences[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) putConditions(c *Commit) error {
	for i := range c.Conditions {
		condition := &c.Conditions[i]
		key := conditionKey(condition)
		var err error
		if condition.Value == phone.OK {
			err = b.remove(conditions, key)
		} else {
			err = b.putJSON(conditions, key, condition)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) putCheckpoints(c *Commit) error {
	for name, value := range c.Checkpoints {
		var err error
		if value == nil {
			err = b.remove(checkpoints, []byte(name))
		} else {
			err = b.put(checkpoints, []byte(name), value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) trim(c *Commit) error {
	end := min(c.TrimBefore, b.last, b.first+trimPerCommit)
	for ; b.first < end; b.first++ {
		if err := b.remove(eventLog, seqKey(b.first)); err != nil {
			return err
		}
	}
	return nil
}
