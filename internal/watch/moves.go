package watch

import (
	"maps"
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
	left := map[phone.SpaceKey]*phone.SpaceState{}
	for i := range changes {
		c := &changes[i]
		if c.Field != phone.Presence {
			continue
		}
		number, here := c.Subject.PhoneNumber, c.Subject.SpaceKey()
		known, err := t.spacesOf(number)
		if err != nil {
			return nil, err
		}
		other := slices.IndexFunc(known, func(k phone.SpaceKey) bool { return k != here })
		switch {
		case c.New == phone.Appeared && other >= 0:
			c.MovedFrom = known[other].ID
		case c.New == phone.Appeared:
			from, err := t.goneFrom(number, here, c.AwaySince)
			if err != nil {
				return nil, err
			}
			if from != nil {
				there = append(there, t.leaves(c, from, left)...)
			}
		case other >= 0: // it is missing here alone
			c.New, c.Direction = phone.Moved, phone.NoDirection
			if i, found := state.FindGone(number); found {
				state.Gone[i].Moved = true
			}
		default:
			t.missing[number] = append(t.missing[number], here)
		}
		if c.New == phone.Appeared {
			t.appeared[number] = append(t.appeared[number], here)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(left), phone.SpaceKey.Compare) {
		t.commit.SpaceStates = append(t.commit.SpaceStates, *left[k])
	}
	return there, nil
}

// leaves says where a number comes from that appeared, of the space from which it had gone
// missing, and returns the change there: it is not missing, but moved. Left has what is
// known then of the spaces that numbers left.
func (t *batch) leaves(appeared *phone.Change, from *phone.SpaceState, left map[phone.SpaceKey]*phone.SpaceState) []phone.Change {
	k, number := from.Space, appeared.Subject.PhoneNumber
	appeared.MovedFrom = k.ID
	i, _ := from.FindGone(number)
	if from.Gone[i].Moved {
		return nil
	}
	if left[k] == nil {
		state := *from
		state.Gone = slices.Clone(from.Gone)
		left[k], t.states[k] = &state, &state
	}
	gone := &left[k].Gone[i]
	c := *appeared
	c.Subject, c.MovedFrom, c.AwaySince, c.Baseline = phone.SubjectOf(k, number), "", time.Time{}, false
	c.Old, c.New, c.Direction, c.SeenAfter = gone.Presence(), phone.Moved, phone.NoDirection, gone.Listed
	gone.Moved = true
	return []phone.Change{c}
}

// goneFrom returns what is known of the space that listed a number last, other than here,
// if that was after some time and not too long ago; nil if there is none.
func (t *batch) goneFrom(number string, here phone.SpaceKey, after time.Time) (last *phone.SpaceState, err error) {
	stored, err := t.l.o.Store.GoneFrom(number)
	if err != nil {
		return nil, err
	}
	if oldest := t.now.Add(-diff.RememberGone); oldest.After(after) { // unchanged states are not stored anew, so they may hold more
		after = oldest
	}
	for _, k := range append(stored, t.missing[number]...) {
		state, ahead := t.states[k]
		if !ahead && t.l.o.Directory.Has(k) {
			if state, err = t.l.o.Store.SpaceState(k); err != nil {
				return nil, err
			}
		}
		if state == nil || k == here {
			continue
		}
		if i, gone := state.FindGone(number); gone && state.Gone[i].Listed.After(after) {
			last, after = state, state.Gone[i].Listed
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
