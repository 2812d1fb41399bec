package rules

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// open opens an alert, or makes it pending where the rule waits first.
func (e *evaluation) open(r *fieldRule, c phone.Change) {
	a := alert.Alert{
		Rule: r.Name, Severity: r.Severity, Subject: e.subject, Field: r.field,
		Before: c.Old, Since: e.now, Changed: e.now,
		Runbook: r.Runbook, RemindEvery: r.Remind, Baseline: c.Baseline,
	}
	a.ID = alert.ID(a.Key(), e.now)
	e.render(r, &a, c)
	switch {
	case r.Once:
		e.notice(a)
	case r.For > 0:
		e.out = append(e.out, a)
	default:
		e.fire(a)
	}
}

// notice opens and ends an alert at once.
func (s *step) notice(a alert.Alert) {
	if last := s.state.closed[a.Key()]; last != nil && last.ID == a.ID {
		a.Revision = last.Revision // twice at the same time: one alert
	}
	a.Openings, a.Opened = 1, a.Change.New
	transition(&a, alert.Ended, alert.Opened, true, s.now)
	s.out = append(s.out, a)
}

// fire opens the alert a, which is new or was pending: as a new one, or by
// reopening the last one of its key if that closed a short time before the
// condition came true.
func (s *step) fire(a alert.Alert) {
	last := s.state.closed[a.Key()]
	_, wasPending := s.state.pending[a.ID]
	if last == nil || last.ID != a.ID && !s.reopens(&a, last) {
		a.Since, a.Openings, a.Opened = s.now, 1, a.Change.New
		transition(&a, alert.Firing, alert.Opened, true, s.now)
		s.out = append(s.out, a)
		return
	}
	if wasPending && last.ID != a.ID {
		s.out = append(s.out, dropped(a))
	}
	worse := a.Field.Direction(last.Opened, a.Change.New) == phone.Worse
	a.ID, a.Revision, a.Notified = last.ID, last.Revision, last.Notified
	a.Since, a.Openings, a.Opened = s.now, last.Openings+1, a.Change.New
	a.Channels, a.Drill = union(last.Channels, a.Channels), last.Drill
	transition(&a, alert.Firing, alert.Reopened, worse, s.now)
	s.out = append(s.out, a)
}

// reopens reports whether the alert, whose condition came true at Since, goes
// on with the last one of its key.
func (s *step) reopens(a, last *alert.Alert) bool {
	return a.Since.Sub(last.Changed) <= s.set.reopenWithin && s.set.reopenWithin > 0
}

// changeValue moves an open alert to another value that it is about.
func (e *evaluation) changeValue(r *fieldRule, a alert.Alert, c phone.Change) {
	direction := r.field.Direction(a.Change.New, c.New)
	worse := direction == phone.Worse || direction != phone.Better && r.to != nil && r.to.names(c.New)
	e.render(r, &a, c)
	switch {
	case a.State == alert.Pending:
	case worse:
		a.Ack = nil
		transition(&a, alert.Firing, alert.GotWorse, true, e.now)
	default:
		transition(&a, alert.Firing, alert.GotBetter, false, e.now)
	}
	e.out = append(e.out, a)
}

// render puts the change into an alert, with the texts and channels that it
// makes. A channel that was notified before stays.
func (e *evaluation) render(r *fieldRule, a *alert.Alert, c phone.Change) {
	a.Change = c
	e.fill()
	e.env.setChange(&c, a.Severity, a.Since)
	shown := e.env.shown(r.field)
	a.Title = r.title.of(c.New).render(&e.state.vm, shown)
	a.Summary, a.Action = r.summary.of(c.New).render(&e.state.vm, shown), r.action.of(c.New).render(&e.state.vm, shown)
	var channels []string
	for _, ch := range r.channels {
		if ch.where == nil || ch.where.isTrue(&e.state.vm, &e.env) {
			channels = append(channels, ch.Name)
		}
	}
	a.Channels = union(a.Channels, channels)
}

// union merges sorted lists into a new one.
func union(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// lifeEnded ends an alert because the number did.
func (e *evaluation) lifeEnded(a alert.Alert) alert.Alert {
	v, ok := e.value(a.Field)
	if !ok {
		v = a.Change.New
	}
	last := *e.end
	last.Field, last.Old, last.New = a.Field, a.Change.New, v
	last.Direction = a.Field.Direction(last.Old, v)
	a = ended(a, whyEnded(e.end), e.now)
	a.Change = last
	return a
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

// ended returns the alert as one that can no longer be judged. One that was
// only pending ends Unsaid.
func ended(a alert.Alert, why string, now time.Time) alert.Alert {
	if a.State == alert.Pending {
		return dropped(a)
	}
	a.Closing = why
	transition(&a, alert.Ended, alert.WasEnded, true, now)
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
	transition(&a, alert.Resolved, alert.WasResolved, true, now)
	return a
}

func becameText(f phone.Field, from, to string) string {
	now := f.Shown(to)
	if to == "" {
		now = emptyHole
	}
	switch {
	case from == to:
		return "still " + now + ", but the rule no longer applies"
	case f.Direction(from, to) == phone.Better:
		return "recovered, now " + now
	default:
		return "now " + now
	}
}

// dropped returns a pending alert as Unsaid.
func dropped(a alert.Alert) alert.Alert {
	a.State, a.Transition, a.Revision = alert.Ended, alert.NoTransition, 0
	return a
}

// transition makes a transition of an alert; notify means that people hear of
// it anew, beyond what changes in place.
func transition(a *alert.Alert, to alert.State, t alert.Transition, notify bool, now time.Time) {
	a.State, a.Transition, a.Changed = to, t, now
	a.Revision++
	if notify {
		a.Notified = a.Revision
	}
}
