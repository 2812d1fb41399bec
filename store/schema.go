package store

import (
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
	formatKey = "format"
	epochKey  = "epoch"
)

const epochLen = 6

var errForeign = errors.New("it is a bbolt database, but not numwatch's: check the path")

func newEpoch() string { return strings.ToLower(rand.Text()[:epochLen]) }

// header reads the epoch, and rejects what is no store of this schema or older.
func header(tx *bolt.Tx) (epoch string, err error) {
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil {
		return "", errForeign
	}
	digits, ok := strings.CutPrefix(string(meta.Get([]byte(formatKey))), formatName)
	if !ok {
		return "", errForeign
	}
	version, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return "", &dbfile.Damage{What: fmt.Sprintf("schema version %q", digits)}
	case version > SchemaVersion:
		return "", fmt.Errorf("its schema version is %d and this numwatch knows up to %d: "+
			"run the newer numwatch, or restore a backup from before the upgrade", version, SchemaVersion)
	}
	epoch = string(meta.Get([]byte(epochKey)))
	if len(epoch) != epochLen {
		return "", &dbfile.Damage{What: fmt.Sprintf("the epoch is %q", epoch)}
	}
	for b := range bucketCount {
		if b.in(tx) == nil {
			return "", &dbfile.Damage{What: fmt.Sprintf("bucket %q is gone", b)}
		}
	}
	return epoch, nil
}

// create makes the buckets in an empty database, and leaves any other alone.
func create(db *bolt.DB) error {
	fresh := false
	err := db.View(func(tx *bolt.Tx) error {
		k, _ := tx.Cursor().First()
		fresh = k == nil
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		for b := range bucketCount {
			if _, err := tx.CreateBucket(b.name()); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucket([]byte(metaBucket))
		if err != nil {
			return err
		}
		return errors.Join(
			meta.Put([]byte(formatKey), fmt.Append(nil, formatName, SchemaVersion)),
			meta.Put([]byte(epochKey), []byte(newEpoch())))
	})
}

// NewEpoch gives the store at path, which nobody may have open, a new epoch and
// returns it. It belongs after restoring a backup: sequences went back, and ids
// of events must not come twice.
func NewEpoch(path string) (epoch string, err error) {
	db, _, err := dbfile.Open(path, dbfile.Access{})
	if err != nil {
		return "", err
	}
	epoch = newEpoch()
	err = dbfile.Guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			if _, err := header(tx); err != nil {
				return err
			}
			return tx.Bucket([]byte(metaBucket)).Put([]byte(epochKey), []byte(epoch))
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return "", fmt.Errorf("giving store %s a new epoch: %w", path, dbfile.Explain(err))
	}
	return epoch, nil
}
