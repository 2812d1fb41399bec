package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"numwatch/store/internal/dbfile"
)

// dirMode is for the directory of the file: callback URLs carry tokens.
const dirMode = 0o700

// ErrLocked is in the chain of the error where another process has the file
// open.
var ErrLocked = dbfile.ErrLocked

// Corrupt reports whether an error says that the file itself is damaged, beyond single
// records: trying again does not help, and the error says what does.
func Corrupt(err error) bool {
	found := new(dbfile.Damage)
	return errors.As(err, &found)
}

// Options of a store.
type Options struct {
	// Timeout is how long to wait for a file that another process has locked;
	// zero means a second.
	Timeout time.Duration
	// Damaged is told once of every record that is found damaged, by whoever
	// reads it: it must be quick and leave the store alone. It may be nil.
	Damaged func(DamagedError)
	// Epoch is that of a store that Open makes; "" draws one.
	Epoch string
}

// Store is an open store. Its methods may be called from several goroutines.
type Store struct {
	path  string
	db    *bolt.DB
	epoch string
	fresh bool // made by Open

	damage damage

	commit   sync.Mutex // held by whoever writes, so that the bounds below follow in order
	first    atomic.Uint64
	last     atomic.Uint64
	position atomic.Pointer[Position]
	scratch  sync.Pool // *[]byte
}

// Open opens the store at path, and creates it, with its directory, where there
// is none. It does not scan. Errors name the file, what is wrong, and what to do.
func Open(path string, o Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return nil, fmt.Errorf("creating the directory of store %s: %w", path, dbfile.Explain(err))
	}
	db, _, err := dbfile.Open(path, dbfile.Access{Timeout: o.Timeout, Create: true, Headroom: true})
	if err = orForeign(path, err); errors.Is(err, errNoStore) {
		err = fmt.Errorf("opening store %s: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, db: db, epoch: o.Epoch, scratch: sync.Pool{New: func() any { return new([]byte) }},
		damage: damage{report: o.Damaged, found: map[place]bool{}},
	}
	if err := dbfile.Guard(s.load); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("opening store %s: %w", path, dbfile.Explain(err))
	}
	return s, nil
}

func (s *Store) load() (err error) {
	var lost []string
	err = s.db.View(func(tx *bolt.Tx) (err error) {
		if s.fresh = isEmpty(tx); s.fresh {
			return nil
		}
		s.epoch, lost, err = header(tx)
		// The other replicas have a good one, and a new epoch would part this one from them.
		if err == nil && len(lost) > 0 && meta.in(tx).Get([]byte(positionKey)) != nil {
			err = &dbfile.Damage{What: fmt.Sprintf("bucket %q: damaged are %q", meta, lost)}
		}
		return err
	})
	if err == nil && s.fresh {
		err = s.db.Update(s.create)
	}
	if err == nil && len(lost) > 0 {
		err = s.db.Update(func(tx *bolt.Tx) error { return s.repairHeader(tx, s.epoch, lost) })
	}
	if err != nil {
		return err
	}
	return s.db.View(func(tx *bolt.Tx) (err error) {
		if s.epoch, _, err = header(tx); err != nil {
			return err
		}
		position, err := readPosition(tx)
		if err != nil {
			return err
		}
		s.position.Store(&position)
		return s.loadBounds(tx)
	})
}

func (s *Store) loadBounds(tx *bolt.Tx) error {
	first, last := logBounds(eventLog.in(tx), s.damage.inLog)
	s.first.Store(first)
	s.last.Store(last)
	return nil
}

// logBounds returns the lowest and the highest sequence in the log; 1 and 0
// while it is empty. Damaged records at an end count, but not by their keys: a
// wrong one would take the sequences away with it. They are told to passed.
func logBounds(log *bolt.Bucket, passed func(key []byte, err error)) (first, last uint64) {
	c := log.Cursor()
	first, before := soundSeq(c.First, c.Next, passed)
	if first == 0 {
		return 1, before
	}
	last, behind := soundSeq(c.Last, c.Prev, passed)
	return first - min(first-1, before), last + behind
}

// soundSeq returns the sequence of the first event on a walk that is not damaged,
// 0 if none is, and how many were passed over.
func soundSeq(begin, step func() (k, v []byte), passed func(key []byte, err error)) (seq, damaged uint64) {
	for k, v := begin(); k != nil; k, v = step() {
		_, err := unseal(eventLog, k, v)
		if err == nil {
			seq, _ = parseSeqKey(k)
			return seq, damaged
		}
		passed(k, err)
		damaged++
	}
	return 0, damaged
}

// Backup writes the whole store, as it is at the beginning, to w while work goes
// on, and returns the bytes written. The result is a store file. Until it
// returns the file on disk cannot reuse pages, and Close waits: give w a deadline.
func (s *Store) Backup(w io.Writer) (n int64, err error) {
	err = s.view("a backup", func(tx *bolt.Tx) (err error) {
		n, err = tx.WriteTo(w)
		return err
	})
	return n, err
}

// Close waits for the transactions under way, backups included, and releases
// the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing store %s: %w", s.path, err)
	}
	return nil
}

// Epoch is the six characters that tell this store's sequences from those of any
// other, made at its creation and again when a backup is restored.
func (s *Store) Epoch() string { return s.epoch }

// Fresh reports whether Open made the store.
func (s *Store) Fresh() bool { return s.fresh }

// FirstSeq is the lowest sequence in the log: 1 while nothing was trimmed.
func (s *Store) FirstSeq() uint64 { return s.first.Load() }

// LastSeq is the sequence of the newest event, 0 while there is none.
func (s *Store) LastSeq() uint64 { return s.last.Load() }

// view runs a short read transaction; what says what for.
func (s *Store) view(what string, fn func(*bolt.Tx) error) error {
	if err := dbfile.Guard(func() error { return s.db.View(fn) }); err != nil {
		return fmt.Errorf("reading %s from store %s: %w", what, s.path, dbfile.Explain(err))
	}
	return nil
}
