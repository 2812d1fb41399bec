package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
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
	tallyKey  = "tally"
)

const epochLen = 6

var errForeign = errors.New("it is a bbolt database, but not numwatch's: check the path")

func newEpoch() string { return strings.ToLower(rand.Text()[:epochLen]) }

// header reads the epoch and refuses what is no store of this schema or older.
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
		return "", &damage{fmt.Sprintf("schema version %q", digits)}
	case version > SchemaVersion:
		return "", fmt.Errorf("its schema version is %d and this numwatch knows up to %d: "+
			"run the newer numwatch, or restore a backup from before the upgrade", version, SchemaVersion)
	}
	epoch = string(meta.Get([]byte(epochKey)))
	if len(epoch) != epochLen {
		return "", &damage{fmt.Sprintf("the epoch is %q", epoch)}
	}
	for t := range tableCount {
		if tx.Bucket(t.name()) == nil {
			return "", &damage{fmt.Sprintf("bucket %q is gone", t)}
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
		for t := range tableCount {
			if _, err := tx.CreateBucket(t.name()); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucket([]byte(metaBucket))
		if err != nil {
			return err
		}
		return errors.Join(
			meta.Put([]byte(formatKey), fmt.Append(nil, formatName, SchemaVersion)),
			meta.Put([]byte(epochKey), []byte(newEpoch())),
			meta.Put([]byte(tallyKey), new(tally).append(nil)))
	})
}

// tally is how much each table holds, kept by every commit so that nobody has
// to scan for it.
type tally [tableCount]struct{ records, bytes uint64 }

func (t *tally) append(b []byte) []byte {
	for _, n := range t {
		b = binary.AppendUvarint(binary.AppendUvarint(b, n.records), n.bytes)
	}
	return b
}

func readTally(tx *bolt.Tx) (t tally, err error) {
	r := &reader{rest: string(tx.Bucket([]byte(metaBucket)).Get([]byte(tallyKey)))}
	for i := range t {
		t[i].records, t[i].bytes = r.uvarint(), r.uvarint()
	}
	if err := r.end(); err != nil {
		return tally{}, fmt.Errorf("tally: %w", err)
	}
	return t, nil
}
