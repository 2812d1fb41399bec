package watch

import (
	"slices"
	"strings"
	"time"

	"numwatch/diff"
	"numwatch/phone"
)

// findMoves finds the numbers that moved from one space to another: one that
// appears here while another space knows it comes from there, and so does one that
// was missing there already, of which the changes say there what became of it. One that
// is missing here while another space lists it is not missing. State is what is then
// known of the space.
func (t *batch) findMoves(state *phone.SpaceState, changes []phone.Change) (there []phone.Change, err error) {
	for i := range changes {
		c := &changes[i]
		if c.Field != phone.Presence {
			continue
		}
		known, err := t.spacesOf(c.Subject.PhoneNumber)
		if err != nil {
			return nil, err
		}
		here := c.Subject.SpaceKey()
		if c.New == phone.Appeared {
			t.appeared[c.Subject.PhoneNumber] = append(t.appeared[c.Subject.PhoneNumber], here)
		}
		other := slices.IndexFunc(known, func(k phone.SpaceKey) bool { return k != here })
		switch {
		case other < 0 && c.New == phone.Appeared:
			from, err := t.leaves(c)
			if err != nil {
				return nil, err
			}
			there = append(there, from...)
		case other < 0 && c.New == phone.Missing:
			t.missing[c.Subject.PhoneNumber] = append(t.missing[c.Subject.PhoneNumber], here)
		case other < 0:
		case c.New == phone.Missing:
			c.New, c.Direction = phone.Moved, phone.NoDirection
			if i, found := state.FindGone(c.Subject.PhoneNumber); found {
				state.Gone[i].Moved = true
			}
		default:
			c.MovedFrom = known[other].ID
		}
	}
	return there, nil
}

// leaves finds the space that a number was in before it appeared, if it has gone missing
// there. It returns the change there: not missing, but moved.
func (t *batch) leaves(appeared *phone.Change) ([]phone.Change, error) {
	number := appeared.Subject.PhoneNumber
	since := appeared.SeenAt.Add(-diff.RememberGone) // a space that does not change is not stored, so it may remember more
	if appeared.AwaySince.After(since) {
		since = appeared.AwaySince
	}
	from, err := t.goneFrom(number, since)
	if from == nil {
		return nil, err
	}
	appeared.MovedFrom = from.Space.ID
	state := *from
	state.Gone = slices.Clone(from.Gone)
	i, _ := state.FindGone(number)
	gone := &state.Gone[i]
	if gone.Moved {
		return nil, nil
	}
	c := *appeared
	c.Subject, c.MovedFrom, c.Baseline = phone.SubjectOf(state.Space, number), "", false
	c.Old, c.New, c.Direction, c.SeenAfter = gone.Presence(), phone.Moved, phone.NoDirection, gone.Listed
	gone.Moved = true
	t.states[state.Space] = &state
	t.commit.SpaceStates = append(t.commit.SpaceStates, state)
	return []phone.Change{c}, nil
}

// goneFrom returns what is known of the space in which a number was last, of those from
// which it is gone; nil if none has listed it after a time.
func (t *batch) goneFrom(number string, listed time.Time) (last *phone.SpaceState, err error) {
	stored, err := t.l.o.Store.GoneFrom(number)
	if err != nil {
		return nil, err
	}
	for _, k := range append(stored, t.missing[number]...) {
		state, ahead := t.states[k]
		if !ahead && t.l.o.Directory.Has(k) {
			if state, err = t.l.o.Store.SpaceState(k); err != nil {
				return nil, err
			}
		}
		if state == nil {
			continue
		}
		if i, gone := state.FindGone(number); gone && state.Gone[i].Listed.After(listed) {
			last, listed = state, state.Gone[i].Listed
		}
	}
	return last, nil
}

// spacesOf returns the spaces that know a number: by this batch, and where it has
// nothing, by the store, which is behind it. What is stored of a space that is no
// longer polled does not say where its numbers are.
func (t *batch) spacesOf(phoneNumber string) ([]phone.SpaceKey, error) {
	stored, err := t.l.o.Store.SpacesOf(phoneNumber)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(append(stored, t.appeared[phoneNumber]...), func(k phone.SpaceKey) bool {
		r, ahead := t.states[k]
		return ahead && !lists(r, phoneNumber) || !t.l.o.Directory.Has(k)
	}), nil
}

// lists reports whether the number is in the space state, which may be nil.
func lists(r *phone.SpaceState, phoneNumber string) bool {
	if r == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(r.Numbers, phoneNumber, func(e phone.TrackedNumber, n string) int {
		return strings.Compare(e.PhoneNumber, n)
	})
	return found
}
