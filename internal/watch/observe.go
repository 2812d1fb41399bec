package watch

import (
	"slices"
	"strings"
	"time"

	"numwatch/diff"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/schedule"
)

// observe compares a snapshot with what was known and commits what changed since
// the previous one.
func (t *batch) observe(snap *phone.Snapshot, previous time.Time) (schedule.Outcome, error) {
	l := t.l
	out := schedule.Outcome{Hot: hot(snap)}
	old, ahead := t.states[snap.Space]
	if !ahead {
		same, err := l.o.Store.Same(snap)
		if err != nil {
			return out, err
		}
		if same {
			t.listed(snap, "")
			return out, nil
		}
		if old, err = l.o.Store.SpaceState(snap.Space); err != nil {
			return out, err
		}
	}
	if old != nil && previous.After(old.At) && previous.Before(snap.At) {
		old.At = previous // unchanged polls are not stored
	}
	state, changes := diff.Compare(old, snap, l.o.Diff)
	t.listed(snap, diff.Doubt(&state, snap))
	if old != nil && len(changes) == 0 && slices.Equal(state.Numbers, old.Numbers) {
		return out, nil // the answer lacks a key for good, so it is never the Same
	}
	if err := t.findMoves(&state, changes); err != nil {
		return out, err
	}
	t.states[snap.Space] = &state
	t.commit.SpaceStates = append(t.commit.SpaceStates, state)
	out.Changes = len(changes)
	if old == nil {
		out.Changes = 0 // a first sight says nothing about how often a space changes
	}
	for start := 0; start < len(changes); {
		end := start + 1
		for end < len(changes) && changes[end].Subject == changes[start].Subject {
			end++
		}
		t.changed(changes[start:end])
		start = end
	}
	return out, nil
}

// listed reports whether a list is in doubt to the health of its account.
func (t *batch) listed(snap *phone.Snapshot, doubt string) {
	if h := t.l.o.health(snap.Space.Account); h != nil {
		poller.Listed(h, snap, doubt)
		t.healthChanged(snap.Space.Account)
	}
}

// findMoves finds the numbers that moved from one space to another: one that
// appears here while another space knows it comes from there, and one that is
// missing here while another space lists it is not missing. State is what is then
// known of the space.
func (t *batch) findMoves(state *phone.SpaceState, changes []phone.Change) error {
	for i := range changes {
		c := &changes[i]
		if c.Field != phone.Presence {
			continue
		}
		known, err := t.spacesOf(c.Subject.PhoneNumber)
		if err != nil {
			return err
		}
		here := c.Subject.SpaceKey()
		if c.New == phone.Appeared {
			t.appeared[c.Subject.PhoneNumber] = append(t.appeared[c.Subject.PhoneNumber], here)
		}
		other := slices.IndexFunc(known, func(k phone.SpaceKey) bool { return k != here })
		switch {
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
	return nil
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

// hot reports whether something in the snapshot is likely to change soon.
func hot(s *phone.Snapshot) bool {
	for i := range s.Numbers {
		n := &s.Numbers[i]
		switch n.Get(phone.Status) {
		case "FLAGGED", "PENDING", "RATE_LIMITED", "RESTRICTED":
			return true
		}
		if n.Get(phone.QualityRating) == "YELLOW" || underReview(n.Get(phone.NameStatus)) || underReview(n.Get(phone.NewNameStatus)) {
			return true
		}
	}
	return false
}

func underReview(nameStatus string) bool {
	return nameStatus == "PENDING_REVIEW" || nameStatus == "PENDING" || nameStatus == "DEFERRED"
}
