package watch

import (
	"slices"
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
	left, err := t.findMoves(&state, changes)
	if err != nil {
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
	for i := range left {
		t.changed(left[i : i+1])
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
