package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Stats is how much a store holds.
type Stats struct {
	Epoch     string       `json:"epoch"`
	FileSize  int64        `json:"file_size"` // bytes
	PageSize  int          `json:"page_size"` // bytes
	FreePages int          `json:"free_pages"`
	Spaces    uint64       `json:"spaces"`
	Numbers   uint64       `json:"numbers"` // a number known in two spaces counts twice
	Events    uint64       `json:"events"`
	FirstSeq  uint64       `json:"first_seq"`
	LastSeq   uint64       `json:"last_seq"`
	Alerts    uint64       `json:"alerts"`
	Messages  uint64       `json:"messages"`
	Buckets   []BucketSize `json:"buckets"`
}

// BucketSize is what a bucket holds: the bytes are those of keys and values,
// without the pages around them.
type BucketSize struct {
	Name    string `json:"name"`
	Records uint64 `json:"records"`
	Bytes   uint64 `json:"bytes"`
}

// Stats reads the counters that every commit keeps; it does not scan.
func (s *Store) Stats() (Stats, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return Stats{}, fmt.Errorf("looking at store %s: %w", s.path, err)
	}
	out := Stats{
		Epoch: s.epoch, FileSize: info.Size(), PageSize: s.db.Info().PageSize,
		FreePages: s.db.Stats().FreePageN + s.db.Stats().PendingPageN,
	}
	err = s.view("the counters", func(tx *bolt.Tx) error {
		n, err := readTally(tx)
		if err != nil {
			return err
		}
		out.Spaces, out.Numbers, out.Events = n[rosters].records, n[homes].records, n[eventLog].records
		out.Alerts, out.Messages = n[alerts].records, n[messages].records
		for t := range tableCount {
			out.Buckets = append(out.Buckets, BucketSize{t.String(), n[t].records, n[t].bytes})
		}
		out.FirstSeq, out.LastSeq, err = logBounds(tx.Bucket(eventLog.name()))
		return err
	})
	return out, err
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

// NewEpoch gives the store at path, which nobody may have open, a new epoch and
// returns it. It belongs after restoring a backup: sequences went back, and ids
// of events must not come twice.
func NewEpoch(path string) (epoch string, err error) {
	db, _, err := openFile(path, access{})
	if err != nil {
		return "", err
	}
	epoch = newEpoch()
	err = guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			if _, err := header(tx); err != nil {
				return err
			}
			return tx.Bucket([]byte(metaBucket)).Put([]byte(epochKey), []byte(epoch))
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return "", fmt.Errorf("giving store %s a new epoch: %w", path, explain(err))
	}
	return epoch, nil
}

// compactTxSize bounds the memory that compacting takes, in bytes.
const compactTxSize = 16 << 20

// Compact rewrites the store at path, which nobody may have open, without its
// free pages, and returns its size before and after. The new file stands beside
// the old one until it is complete and on the disk; mode and owner are kept. A
// damaged store is refused.
func Compact(path string) (before, after int64, err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link must go on to point there
	}
	src, file, err := openFile(path, access{})
	if err != nil {
		return 0, 0, err
	}
	// The lock is held until the new file is in place: whoever waits for it
	// finds that the file was replaced, and opens the new one.
	defer func() { err = errors.Join(err, src.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("compacting store %s: %w", path, err)
	}
	temp := path + ".compact"
	if err = errors.Join(removeFile(temp), compactInto(temp, src, file, info)); err == nil {
		after, err = replace(path, temp)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("compacting store %s: %w", path, explain(err)), removeFile(temp))
		return info.Size(), info.Size(), err
	}
	return info.Size(), after, nil
}

func compactInto(temp string, src *bolt.DB, file *os.File, info os.FileInfo) error {
	problems, err := checkPages(src, file)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return &damage{"the file is damaged: " + problems[0]}
	}
	dst, out, err := openFile(temp, access{create: true, noSync: true})
	if err != nil {
		return err
	}
	err = guard(func() error {
		if err := src.View(func(tx *bolt.Tx) error { _, err := header(tx); return err }); err != nil {
			return err
		}
		if err := bolt.Compact(dst, src, compactTxSize); err != nil {
			return err
		}
		return errors.Join(keepOwner(out, info), out.Chmod(info.Mode().Perm()), out.Sync())
	})
	return errors.Join(err, dst.Close())
}

// replace puts temp in path's place so that a crash leaves one or the other.
func replace(path, temp string) (size int64, err error) {
	info, err := os.Stat(temp)
	if err != nil {
		return 0, err
	}
	if err := os.Rename(temp, path); err != nil {
		return 0, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return 0, err
	}
	return info.Size(), errors.Join(dir.Sync(), dir.Close())
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
