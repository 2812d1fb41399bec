package rules

import (
	"slices"

	"numwatch/alert"
	"numwatch/phone"
)

// begin opens an alert, or makes it pending where the rule waits first.
func (s *sight) begin(w *watch, c phone.Change) {
	a := alert.Alert{
		Rule: w.name, Severity: w.severity, Subject: s.subject, Field: w.field,
		Before: c.Old, Since: s.now, Changed: s.now,
		Runbook: w.runbook, RemindEvery: w.remindEvery, Baseline: c.Baseline,
	}
	a.ID = alert.ID(a.Key(), s.now)
	s.tell(w, &a, c)
	switch {
	case w.once:
		s.notice(a)
	case w.delay > 0:
		s.out = append(s.out, a)
	default:
		s.fire(a)
	}
}

// notice opens and ends an alert at once.
func (s *sight) notice(a alert.Alert) {
	if last := s.st.closed[a.Key()]; last != nil && last.ID == a.ID {
		a.Revision = last.Revision // twice at the same time: one alert
	}
	a.Openings, a.Opened = 1, a.Change.New
	move(&a, alert.Ended, alert.Opened, true, s.now)
	s.out = append(s.out, a)
}

// rejudge looks at an open alert again.
func (s *sight) rejudge(w *watch, a *alert.Alert, v string, known bool) {
	c := s.change(w.field)
	if s.end != nil && !(c == s.end && w.wants(v) && s.holds(w, c, a)) {
		s.out = append(s.out, s.lifeEnded(*a))
		s.tellTrace(w, byLife, v)
		return
	}
	if !known || offScale(w.field, v) && !w.names(v) {
		s.tellTrace(w, byValue, v)
		return
	}
	now := s.changeOr(c, w.field, v)
	judged := now
	if c == nil {
		judged = a.Change
		judged.New = v
	}
	by := byNothing
	switch {
	case !w.stands(a, v):
		by = byTo
	case !s.holds(w, &judged, a):
		by = byWhere
	case v != a.Change.New:
		s.shift(w, *a, now)
	}
	if by != byNothing {
		s.out = append(s.out, resolved(*a, now, s.now))
	}
	s.tellTrace(w, by, v)
}

// lifeEnded ends an alert because the number did.
func (s *sight) lifeEnded(a alert.Alert) alert.Alert {
	v, ok := s.value(a.Field)
	if !ok {
		v = a.Change.New
	}
	last := *s.end
	last.Field, last.Old, last.New = a.Field, a.Change.New, v
	last.Direction = a.Field.Direction(last.Old, v)
	a = ended(a, whyEnded(s.end), s.now)
	a.Change = last
	return a
}

// names reports whether `to` names the value itself, or as unlisted.
func (w *watch) names(v string) bool {
	return w.to != nil && w.to.match(w.field, v)
}

// stands reports whether the value still is one that the alert is about.
// Without `to` that is until it is back where it was, or past that point.
func (w *watch) stands(a *alert.Alert, v string) bool {
	switch {
	case w.to != nil:
		return w.to.match(w.field, v)
	case w.direction == phone.NoDirection:
		return v != a.Before
	default:
		return w.field.Direction(a.Before, v) == w.direction
	}
}

// shift moves an open alert to another value that it is about.
func (s *sight) shift(w *watch, a alert.Alert, c phone.Change) {
	direction := w.field.Direction(a.Change.New, c.New)
	worse := direction == phone.Worse || direction != phone.Better && w.to != nil && w.to.names(c.New)
	s.tell(w, &a, c)
	switch {
	case a.State == alert.Pending:
	case worse:
		a.Ack = nil
		move(&a, alert.Firing, alert.GotWorse, true, s.now)
	default:
		move(&a, alert.Firing, alert.GotBetter, false, s.now)
	}
	s.out = append(s.out, a)
}

// tell puts the change into an alert, with the texts and channels that it
// makes. Who was told before goes on being told.
func (s *sight) tell(w *watch, a *alert.Alert, c phone.Change) {
	a.Change = c
	s.fill()
	setChange(&s.env, &c, a.Severity, a.Since)
	seen := shown(&s.env, w.field)
	a.Summary, a.Action = w.summary.render(s.machine, seen), w.action.render(s.machine, seen)
	var channels []string
	for _, ch := range w.channels {
		holds := ch.where == nil || s.machine.holds(ch.where, &s.env)
		if holds {
			channels = append(channels, ch.Name)
		}
		if s.trace != nil {
			s.trace.channel(s, w, ch, holds)
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
