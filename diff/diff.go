// Package diff compares what is known of a space with a new snapshot of it and
// says what changed. It is pure: the same input gives the same changes in the
// same order (by number, then by field), and the time comes with the snapshot.
package diff

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/phone"
)

// Options say when a number that is no longer listed counts as missing: after
// MissingAfter complete lists in a row that span at least MissingFor, and twice
// that where the list is in doubt (see Doubt).
type Options struct {
	MissingAfter int
	MissingFor   time.Duration
}

// RememberGone is how long a number that left its space is remembered, so that its
// return is recognised.
const RememberGone = 30 * 24 * time.Hour

// The options of a bot whose configuration does not say otherwise.
const (
	DefaultMissingAfter = 3
	DefaultMissingFor   = 10 * time.Minute
)

// Compare returns what is known after snap, and the changes that lead there from
// old. A nil old means the first poll of the space: every number appears, marked
// Baseline. Numbers in old.Entries and snap.Numbers are sorted by PhoneNumber
// without repetition; old.At is when the space was last seen.
//
// A field that old does not know yet, or that snap does not hold, is no change.
func Compare(old *phone.SpaceState, snap *phone.Snapshot, o Options) (phone.SpaceState, []phone.Change) {
	c := comparison{
		snap:   snap,
		roster: phone.SpaceState{Space: snap.Space, At: snap.At, RequestId: snap.RequestId},
	}
	if old == nil {
		c.baseline = true
		c.changes = make([]phone.Change, 0, len(snap.Numbers))
		old = &phone.SpaceState{}
	}
	c.seenAfter = old.At
	c.roster.Gone = slices.DeleteFunc(slices.Clone(old.Gone), func(g phone.GoneNumber) bool {
		return snap.At.Sub(g.Listed) > RememberGone
	})
	c.roster.Numbers = make([]phone.TrackedNumber, 0, max(len(snap.Numbers), len(old.Numbers)))
	gone, added := count(old.Numbers, snap.Numbers)
	if doubtful(gone, len(old.Numbers), snap) {
		o.MissingAfter *= 2
		o.MissingFor *= 2
		c.held = added >= gone && !c.confirmed(old.Numbers, o)
	}
	for was, is := range pairs(old.Numbers, snap.Numbers) {
		switch {
		case was == nil:
			c.appeared(*is)
		case is == nil:
			c.missed(*was, o)
		default:
			c.present(was, *is)
		}
	}
	return c.roster, c.changes
}

// comparison collects what Compare returns.
type comparison struct {
	snap      *phone.Snapshot
	seenAfter time.Time
	baseline  bool
	held      bool // new numbers wait until the missing ones are confirmed
	roster    phone.SpaceState
	changes   []phone.Change
}

func (c *comparison) appeared(n phone.Number) {
	if c.held {
		return
	}
	c.roster.Numbers = append(c.roster.Numbers, phone.TrackedNumber{Number: n})
	i, back := c.roster.FindGone(n.PhoneNumber)
	if !back {
		c.change(&n, phone.Presence, "", phone.Appeared, c.seenAfter)
		return
	}
	gone := c.roster.Gone[i]
	c.roster.Gone = slices.Delete(c.roster.Gone, i, i+1)
	c.change(&n, phone.Presence, gone.Presence(), phone.Appeared, c.seenAfter)
	c.changes[len(c.changes)-1].AwaySince = gone.Listed
}

// miss counts that a number is not listed, and reports whether it counts as missing.
func (c *comparison) miss(e *phone.TrackedNumber, o Options) bool {
	if e.Missed == 0 {
		e.MissedSince, e.Listed = c.snap.At, c.seenAfter
	}
	e.Missed++
	return e.Missed >= o.MissingAfter && c.snap.At.Sub(e.MissedSince) >= o.MissingFor
}

// confirmed reports whether every number that is not listed counts as missing.
func (c *comparison) confirmed(old []phone.TrackedNumber, o Options) bool {
	for was, is := range pairs(old, c.snap.Numbers) {
		if is == nil {
			if e := *was; !c.miss(&e, o) {
				return false
			}
		}
	}
	return true
}

func (c *comparison) missed(e phone.TrackedNumber, o Options) {
	if c.miss(&e, o) {
		c.change(&e.Number, phone.Presence, phone.Appeared, phone.Missing, e.Listed)
		i, _ := c.roster.FindGone(e.PhoneNumber)
		c.roster.Gone = slices.Insert(c.roster.Gone, i, phone.GoneNumber{PhoneNumber: e.PhoneNumber, Listed: e.Listed})
		return
	}
	c.roster.Numbers = append(c.roster.Numbers, e)
}

func (c *comparison) present(was *phone.TrackedNumber, is phone.Number) {
	now := is
	if was.Known() != is.Known() {
		now = is.Over(was.Number)
	}
	c.roster.Numbers = append(c.roster.Numbers, phone.TrackedNumber{Number: now})
	if now == was.Number {
		return
	}
	after := c.seenAfter
	if was.Missed > 0 {
		after = was.Listed
	}
	for f, v := range is.All() {
		if was.Has(f) && was.Get(f) != v {
			c.change(&now, f, was.Get(f), v, after)
		}
	}
}

// change notes that a field went from one value to another after the last list
// that showed the first, which was at after.
func (c *comparison) change(n *phone.Number, f phone.Field, from, to string, after time.Time) {
	c.changes = append(c.changes, phone.Change{
		Subject:   phone.SubjectOf(c.snap.Space, n.PhoneNumber),
		Field:     f,
		Old:       from,
		New:       to,
		Direction: f.Direction(from, to),
		SeenAfter: after,
		SeenAt:    c.snap.At,
		RequestId: c.snap.RequestId,
		Number:    n,
		Baseline:  c.baseline,
	})
}

// Doubt says why a list is more likely to be a fault of the answer than the truth:
// it came empty, or lacks more than half of the numbers that are known. If as many
// are new, these are held back too, because they may be the same numbers in another
// notation. Known is what Compare has made of the list; "" means that there is no
// doubt.
func Doubt(known *phone.SpaceState, snap *phone.Snapshot) string {
	gone, added := count(known.Numbers, snap.Numbers)
	numbers := phone.Count(len(known.Numbers), "known number")
	switch {
	case !doubtful(gone, len(known.Numbers), snap):
		return ""
	case len(snap.Numbers) == 0:
		return "the list is empty; it lacks " + numbers
	case added >= gone:
		return fmt.Sprintf("the list lacks %d of %s, and %d others are new", gone, numbers, added)
	default:
		return fmt.Sprintf("the list lacks %d of %s", gone, numbers)
	}
}

func doubtful(gone, known int, snap *phone.Snapshot) bool {
	return gone > 0 && (len(snap.Numbers) == 0 || 2*gone > known)
}

// count returns how many known numbers are not listed, and how many listed ones
// are not known.
func count(old []phone.TrackedNumber, numbers []phone.Number) (gone, added int) {
	for was, is := range pairs(old, numbers) {
		if is == nil {
			gone++
		}
		if was == nil {
			added++
		}
	}
	return gone, added
}

// pairs walks two lists sorted by PhoneNumber side by side and yields the
// entries of the same number together, with nil for what one of them lacks.
func pairs(old []phone.TrackedNumber, numbers []phone.Number) func(func(*phone.TrackedNumber, *phone.Number) bool) {
	return func(yield func(*phone.TrackedNumber, *phone.Number) bool) {
		i, j := 0, 0
		for i < len(old) || j < len(numbers) {
			var order int
			switch {
			case i == len(old):
				order = 1
			case j == len(numbers):
				order = -1
			default:
				order = strings.Compare(old[i].PhoneNumber, numbers[j].PhoneNumber)
			}
			var was *phone.TrackedNumber
			var is *phone.Number
			if order <= 0 {
				was = &old[i]
				i++
			}
			if order >= 0 {
				is = &numbers[j]
				j++
			}
			if !yield(was, is) {
				return
			}
		}
	}
}
