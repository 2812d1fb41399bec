// Package dbfile opens, locks and replaces the bbolt file of a store, and turns
// what bbolt does about a damaged file into errors that say what to do. Only
// store and store/maintain import it.
package dbfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// The mode of the file: callback URLs carry tokens.
const fileMode = 0o600

// lockTimeout is how long to wait for another process by default.
const lockTimeout = time.Second

// Access is how a file is opened.
type Access struct {
	Timeout  time.Duration // to wait for another process; 0: a second
	ReadOnly bool
	Create   bool
	NoSync   bool // the caller syncs once at the end
	Headroom bool // map more than the file holds, for a store that grows
	Damaged  bool // ReadOnly, as far as it can be read: not even the freelist is looked at
}

// Open opens and locks the database at path. Damage is an error, never a
// panic. The *os.File is bbolt's own and closes with it.
func Open(path string, a Access) (*bolt.DB, *os.File, error) {
	for range 3 {
		db, file, err := openOnce(path, a)
		if err != nil {
			return nil, nil, fmt.Errorf("opening store %s: %w", path, Explain(err))
		}
		if IsAt(file, path) {
			return db, file, nil
		}
		// Compacting replaced the file while this process waited for the lock:
		// what it holds now has no name any more.
		if err := db.Close(); err != nil {
			return nil, nil, fmt.Errorf("closing the replaced store %s: %w", path, err)
		}
	}
	return nil, nil, fmt.Errorf("opening store %s: the file keeps being replaced: find out which program does that", path)
}

func openOnce(path string, a Access) (db *bolt.DB, file *os.File, err error) {
	o := &bolt.Options{
		Timeout:         a.Timeout,
		ReadOnly:        a.ReadOnly,
		NoSync:          a.NoSync,
		PreLoadFreelist: !a.Damaged,
		FreelistType:    bolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			if !a.Create {
				flag &^= os.O_CREATE
			}
			var err error
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	}
	if a.Timeout <= 0 {
		o.Timeout = lockTimeout
	}
	if a.Headroom {
		o.InitialMmapSize = mapSize(path)
	}
	err = Guard(func() error {
		var err error
		if db, err = bolt.Open(path, fileMode, o); err != nil {
			return err
		}
		if a.Damaged {
			return nil
		}
		return checkLength(db, file)
	})
	if err == nil {
		return db, file, nil
	}
	if db != nil {
		err = errors.Join(err, db.Close())
	} else if found := new(Damage); errors.As(err, &found) && file != nil {
		// bbolt panicked: on an error it would have closed the file.
		err = errors.Join(err, unlock(file), file.Close())
	}
	return nil, nil, asDamage(err)
}

func asDamage(err error) error {
	switch {
	case strings.HasPrefix(err.Error(), "file size too small"):
		return &Damage{"the file is cut short"}
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return &Damage{"it is not a bbolt database, or its first pages are damaged"}
	default:
		return err
	}
}

// mapSize leaves room to grow: bbolt cannot enlarge its map while a reader, a
// backup say, is at work, and commits would wait for it. Only addresses are
// taken, no memory.
func mapSize(path string) int {
	if math.MaxInt == math.MaxInt32 {
		return 0
	}
	size := int64(1 << 30)
	if info, err := os.Stat(path); err == nil {
		size = max(size, 2*info.Size())
	}
	return int(size)
}

// checkLength finds a file that was cut short, which bbolt would meet as a
// fault when it first touches a page that is not there.
func checkLength(db *bolt.DB, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return &Damage{fmt.Sprintf("the file is cut short: it has %d bytes of %d", info.Size(), tx.Size())}
		}
		return nil
	})
}

// IsAt reports whether the path still names the file.
func IsAt(file *os.File, path string) bool {
	a, errA := file.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// Lock opens the file at path and locks it until that is closed: from everybody, or only
// from those who would write. It does not look at what the file holds.
func Lock(path string, exclusive bool) (*os.File, error) {
	mode := os.O_RDONLY
	if exclusive {
		mode = os.O_RDWR
	}
	file, err := os.OpenFile(path, mode, 0)
	if err == nil {
		err = lock(file, exclusive)
	}
	if err == nil && !IsAt(file, path) {
		err = ErrLocked // whoever had it has replaced it
	}
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return nil, fmt.Errorf("locking store %s: %w", path, Explain(err))
	}
	return file, nil
}

// Damage is what is found broken in the file itself.
type Damage struct{ What string }

func (d *Damage) Error() string {
	return d.What + ": inspect it with `numwatch db check`; numwatch recovers what can be read when it starts"
}

// Guard turns into an error that is a Damage what bbolt does about a damaged page: it
// panics, follows a wrong page number out of the mapped file, or finds a bucket in the
// place of a value.
func Guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &Damage{fmt.Sprintf("the file is damaged (%v)", p)}
		}
	}()
	if err = fn(); errors.Is(err, berrors.ErrIncompatibleValue) {
		return &Damage{err.Error()}
	}
	return err
}

// ErrLocked is in the chain of the error where another process has the file
// open.
var ErrLocked = berrors.ErrTimeout

// explained is an error about the file, with advice.
type explained struct {
	advice string
	error
}

func (e *explained) Error() string {
	if errors.Is(e.error, ErrLocked) || errors.Is(e.error, fs.ErrNotExist) {
		return e.advice // the cause says the same, or less
	}
	return e.advice + ": " + e.error.Error()
}

func (e *explained) Unwrap() error { return e.error }

// Explain adds advice, once.
func Explain(err error) error {
	var already *explained
	if errors.As(err, &already) {
		return err
	}
	if advice := adviceOn(err); advice != "" {
		return &explained{advice, err}
	}
	return err
}

func adviceOn(err error) string {
	switch {
	case errors.Is(err, ErrLocked):
		return "it is locked by another process: is another numwatch running? " +
			"A running bot's store is read through its HTTP API (numwatch status, numwatch db backup)"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("user %d must be allowed to read and write the file and its directory", os.Getuid())
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only: choose another store.path, or mount it for writing"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG),
		strings.Contains(err.Error(), "file resize error"): // in which bbolt has no cause
		return "the disk is full: free some space"
	case errors.Is(err, syscall.EISDIR):
		return "the path must name a file"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file: check the path"
	default:
		return ""
	}
}
