package phone

import (
	"slices"
	"strings"
	"time"
)

// Snapshot is a space's complete list of numbers at one time, as one successful
// poll brought it. Numbers are sorted by PhoneNumber, without repetition.
type Snapshot struct {
	Space     SpaceKey
	Numbers   []Number
	At        time.Time // when the answer was complete
	RequestId string
}

// SpaceState is what numwatch knows of a space: the numbers of its last snapshot
// and those that are missing from it but not yet confirmed so.
type SpaceState struct {
	Space     SpaceKey
	Numbers   []TrackedNumber // sorted by PhoneNumber
	Gone      []GoneNumber    // numbers that it had, sorted by PhoneNumber
	At        time.Time
	RequestId string
}

// GoneNumber is a number that was in the space: confirmed missing, or Moved to another
// space. Listed is the time of the last list that held it.
type GoneNumber struct {
	PhoneNumber string
	Listed      time.Time
	Moved       bool
}

// Presence is the value of the field of that name.
func (g GoneNumber) Presence() string {
	if g.Moved {
		return Moved
	}
	return Missing
}

// FindGone returns where the number is, or would be, in Gone.
func (s *SpaceState) FindGone(phoneNumber string) (i int, found bool) {
	return slices.BinarySearchFunc(s.Gone, phoneNumber, func(g GoneNumber, n string) int { return strings.Compare(g.PhoneNumber, n) })
}

// TrackedNumber is one number of a roster. Missed counts the complete lists in a row
// that did not hold it, the first of them at MissedSince; the last list that
// did was at Listed, zero if that is not known. All are zero for a number that
// the last list held.
type TrackedNumber struct {
	Number
	Missed      int
	MissedSince time.Time
	Listed      time.Time
}

// Change is one field of a subject that went from one value to another. Values
// are canonical.
type Change struct {
	Subject   Subject   `json:"subject"`
	Field     Field     `json:"field"`
	Old       string    `json:"old"` // "" also where nothing was known before
	New       string    `json:"new"`
	Direction Direction `json:"direction"`
	// The change happened after SeenAfter (zero at first sight) and was seen at
	// SeenAt, in the answer to RequestId.
	SeenAfter time.Time `json:"seen_after,omitzero"`
	SeenAt    time.Time `json:"seen_at"`
	RequestId string    `json:"request_id,omitempty"`
	// Number is the whole number as it then was; nil for other subjects.
	Number *Number `json:"number,omitempty"`
	// Baseline marks the first sight of a space.
	Baseline bool `json:"baseline,omitempty"`
	// MovedFrom is the id of the space in which the number was known before.
	MovedFrom string `json:"moved_from,omitempty"`
	// AwaySince is when a number that is back in the space was last listed there.
	AwaySince time.Time `json:"away_since,omitzero"`
	// Code and Reason tell why a poll failed, a sink is parked, rules are refused.
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Condition is the present value of a subject that is not a number: a space or
// account that fails to answer, a sink that is parked, rules that are refused.
type Condition struct {
	Subject Subject   `json:"subject"`
	Field   Field     `json:"field"`
	Value   string    `json:"value"` // OK conditions need not be kept
	Code    string    `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Since   time.Time `json:"since"`
}

// Change returns the condition as a change from a value before it.
func (c *Condition) Change(old string) Change {
	return Change{
		Subject: c.Subject, Field: c.Field, Old: old, New: c.Value, Direction: c.Field.Direction(old, c.Value),
		SeenAt: c.Since, Code: c.Code, Reason: c.Reason,
	}
}
