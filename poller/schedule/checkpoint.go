package schedule

import (
	"errors"
	"time"
)

// Checkpoint is the state of a schedule as it is stored, in JSON.
type Checkpoint struct {
	Mean   float64          `json:"mean"` // of the logarithms of the spaces' rates
	Dev    float64          `json:"dev"`
	Spaces map[string]Saved `json:"spaces"` // those with an answer
}

// Saved is what a checkpoint holds of one space.
type Saved struct {
	Last    int64   `json:"last"`              // answer, in unix milliseconds
	Changes float32 `json:"changes,omitempty"` // that were learned of
	Days    float32 `json:"days,omitempty"`
	Ahead   float32 `json:"ahead,omitempty"` // how far its turn is ahead
}

// Checkpoint returns the state of the schedule, for Restore.
func (s *Schedule) Checkpoint() Checkpoint {
	c := Checkpoint{Mean: s.rates.mean, Dev: s.rates.dev, Spaces: make(map[string]Saved, len(s.spaces))}
	for id, e := range s.spaces {
		if e.last != 0 {
			c.Spaces[id] = Saved{e.last, float32(e.learned.changes), float32(e.learned.days), float32(e.pass - s.virtualTime)}
		}
	}
	return c
}

// Restore takes over what Checkpoint returned. The spaces that SetSpaces names
// from then on go on where they were. After an error the schedule is as it was.
func (s *Schedule) Restore(c Checkpoint) error {
	if !within(c.Mean, -maxLog, maxLog) || !within(c.Dev, 0, maxLog) {
		return errCheckpoint
	}
	for _, v := range c.Spaces {
		if !within(v.Changes, 0, maxLearned) || !within(v.Days, 0, maxLearned) || !within(v.Ahead, -maxLearned, maxLearned) {
			return errCheckpoint
		}
	}
	s.saved = c.Spaces
	s.rates.assume(c.Mean, c.Dev)
	return nil
}

// What lies beyond these cannot come from Checkpoint, and would upset the sums.
const (
	maxLog     = 1e3
	maxLearned = 1e9
)

var errCheckpoint = errors.New("the checkpoint of the schedule is damaged")

func within[F float32 | float64](v, least, most F) bool { return v >= least && v <= most }

// maxAge bounds the age of an answer, so that it can be added to.
const maxAge = 100 * 365 * 24 * time.Hour

// resume gives a new entry the state that was saved for its space, if any. An
// answer from the future, where the clock was set back, counts as of now.
func (s *Schedule) resume(e *entry, now time.Time) bool {
	v, ok := s.saved[e.id]
	if !ok {
		return false
	}
	delete(s.saved, e.id)
	e.last = min(v.Last, now.UnixMilli())
	age := min(max(now.Sub(time.UnixMilli(e.last)), 0), maxAge)
	e.answered = s.since(now) - age
	e.learned = learned{float64(v.Changes), float64(v.Days)}
	e.pass = s.virtualTime + float64(v.Ahead)
	e.notBefore = max(s.since(now), e.answered+s.o.MinInterval)
	return true
}
