package store

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"

	"numwatch/store/internal/dbfile"
)

// SchemaVersion is raised when an older numwatch could no longer work on the file.
const SchemaVersion = 1

// formatName precedes the schema version, and tells a store from any other
// bbolt database.
const formatName = "numwatch "

// Keys of the meta bucket.
const (
	formatKey   = "format"
	epochKey    = "epoch"
	positionKey = "position"
)

const epochLen = 6

var (
	errForeign = errors.New("it is a bbolt database, but not numwatch's: check the path")
	errNoStore = errors.New("it is not a numwatch store: check the path")
)

func newEpoch() string { return strings.ToLower(rand.Text()[:epochLen]) }

// header reads the epoch, and rejects what is no store of this schema or older. Lost
// are the keys in meta whose values are damaged.
func header(tx *bolt.Tx) (epoch string, lost []string, err error) {
	b := meta.in(tx)
	if b == nil || b.Get([]byte(formatKey)) == nil {
		return "", nil, errForeign
	}
	for b := range bucketCount {
		if b.in(tx) == nil {
			return "", nil, &dbfile.Damage{What: fmt.Sprintf("bucket %q is missing", b)}
		}
	}
	read := func(key string) string {
		value, err := unseal(meta, []byte(key), b.Get([]byte(key)))
		if err != nil {
			lost = append(lost, key)
		}
		return string(value)
	}
	if format := read(formatKey); len(lost) == 0 {
		err = checkFormat(format)
	}
	return read(epochKey), lost, err
}

func checkFormat(format string) error {
	digits, ok := strings.CutPrefix(format, formatName)
	version, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return errForeign
	}
	if version > SchemaVersion {
		return fmt.Errorf("its schema version is %d and this numwatch knows up to %d: "+
			"run the newer numwatch, or restore a backup from before the upgrade", version, SchemaVersion)
	}
	return nil
}

// isEmpty reports whether nothing was ever written to the database.
func isEmpty(tx *bolt.Tx) bool {
	k, _ := tx.Cursor().First()
	return k == nil
}

// create makes the buckets in an empty database.
func (s *Store) create(tx *bolt.Tx) error {
	for b := range bucketCount {
		if _, err := tx.CreateBucket(b.name()); err != nil {
			return err
		}
	}
	return s.newWriter(tx).putHeader(cmp.Or(s.epoch, newEpoch()))
}

func (w *writer) putHeader(epoch string) error {
	for key, value := range map[string]string{formatKey: formatName + strconv.Itoa(SchemaVersion), epochKey: epoch} {
		if err := w.putMeta(key, []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putMeta(key string, value []byte) error {
	k := []byte(key)
	return w.put(meta, k, seal(value, 0, meta, k))
}

// repairHeader repairs a damaged header. A new epoch, as after a restore, keeps
// ids of events from coming twice.
func (s *Store) repairHeader(tx *bolt.Tx, epoch string, lost []string) error {
	w := s.newWriter(tx)
	for _, key := range lost {
		k := []byte(key)
		s.damage.add(meta, k, errChecksum)
		if err := w.moveAside(meta, k, bytes.Clone(w.buckets[meta].Get(k))); err != nil {
			return err
		}
	}
	return w.putHeader(cmp.Or(epoch, newEpoch()))
}

// NewEpoch gives the store at path, which nobody may have open, a new epoch and
// returns it, and takes it out of its replicas. It belongs after restoring a backup:
// sequences went back, and ids of events must not come twice.
func NewEpoch(path string) (epoch string, err error) {
	db, _, err := dbfile.Open(path, dbfile.Access{})
	if err != nil {
		return "", err
	}
	epoch = newEpoch()
	err = dbfile.Guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			if _, _, err := header(tx); err != nil {
				return err
			}
			key := []byte(epochKey)
			return errors.Join(meta.in(tx).Put(key, seal([]byte(epoch), 0, meta, key)), meta.in(tx).Delete([]byte(positionKey)))
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return "", fmt.Errorf("giving store %s a new epoch: %w", path, dbfile.Explain(err))
	}
	return epoch, nil
}
