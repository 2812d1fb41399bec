package rules

import (
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// move makes a transition of an alert; told means that people hear of it anew,
// beyond what changes in place.
func move(a *alert.Alert, to alert.State, t alert.Transition, told bool, now time.Time) {
	a.State, a.Transition, a.Changed = to, t, now
	a.Revision++
	if told {
		a.Notified = a.Revision
	}
}

// ended returns the alert as one that can no longer be judged. One that was
// only pending ends Unsaid.
func ended(a alert.Alert, why string, now time.Time) alert.Alert {
	if a.State == alert.Pending {
		return dropped(a)
	}
	a.Closing = why
	move(&a, alert.Ended, alert.WasEnded, true, now)
	return a
}

// dropped returns a pending alert as Unsaid.
func dropped(a alert.Alert) alert.Alert {
	a.State, a.Transition, a.Revision = alert.Ended, alert.NoTransition, 0
	return a
}

// resolved returns the alert as one whose condition no longer holds: after
// change c its field's value is c.New.
func resolved(a alert.Alert, c phone.Change, now time.Time) alert.Alert {
	if a.State == alert.Pending {
		return dropped(a)
	}
	a.Closing = becameText(a.Field, a.Change.New, c.New)
	a.Change = c
	move(&a, alert.Resolved, alert.WasResolved, true, now)
	return a
}

func becameText(f phone.Field, from, to string) string {
	switch {
	case from == to:
		return "still " + shownValue(f, to) + ", but the rule no longer applies"
	case f.Direction(from, to) == phone.Better:
		return "recovered, now " + shownValue(f, to)
	default:
		return "now " + shownValue(f, to)
	}
}

func shownValue(f phone.Field, v string) string {
	if v == "" {
		return emptyHole
	}
	return f.Shown(v)
}

// whyEnded says what became of a number, after a change that ends its life.
func whyEnded(c *phone.Change) string {
	switch c.New {
	case phone.Missing:
		return "the number is missing from its space"
	case phone.Moved:
		return "the number moved to another space"
	case "MIGRATED":
		return "the number was migrated"
	default:
		return "the number was deleted"
	}
}

// fire opens the alert a, which is new or was pending: as a new one, or by
// taking up the last one of its key if that closed a short time before the
// condition came true.
func (b *batch) fire(a alert.Alert) {
	last := b.st.closed[a.Key()]
	_, wasPending := b.st.pending[a.ID]
	if last == nil || last.ID != a.ID && !b.reopens(&a, last) {
		a.Since, a.Openings, a.Opened = b.now, 1, a.Change.New
		move(&a, alert.Firing, alert.Opened, true, b.now)
		b.out = append(b.out, a)
		return
	}
	if wasPending && last.ID != a.ID {
		b.out = append(b.out, dropped(a))
	}
	worse := a.Field.Direction(last.Opened, a.Change.New) == phone.Worse
	a.ID, a.Revision, a.Notified = last.ID, last.Revision, last.Notified
	a.Since, a.Openings, a.Opened = b.now, last.Openings+1, a.Change.New
	a.Channels, a.Drill = union(last.Channels, a.Channels), last.Drill
	move(&a, alert.Firing, alert.Reopened, worse, b.now)
	b.out = append(b.out, a)
}

// reopens reports whether the alert, whose condition came true at Since, goes
// on with the last one of its key.
func (b *batch) reopens(a, last *alert.Alert) bool {
	return a.Since.Sub(last.Changed) <= b.set.reopenWithin && b.set.reopenWithin > 0
}
