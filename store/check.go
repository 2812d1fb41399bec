package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Report is what a check of a store file found.
type Report struct {
	Epoch      string   `json:"epoch"`
	FileSize   int64    `json:"file_size"` // bytes
	Spaces     int      `json:"spaces"`
	Numbers    int      `json:"numbers"`
	Events     int      `json:"events"`
	FirstSeq   uint64   `json:"first_seq"`
	LastSeq    uint64   `json:"last_seq"`
	Alerts     int      `json:"alerts"`
	Messages   int      `json:"messages"`
	Conditions int      `json:"conditions"`
	Problems   []string `json:"problems,omitempty"` // at most about a hundred
}

// OK reports whether nothing is wrong with the store.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Check reads the whole store at path, which nobody may be writing to, and
// changes nothing: the pages, bbolt's own order, every record, the sequences,
// the index and the counters, and that alerts and messages fit each other.
// Damage goes into the report; the error says why nothing could be checked.
func Check(path string) (Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, fmt.Errorf("checking store %s: %w", path, explain(err))
	}
	report := Report{FileSize: info.Size()}
	db, file, err := openFile(path, access{readOnly: true})
	if err == nil {
		if err = guard(func() error { return report.check(db, file) }); err != nil {
			err = fmt.Errorf("checking store %s: %w", path, explain(err))
		}
		err = errors.Join(err, db.Close())
	}
	var found *damage
	if errors.As(err, &found) {
		report.problem("%s", found.what)
		err = nil
	}
	return report, err
}

func (r *Report) problem(format string, args ...any) {
	switch {
	case len(r.Problems) < maxProblems:
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	case len(r.Problems) == maxProblems:
		r.Problems = append(r.Problems, "and more")
	}
}

// check goes from the pages up, and stops at the first layer that is damaged:
// what stands on it could not be read safely.
func (r *Report) check(db *bolt.DB, file *os.File) (err error) {
	if r.Problems, err = checkPages(db, file); err != nil || !r.OK() {
		return err
	}
	return db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check(bolt.WithKVStringer(shortHex{})) {
			r.problem("%v", err)
		}
		if !r.OK() {
			return nil
		}
		var err error
		if r.Epoch, err = header(tx); err == nil {
			r.contents(tx)
		}
		return err
	})
}

// shortHex shows the beginning of a key in bbolt's messages.
type shortHex struct{}

func (shortHex) KeyToString(b []byte) string   { return hex.EncodeToString(b[:min(len(b), 64)]) }
func (shortHex) ValueToString(b []byte) string { return hex.EncodeToString(b[:min(len(b), 64)]) }
