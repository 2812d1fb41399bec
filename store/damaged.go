package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
)

// DamagedError is a record whose checksum does not match, or that is missing
// between its neighbours. The rest of the store can be used.
type DamagedError struct {
	Bucket string
	Key    string
	Err    error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("damaged record %q in bucket %q: %v", e.Key, e.Bucket, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

var (
	errDamaged = errors.New("the value is damaged")
	errMissing = errors.New("it is missing")
)

// What is kept of a damaged record, whose own lengths may be what is damaged.
const (
	maxKey   = 512
	maxAside = 1 << 20
)

// place is the location of a record.
type place struct {
	bucket bucket
	key    string
}

// damage is what readers found damaged. They skip it, and the next commit sets it
// aside.
type damage struct {
	report func(DamagedError)
	mu     sync.Mutex
	found  map[place]bool
}

// add reports a damaged record once.
func (d *damage) add(b bucket, key []byte, err error) {
	p := place{b, string(key)}
	d.mu.Lock()
	known := d.found[p]
	d.found[p] = true
	d.mu.Unlock()
	if !known && d.report != nil {
		d.report(DamagedError{Bucket: b.String(), Key: p.key[:min(len(p.key), maxKey)], Err: err})
	}
}

func (d *damage) inLog(key []byte, err error) { d.add(eventLog, key, err) }

func (d *damage) places() (all []place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.found {
		all = append(all, p)
	}
	return all
}

func (d *damage) remove(all []place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range all {
		delete(d.found, p)
	}
}

// setAside moves damaged records into the bucket "damaged". A notice takes the
// place of a lost event.
func (w *writer) setAside(all []place) error {
	for _, p := range all {
		key := []byte(p.key)
		stored := bytes.Clone(w.buckets[p.bucket].Get(key))
		if stored != nil && checkRecord(p.bucket, key, stored) == nil {
			w.damage.remove([]place{p}) // replaced meanwhile
			continue
		}
		if err := w.moveAside(p.bucket, key, stored); err != nil {
			return err
		}
		if p.bucket != eventLog {
			continue
		}
		// The end of the log must not go back: its sequences would come twice.
		for _, lost := range [][]byte{key, seqKey(w.last)} {
			if err := w.replaceLost(lost); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) moveAside(b bucket, key, stored []byte) error {
	w.staleIndex = w.staleIndex || b == spaces || b == numbers || b == gone
	if stored == nil {
		return nil
	}
	name := append([]byte(b.String()+"\x00"), key[:min(len(key), maxKey)]...)
	if err := w.put(damaged, name, stored[:min(len(stored), maxAside)]); err != nil {
		return err
	}
	return w.remove(b, key)
}

// replaceLost puts a notice in the place of an event that is not there.
func (w *writer) replaceLost(key []byte) error {
	seq, err := parseSeqKey(key)
	if err != nil || seq < w.first || seq > w.last || w.buckets[eventLog].Get(key) != nil {
		return nil
	}
	return w.putLost(key)
}

func (w *writer) putLost(key []byte) error {
	seq, err := parseSeqKey(key)
	if err != nil {
		return err
	}
	return w.put(eventLog, key, seal(lostEvent(w.buckets[eventLog], seq), 0, eventLog, key))
}

// lostEvent is a notice in place of a lost event, so that followers of the log
// continue after it.
func lostEvent(log *bolt.Bucket, seq uint64) []byte {
	e := alert.Event{Seq: seq, Kind: alert.KindBot, Notice: &alert.Notice{
		Kind: "record-damaged", Text: fmt.Sprintf("event %d is damaged in the store and cannot be read", seq),
	}}
	c := log.Cursor()
	c.Seek(seqKey(seq))
	for _, step := range []func() (k, v []byte){c.Prev, c.Next} {
		for k, v := step(); k != nil && e.Time.IsZero(); k, v = step() {
			if near, err := readEvent(k, v); err == nil {
				e.Time = near.Time
			}
		}
	}
	value, _ := appendEvent(nil, &e) // a notice always encodes
	return value
}

func readEvent(key, stored []byte) (e alert.Event, err error) {
	seq, err := parseSeqKey(key)
	if err != nil {
		return e, err
	}
	value, err := unseal(eventLog, key, stored)
	if err != nil {
		return e, err
	}
	return decodeEvent(seq, value)
}

// checkRecord reports what is wrong with a record by itself.
func checkRecord(b bucket, key, stored []byte) error {
	value, err := unseal(b, key, stored)
	if err != nil {
		return err
	}
	switch b {
	case spaces:
		var k phone.SpaceKey
		if k, err = parseSpaceKey(key); err == nil {
			_, err = decodeState(k, value)
		}
	case eventLog:
		_, err = readEvent(key, stored)
	case alerts:
		err = decodes[alert.Alert](value)
	case messages:
		err = decodes[alert.Message](value)
	case silences:
		err = decodes[alert.Silence](value)
	case conditions:
		err = decodes[phone.Condition](value)
	}
	return err
}

func decodes[T any](value []byte) error {
	var v T
	return json.Unmarshal(value, &v)
}
