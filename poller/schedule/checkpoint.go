package schedule

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// A checkpoint is a version byte, the time in unix milliseconds, the mean and
// deviation of the rates, and then for each space with an answer: the length of
// its id, the id, the age of the last answer in milliseconds, and what was
// learned: changes, days, and its place before the line. Integers are uvarints,
// the rest floats of 4 bytes, little-endian.
const checkpointVersion = 1

// maxIDLength bounds an id in a checkpoint.
const maxIDLength = 1 << 10

const maxMillis = uint64(math.MaxInt64 / time.Millisecond)

// longAgo bounds ages, so that they can be added to.
const longAgo = 100 * 365 * 24 * time.Hour

// saved is what a checkpoint holds of one space.
type saved struct {
	answered time.Duration
	learned  learned
	ahead    float64 // of the line
}

// Checkpoint returns the state of the schedule as of now, for Restore.
func (s *Schedule) Checkpoint(now time.Time) []byte {
	b := make([]byte, 0, 32+len(s.spaces)*36)
	moment := s.since(now)
	b = append(b, checkpointVersion)
	b = binary.AppendUvarint(b, uint64(max(now.UnixMilli(), 0)))
	b = appendFloat(b, s.rates.mean)
	b = appendFloat(b, s.rates.dev)
	for id, e := range s.spaces {
		if !e.started || len(id) > maxIDLength {
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(id)))
		b = append(b, id...)
		b = binary.AppendUvarint(b, uint64(max((moment-e.answered).Milliseconds(), 0)))
		b = appendFloat(b, e.learned.changes)
		b = appendFloat(b, e.learned.days)
		b = appendFloat(b, e.pass-s.line)
	}
	return b
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
}

// Restore takes over what Checkpoint returned. The spaces that SetSpaces names
// from then on go on where they were. After an error the schedule is as it was.
func (s *Schedule) Restore(checkpoint []byte, now time.Time) error {
	r := reader{b: checkpoint}
	if v := r.byte(); r.err == nil && v != checkpointVersion {
		return fmt.Errorf("restoring the schedule: version %d of the checkpoint is unknown", v)
	}
	at := time.UnixMilli(int64(r.uvarint(maxMillis)))
	mean, dev := r.float(-1e3, 1e3), r.float(0, 1e3)
	spaces := map[string]saved{}
	for len(r.b) > 0 && r.err == nil {
		id := r.text(maxIDLength)
		age := time.Duration(r.uvarint(maxMillis)) * time.Millisecond
		v := saved{learned: learned{r.float(0, 1e9), r.float(0, 1e9)}, ahead: r.float(-1e9, 1e9)}
		ago := now.Sub(at.Add(-age)) // below zero if the clock was set back meanwhile
		v.answered = s.since(now) - min(max(ago, 0), longAgo)
		spaces[id] = v
	}
	if r.err != nil {
		return fmt.Errorf("restoring the schedule: %w", r.err)
	}
	s.saved = spaces
	s.rates.assume(mean, dev)
	return nil
}

// resume gives a new entry the state that was saved for its space, if any.
func (s *Schedule) resume(e *entry, now time.Duration) bool {
	v, ok := s.saved[e.id]
	if !ok {
		return false
	}
	delete(s.saved, e.id)
	e.started, e.answered, e.learned = true, v.answered, v.learned
	e.pass = s.line + v.ahead
	e.notBefore = max(now, e.answered+s.o.MinInterval)
	return true
}

// reader takes a checkpoint apart; its first error stays.
type reader struct {
	b   []byte
	err error
}

var errCheckpoint = errors.New("the checkpoint is damaged")

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.err, r.b = errCheckpoint, nil
		return make([]byte, n)
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.err, r.b = errCheckpoint, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text(most uint64) string { return string(r.take(int(r.uvarint(most)))) }

func (r *reader) float(least, most float64) float64 {
	v := float64(math.Float32frombits(binary.LittleEndian.Uint32(r.take(4))))
	if !(v >= least && v <= most) { // false for what is no number, too
		r.err, r.b = errCheckpoint, nil
		return least
	}
	return v
}
