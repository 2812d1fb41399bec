package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store/internal/dbfile"
)

// maxProblems bounds what a report lists.
const maxProblems = 100

// Report is what was found in a store file.
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
	SetAside   []string `json:"set_aside,omitempty"` // records that a bot found damaged, at most about a hundred
	Problems   []string `json:"problems,omitempty"`  // at most about a hundred
	// Readable is how many records of each bucket can be read of a damaged store.
	Readable map[string]int `json:"readable,omitempty"`
}

// OK reports whether nothing is wrong with the store.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Verify reads the whole store at path, which nobody may be writing to, and
// changes nothing: the pages, bbolt's own order, every record, the sequences and
// the index, and that alerts and messages fit each other. Damage goes into the
// report; the error says why nothing could be verified. A damaged file may end
// the process: maintain.Check runs Verify in one of its own.
func Verify(path string) (Report, error) { return verify(path, (*Report).verify) }

// VerifyPages is Verify of the pages alone.
func VerifyPages(path string) (Report, error) { return verify(path, (*Report).structure) }

func verify(path string, what func(*Report, *bolt.Tx, *os.File) error) (Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, fmt.Errorf("checking store %s: %w", path, dbfile.Explain(err))
	}
	report := Report{FileSize: info.Size()}
	db, file, err := dbfile.Open(path, dbfile.Access{ReadOnly: true})
	if err == nil {
		err = dbfile.Guard(func() error {
			return firstError(
				func() error { return warm(context.Background(), path) },
				func() error { return db.View(func(tx *bolt.Tx) error { return what(&report, tx, file) }) },
			)
		})
		err = errors.Join(err, db.Close())
	}
	if err = orForeign(path, err); errors.Is(err, errForeign) && holdsFormat(path) {
		err = &dbfile.Damage{What: fmt.Sprintf("bucket %q is damaged", meta)}
	}
	if found := new(dbfile.Damage); errors.As(err, &found) {
		report.problem("%s", found.What)
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("checking store %s: %w", path, dbfile.Explain(err))
	}
	return report, err
}

// orForeign distinguishes a file of another program, as with a wrong path, from a
// damaged store: that holds its format, in many places, or begins with the number of its
// first page, which is 0.
func orForeign(path string, err error) error {
	if !Corrupt(err) || holdsFormat(path) {
		return err
	}
	begin := make([]byte, 8)
	file, failed := os.Open(path)
	if failed != nil {
		return err
	}
	defer file.Close()
	if n, _ := file.Read(begin); len(bytes.Trim(begin[:n], "\x00")) > 0 {
		return errNoStore
	}
	return err
}

// holdsFormat reports whether a store's format stands somewhere in the file.
func holdsFormat(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	format := []byte(formatKey + formatName)
	buf := make([]byte, 1<<20)
	for kept := 0; err == nil; {
		var n int
		n, err = file.Read(buf[kept:])
		read := buf[:kept+n]
		if bytes.Contains(read, format) {
			return true
		}
		kept = copy(buf, read[max(0, len(read)-len(format)):])
	}
	return false
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = appendBounded(r.Problems, fmt.Sprintf(format, args...))
}

func appendBounded(list []string, one string) []string {
	switch {
	case len(list) < maxProblems:
		return append(list, one)
	case len(list) == maxProblems:
		return append(list, "and more")
	default:
		return list
	}
}

// verify goes from the pages up, and stops at damaged ones: their records could
// not be read safely.
func (r *Report) verify(tx *bolt.Tx, file *os.File) error {
	if err := r.structure(tx, file); err != nil || !r.OK() {
		return err
	}
	epoch, lost, err := header(tx)
	if err != nil {
		return err
	}
	r.Epoch = epoch
	if _, err := readPosition(tx); err != nil {
		r.problem("%v", err)
	}
	for _, key := range lost {
		r.problem("%v", &DamagedError{Bucket: meta.String(), Key: key, Err: errChecksum})
	}
	r.states(tx)
	r.events(tx)
	r.messages(tx, r.alerts(tx))
	r.conditions(tx)
	r.each(tx, silences, func(_, v []byte) error { return decodes[alert.Silence](v) })
	r.each(tx, checkpoints, func(_, _ []byte) error { return nil })
	return damaged.in(tx).ForEach(func(k, _ []byte) error {
		from, key, _ := bytes.Cut(k, []byte{0})
		r.SetAside = appendBounded(r.SetAside, fmt.Sprintf("%s %q", from, key))
		return nil
	})
}

// structure looks at the pages, at what bbolt trusts in them, and whether every byte of the
// records can be read: their lengths may lead out of the file.
func (r *Report) structure(tx *bolt.Tx, file *os.File) error {
	if err := dbfile.CheckPages(tx, file); err != nil {
		return err
	}
	if r.pages(tx); !r.OK() {
		return nil
	}
	if _, _, err := header(tx); err != nil {
		return err
	}
	for b := range bucketCount {
		c := b.in(tx).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if _, err := unseal(b, k, v); err != nil && v == nil {
				r.problem("bucket %q: there is a bucket where a record should be", b)
			}
		}
	}
	return nil
}

// pages hears all of bbolt's check, which reads in a goroutine of its own until then.
func (r *Report) pages(tx *bolt.Tx) {
	for problem := range tx.Check(bolt.WithKVStringer(shortHex{})) {
		r.problem("%v", problem)
	}
}

// shortHex shows the beginning of a key in bbolt's messages.
type shortHex struct{}

func (shortHex) KeyToString(b []byte) string   { return hex.EncodeToString(b[:min(len(b), 64)]) }
func (shortHex) ValueToString(b []byte) string { return hex.EncodeToString(b[:min(len(b), 64)]) }

// each calls do for every record of a bucket whose checksum matches, makes its error a
// problem, and returns how many records there are.
func (r *Report) each(tx *bolt.Tx, b bucket, do func(k, v []byte) error) (records int) {
	c := b.in(tx).Cursor()
	for k, stored := c.First(); k != nil; k, stored = c.Next() {
		records++
		value, err := unseal(b, k, stored)
		if err == nil {
			err = do(k, value)
		}
		if err != nil {
			r.problem("%v", &DamagedError{Bucket: b.String(), Key: string(k), Err: err})
		}
	}
	return records
}

// states checks that each can be decoded and that the indexes have its numbers and
// no others.
func (r *Report) states(tx *bolt.Tx) {
	known, left := 0, 0
	r.Spaces = r.each(tx, spaces, func(k, v []byte) error {
		space, err := parseSpaceKey(k)
		if err != nil {
			return err
		}
		state, err := decodeState(space, v)
		if err != nil {
			return err
		}
		for i := range state.Numbers {
			known++
			if numbers.in(tx).Get(indexKey(state.Numbers[i].PhoneNumber, space)) == nil {
				r.problem("number %q of %s is not in the index", state.Numbers[i].PhoneNumber, space)
			}
		}
		for _, g := range state.Gone {
			left++
			if gone.in(tx).Get(indexKey(g.PhoneNumber, space)) == nil {
				r.problem("number %q, which is gone from %s, is not in the index", g.PhoneNumber, space)
			}
		}
		return nil
	})
	r.Numbers = r.each(tx, numbers, func(_, _ []byte) error { return nil })
	if r.Numbers > known {
		r.problem("the index has %d numbers more than the spaces", r.Numbers-known)
	}
	if more := r.each(tx, gone, func(_, _ []byte) error { return nil }) - left; more > 0 {
		r.problem("the index has %d numbers more that are gone than the spaces", more)
	}
}

func (r *Report) events(tx *bolt.Tx) {
	r.FirstSeq, r.LastSeq = logBounds(eventLog.in(tx), func([]byte, error) {})
	next := r.FirstSeq
	r.Events = r.each(tx, eventLog, func(k, v []byte) error {
		seq, err := parseSeqKey(k)
		if err != nil {
			return err
		}
		if seq != next {
			r.problem("log: event %d follows event %d", seq, next-1)
		}
		next = seq + 1
		_, err = decodeEvent(seq, v)
		return err
	})
}

// alerts returns the revision of each alert.
func (r *Report) alerts(tx *bolt.Tx) map[string]uint64 {
	revisions := map[string]uint64{}
	open := map[alert.Key]string{}
	r.Alerts = r.each(tx, alerts, func(k, v []byte) error {
		var a alert.Alert
		if err := json.Unmarshal(v, &a); err != nil {
			return err
		}
		if a.ID != string(k) {
			return fmt.Errorf("it holds alert %q", a.ID)
		}
		revisions[a.ID] = a.Revision
		if a.State.Closed() {
			return nil
		}
		if other, ok := open[a.Key()]; ok {
			return fmt.Errorf("alert %q is open for the same rule, subject and field", other)
		}
		open[a.Key()] = a.ID
		return nil
	})
	return revisions
}

// messages checks that none shows more than there is. An alert that is gone was
// closed and forgotten.
func (r *Report) messages(tx *bolt.Tx, revisions map[string]uint64) {
	r.Messages = r.each(tx, messages, func(k, v []byte) error {
		var m alert.Message
		if err := json.Unmarshal(v, &m); err != nil {
			return err
		}
		if m.ID != string(k) {
			return fmt.Errorf("it holds message %q", m.ID)
		}
		for _, shown := range m.Alerts {
			highest := max(shown.Revision, shown.NotifiedRevision)
			if revision, ok := revisions[shown.Alert]; ok && highest > revision {
				return fmt.Errorf("it shows revision %d of alert %q, which has %d", highest, shown.Alert, revision)
			}
		}
		return nil
	})
}

func (r *Report) conditions(tx *bolt.Tx) {
	r.Conditions = r.each(tx, conditions, func(k, v []byte) error {
		var c phone.Condition
		if err := json.Unmarshal(v, &c); err != nil {
			return err
		}
		if !bytes.Equal(k, conditionKey(&c)) {
			return fmt.Errorf("it holds the condition of %s", c.Subject)
		}
		return nil
	})
}
