package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"numwatch/store/internal/dbfile"
)

// RecoveredCheckpoint is the checkpoint that says what a recovery did, until people
// have been told.
const RecoveredCheckpoint = "store/recovered"

const (
	// backward is behind the name of a bucket that is read from its end.
	backward = ":backward"
	// gapDepth bounds how often what lies between two damaged places is halved.
	gapDepth = 8
	// recoveryBatch is how many bytes, and gapBatch how many notices, are about a commit.
	recoveryBatch = 4 << 20
	gapBatch      = 10_000
	// maxGap is how many lost events in a row are replaced by notices: what is in front
	// of a longer gap is dropped.
	maxGap = 1_000_000
)

// Record is a record of a damaged store, as stored, or the end of a part. Its bytes are
// valid until yield returns.
type Record struct {
	Part       string // see RecoveryParts
	Key, Value []byte
	End        bool
	Complete   bool // at the end: no damaged page was met
}

// RecoveryParts returns the parts that a damaged store is read in: its buckets, the most
// important first. The log comes last, its newest events first. The index can be
// rebuilt, and the other records are of no use.
func RecoveryParts() (parts []string) {
	for _, b := range []bucket{spaces, alerts, messages, silences, conditions, checkpoints} {
		parts = append(parts, b.String())
	}
	return append(parts, eventLog.String()+backward)
}

// OtherWay returns the part of the same bucket that is read from the other end.
func OtherWay(part string) string {
	if name, ok := strings.CutSuffix(part, backward); ok {
		return name
	}
	return part + backward
}

// BucketName returns the name of a part's bucket.
func BucketName(part string) string { return strings.TrimSuffix(part, backward) }

func bucketOf(part string) bucket {
	name := BucketName(part)
	for b := range bucketCount {
		if b.String() == name {
			return b
		}
	}
	return bucketCount // in which nothing can be found
}

// ReadDamaged yields the records of parts of the store at path whose checksums match, some
// of them twice, and the end of each part. It passes over damaged pages; on some the
// process never ends, or ends at once: it belongs in one of its own.
func ReadDamaged(path string, parts []string, yield func(Record) error) error {
	db, _, err := dbfile.Open(path, dbfile.Access{ReadOnly: true, Damaged: true})
	opened := err == nil
	if opened {
		defer db.Close()
	} else if !Corrupt(err) {
		return err
	}
	for _, part := range parts {
		r := &partReader{db: db, part: part, bucket: bucketOf(part), yield: yield}
		complete := opened && r.read()
		if r.err == nil {
			r.err = yield(Record{Part: part, End: true, Complete: complete})
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// partReader reads a bucket of a damaged database.
type partReader struct {
	db     *bolt.DB
	part   string
	bucket bucket
	yield  func(Record) error
	err    error // of yield
}

// walked is what a walk met.
type walked struct {
	last  []byte // key of the last sound record, nil if there was none
	whole bool   // no damaged page ended it
}

// read reports whether the whole bucket could be read. Where it could not, it reads up to
// the first damaged page from both ends, and then what it finds between those two.
func (r *partReader) read() (complete bool) {
	up := func() walked { return r.walk((*bolt.Cursor).First, true, nil) }
	down := func() walked { return r.walk((*bolt.Cursor).Last, false, nil) }
	var low, high walked
	if strings.HasSuffix(r.part, backward) {
		if high = down(); !high.whole {
			low = up()
		}
	} else if low = up(); !low.whole {
		high = down()
	}
	if low.last != nil && high.last != nil {
		r.between(low.last, high.last, gapDepth)
	}
	return low.whole || high.whole
}

// between reads what is between two keys next to damaged pages, from the middle.
func (r *partReader) between(low, high []byte, depth int) {
	middle, ok := keyBetween(low, high)
	if !ok || depth == 0 {
		return
	}
	at := func(c *bolt.Cursor) (k, v []byte) { return c.Seek(middle) }
	before := func(c *bolt.Cursor) (k, v []byte) {
		c.Seek(middle)
		return c.Prev()
	}
	if down := r.walk(before, false, low); !down.whole {
		r.between(low, orKey(down.last, middle), depth-1)
	}
	if up := r.walk(at, true, high); !up.whole {
		r.between(orKey(up.last, middle), high, depth-1)
	}
}

func orKey(key, otherwise []byte) []byte {
	if key == nil {
		return otherwise
	}
	return key
}

// keyBetween returns a key about half way between two, if there is one.
func keyBetween(low, high []byte) (middle []byte, ok bool) {
	same := 0
	for same < min(len(low), len(high)) && low[same] == high[same] {
		same++
	}
	number := func(key []byte) uint64 {
		var digits [8]byte
		copy(digits[:], key[same:])
		return binary.BigEndian.Uint64(digits[:])
	}
	a, b := number(low), number(high)
	if b <= a+1 {
		return nil, false
	}
	return binary.BigEndian.AppendUint64(slices.Clone(low[:same]), a+(b-a)/2), true
}

// walk yields what it meets from begin on, up or down, until the end, the key at which to
// stop, or a damaged page. Pages that lead in a circle show by the order of their keys.
func (r *partReader) walk(begin func(*bolt.Cursor) (k, v []byte), up bool, stop []byte) (w walked) {
	step, order := (*bolt.Cursor).Next, 1
	if !up {
		step, order = (*bolt.Cursor).Prev, -1
	}
	err := dbfile.Guard(func() error {
		return r.db.View(func(tx *bolt.Tx) error {
			c := r.bucket.in(tx).Cursor()
			for k, v := begin(c); k != nil && r.err == nil; k, v = step(c) {
				// The lengths of a record may be what is damaged: they can lead out of the file.
				if dbfile.Guard(func() error { _, err := unseal(r.bucket, k, v); return err }) != nil {
					continue
				}
				if stop != nil && bytes.Compare(k, stop) != -order {
					return nil
				}
				if w.last != nil && bytes.Compare(k, w.last) != order {
					return errKey
				}
				w.last = bytes.Clone(k)
				r.err = r.yield(Record{Part: r.part, Key: k, Value: v})
			}
			return r.err
		})
	})
	w.whole = err == nil
	return w
}

// Recovery is a new store, with a new epoch, that takes what could be read of a damaged
// one. It holds the lock on its file until it is closed.
type Recovery struct {
	s     *Store
	batch []Record
	size  int
	// Found is how many records there are.
	Found int
	// Lost is how many events are missing between those that could be read.
	Lost int
}

// NewRecovery begins a store at path, where there is an empty file or none.
func NewRecovery(path string) (*Recovery, error) {
	s, err := Open(path, Options{})
	if err != nil {
		return nil, err
	}
	s.db.NoSync = true // Finish syncs once
	return &Recovery{s: s}, nil
}

// Add takes a record, unless there is one with its key.
func (r *Recovery) Add(record Record) error {
	record.Key, record.Value = bytes.Clone(record.Key), bytes.Clone(record.Value)
	r.batch = append(r.batch, record)
	if r.size += len(record.Key) + len(record.Value); r.size < recoveryBatch {
		return nil
	}
	return r.flush()
}

func (r *Recovery) flush() error {
	// In order: bbolt takes far longer for keys that come from the end.
	slices.SortStableFunc(r.batch, func(a, b Record) int {
		return cmp.Or(strings.Compare(a.Part, b.Part), bytes.Compare(a.Key, b.Key))
	})
	err := r.update(func(w *writer) error {
		for _, record := range r.batch {
			b := bucketOf(record.Part)
			if w.buckets[b].Get(record.Key) != nil {
				continue
			}
			r.Found++
			if err := w.put(b, record.Key, record.Value); err != nil {
				return err
			}
		}
		return nil
	})
	r.batch, r.size = nil, 0
	return err
}

func (r *Recovery) update(do func(*writer) error) error {
	err := dbfile.Guard(func() error {
		return r.s.db.Update(func(tx *bolt.Tx) error { return do(r.s.newWriter(tx)) })
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", r.s.path, dbfile.Explain(err))
	}
	return nil
}

// Finish makes the store one that can be used, and syncs it: the log has no gaps, the
// index is rebuilt, and a checkpoint says what describe returns.
func (r *Recovery) Finish(describe func() string) error {
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.closeGaps(); err != nil {
		return err
	}
	err := r.update(func(w *writer) error {
		w.staleIndex = true
		if err := w.rebuildIndex(); err != nil {
			return err
		}
		return w.putCheckpoints(map[string][]byte{RecoveredCheckpoint: []byte(describe())})
	})
	if err == nil {
		err = r.s.db.Sync()
	}
	return err
}

// closeGaps puts notices in the places of lost events.
func (r *Recovery) closeGaps() error {
	lost, dropped := r.gaps()
	r.Lost = len(lost) + len(dropped)
	for keys := range slices.Chunk(lost, gapBatch) {
		if err := r.update(func(w *writer) error { return eachKey(keys, w.putLost) }); err != nil {
			return err
		}
	}
	return r.update(func(w *writer) error {
		return eachKey(dropped, func(key []byte) error { return w.remove(eventLog, key) })
	})
}

func eachKey(keys [][]byte, do func(key []byte) error) error {
	for _, key := range keys {
		if err := do(key); err != nil {
			return err
		}
	}
	return nil
}

// gaps returns the keys of lost events, and of those that are too far below the others.
func (r *Recovery) gaps() (lost, dropped [][]byte) {
	_ = r.s.view("the log", func(tx *bolt.Tx) error { // it is what this process has written
		c := eventLog.in(tx).Cursor()
		k, _ := c.Last()
		if k == nil {
			return nil
		}
		next, _ := parseSeqKey(k)
		for ; k != nil; k, _ = c.Prev() {
			seq, _ := parseSeqKey(k)
			if len(dropped) > 0 || next > seq+maxGap {
				dropped = append(dropped, bytes.Clone(k))
				continue
			}
			for missing := seq + 1; missing < next; missing++ {
				lost = append(lost, seqKey(missing))
			}
			next = seq
		}
		return nil
	})
	return lost, dropped
}

// Close releases the file.
func (r *Recovery) Close() error { return r.s.Close() }
