package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"numwatch/store/internal/dbfile"
)

// A replicated store is written in two steps: Prepare says what a commit would write, as
// redo, and Apply writes that together with the position at which the redo stands in the
// log of the replicas. Redo is a sequence of operations on single keys with their whole
// values, so that applying it twice is harmless, and redo behind redo is redo:
//
//	kind, bucket, uvarint length and bytes of the key, and of opPut the same of the value
const (
	opPut    = 'p'
	opRemove = 'd'
	opClear  = 'c' // the whole bucket; the key is empty
)

// ErrFenced is in the chain of the error where this replica has lost the right to write the log:
// what it decided since is void, and trying again does not help.
var ErrFenced = errors.New("this replica may no longer write the log")

var (
	errRedo       = errors.New("the redo is damaged")
	errReplicated = errors.New("it belongs to a set of replicas: add the replicas block to the configuration again, " +
		"or take it out of the set with numwatch replicas leave")
)

// Position is where a replica is in the log of its set; zero: it is in none.
type Position struct {
	Log  string   // id of the log
	Seq  uint64   // of the last record that was applied
	Hash [32]byte // of that record
}

// Position returns where the store is in the log of its replicas.
func (s *Store) Position() Position { return *s.position.Load() }

// Prepare returns what Commit would write, and writes nothing. Damaged records that it
// would set aside are part of it.
func (s *Store) Prepare(c *Commit) (redo []byte, err error) {
	s.commit.Lock()
	defer s.commit.Unlock()
	w := &writer{}
	err = dbfile.Guard(func() error {
		tx, err := s.db.Begin(true)
		if err != nil {
			return err
		}
		defer tx.Rollback() // its error is that of a closed database
		w = s.newWriter(tx)
		w.recording = true
		return w.applyWith(s.damage.places(), c)
	})
	if err != nil {
		return nil, fmt.Errorf("preparing a commit to store %s: %w", s.path, dbfile.Explain(err))
	}
	return w.redo, nil
}

// Apply writes redo and the position behind it in one transaction.
func (s *Store) Apply(redo []byte, p Position) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	var touched []place
	var first, last uint64
	err := dbfile.Guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) (err error) {
			w := s.newWriter(tx)
			if touched, err = w.redoAll(redo); err != nil {
				return err
			}
			if err := w.putMeta(positionKey, encodePosition(p)); err != nil {
				return err
			}
			first, last = logBounds(eventLog.in(tx), s.damage.inLog)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("applying redo to store %s: %w", s.path, dbfile.Explain(err))
	}
	s.first.Store(first)
	s.last.Store(last)
	s.position.Store(&p)
	s.damage.remove(touched)
	return nil
}

// Leave takes the store at path, which nobody may have open, out of its set of replicas.
// What it holds stays.
func Leave(path string) error {
	db, _, err := dbfile.Open(path, dbfile.Access{})
	if err != nil {
		return err
	}
	err = dbfile.Guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			if _, _, err := header(tx); err != nil {
				return err
			}
			return meta.in(tx).Delete([]byte(positionKey))
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("taking store %s out of its replicas: %w", path, dbfile.Explain(err))
	}
	return nil
}

// record keeps an operation, where the writer is asked to.
func (w *writer) record(kind byte, b bucket, key, value []byte) {
	if !w.recording {
		return
	}
	w.redo = append(w.redo, kind, byte(b))
	w.redo = append(binary.AppendUvarint(w.redo, uint64(len(key))), key...)
	if kind == opPut {
		w.redo = append(binary.AppendUvarint(w.redo, uint64(len(value))), value...)
	}
}

// redoAll does what redo says and returns the places that it wrote to.
func (w *writer) redoAll(redo []byte) (touched []place, err error) {
	r := &reader{value: redo}
	for r.at < len(redo) {
		kind, b, key := r.byte(), bucket(r.byte()), r.bytes()
		var value []byte
		if kind == opPut {
			value = r.bytes()
		}
		if r.err != nil || b >= bucketCount || b == meta {
			return nil, errRedo
		}
		switch kind {
		case opPut:
			err = w.put(b, key, value)
		case opRemove:
			err = w.remove(b, key)
		case opClear:
			err = w.clear(b)
		default:
			err = errRedo
		}
		if err != nil {
			return nil, err
		}
		touched = append(touched, place{b, string(key)})
	}
	return touched, nil
}

func encodePosition(p Position) []byte {
	b := binary.AppendUvarint(appendText(nil, p.Log), p.Seq)
	return append(b, p.Hash[:]...)
}

// readPosition returns a zero position where there is none.
func readPosition(tx *bolt.Tx) (p Position, err error) {
	key := []byte(positionKey)
	stored := meta.in(tx).Get(key)
	if stored == nil {
		return p, nil
	}
	value, err := unseal(meta, key, stored)
	if err == nil {
		r := &reader{value: value}
		p.Log, p.Seq = r.text(), r.uvarint()
		hash := r.take(uint64(len(p.Hash)))
		copy(p.Hash[:], value[hash.from:hash.to])
		err = r.end()
	}
	if err != nil {
		what := fmt.Sprintf("bucket %q: the position in the log of the replicas is damaged", meta)
		return Position{}, &dbfile.Damage{What: what}
	}
	return p, nil
}
