package rules

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

const (
	flapsFrom = 3  // openings within reopen_within
	maxFlaps  = 10 // that are remembered

	anotherSpace = "another space" // MovedFrom for those who may not see that space
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
	last := s.state.closed[a.Key()]
	if last != nil && last.ID == a.ID {
		a.Revision = last.Revision // twice at the same time: one alert
	}
	a.Openings = 1
	s.joinIncident(&a, s.now)
	s.opens(&a, last, alert.Ended, alert.Opened)
}

// fire opens the alert a, which is new or was pending: as a new one, or by
// reopening the last one of its key if that closed a short time before the
// condition came true, and its incident still lives.
func (s *step) fire(a alert.Alert) {
	last := s.state.closed[a.Key()]
	pending := s.state.pending[a.ID]
	s.joinIncident(&a, a.Since)
	if last == nil || last.ID != a.ID && !s.reopens(&a, last) {
		a.Since, a.Openings = s.now, 1
		if pending != nil { // mute times have begun and ended while it waited
			s.postpone(&a, nil)
		}
		s.opens(&a, nil, alert.Firing, alert.Opened)
		return
	}
	if pending != nil && last.ID != a.ID {
		s.out = append(s.out, dropped(*pending))
	}
	a.ID, a.Revision, a.Notified = last.ID, last.Revision, last.Notified
	a.Since, a.Openings = s.now, last.Openings+1
	s.postpone(&a, last.Channels)
	a.Followers, a.Drill = union(last.Followers, a.Followers), last.Drill
	s.opens(&a, last, alert.Firing, alert.Reopened)
}

// reopens reports whether the alert, whose condition came true at Since, goes
// on with the last one of its key. An alert never moves to another incident.
func (s *step) reopens(a, last *alert.Alert) bool {
	return last.Incident == a.Incident && a.Since.Sub(last.Changed) <= s.set.reopenWithin && s.set.reopenWithin > 0
}

// joinIncident puts an opening alert, whose condition came true at a time, into
// its subject's current incident, or a new one.
func (s *step) joinIncident(a *alert.Alert, since time.Time) {
	if s.incidentOf != a.Subject { // else an alert on it has opened in this step
		id, lives := s.state.incident(a.Subject, since, s.set.reopenWithin)
		if !lives {
			id = a.NewIncident()
		}
		s.incidentOf, s.incident = a.Subject, id
	}
	a.Incident = s.incident
}

// opens opens an alert, or gives a notice, and notes whether it has done so too often.
// last is the one of its key that closed last, if that is known.
func (s *step) opens(a, last *alert.Alert, to alert.State, t alert.Transition) {
	if last != nil {
		outdated := func(at time.Time) bool { return s.now.Sub(at) > s.set.reopenWithin }
		a.Flaps, a.Flapping = slices.DeleteFunc(slices.Clone(last.Flaps), outdated), last.Flapping && last.ID == a.ID
	}
	a.Flaps = append(a.Flaps, s.now)
	a.Flaps = a.Flaps[max(0, len(a.Flaps)-maxFlaps):]
	s.transition(a, to, t)
	if len(a.Flaps) >= flapsFrom && a.Notified == a.Revision {
		a.Flapping = true
	}
	s.out = append(s.out, *a)
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
		e.transition(&a, alert.Firing, alert.GotWorse)
	default:
		e.transition(&a, alert.Firing, alert.GotBetter)
	}
	e.out = append(e.out, a)
}

// render puts the change into an alert, with the texts and channels that it
// makes. A channel that was notified before stays.
func (e *evaluation) render(r *fieldRule, a *alert.Alert, c phone.Change) {
	a.Change = c
	e.fill()
	e.env.setChange(&e.in, &c, a.Severity, a.Since)
	shown := e.env.shown(r.field)
	a.Title, a.Summary, a.Action = e.texts(r, c.New, shown)
	a.Translations = e.translations(r, &c, shown)
	a.Origin = nil
	if c.MovedFrom != "" {
		shown.MovedFrom = anotherSpace
		a.Origin = &alert.Origin{Space: c.MovedFrom}
		a.Origin.Title, a.Origin.Summary, a.Origin.Action = e.texts(r, c.New, shown)
	}
	a.Later = make([]string, 0, len(r.channels))
	for _, ch := range r.channels {
		if ch.where == nil || ch.where.isTrue(&e.state.vm, e.env) {
			a.Later = append(a.Later, ch.Name)
		}
	}
	e.postpone(a, a.Channels)
}

// texts renders what a rule says of a value.
func (e *evaluation) texts(r *fieldRule, value string, shown *environment) (title, summary, action alert.Text) {
	of := func(t *texts) alert.Text { return t.of(value).render(&e.state.vm, shown) }
	return of(r.title), of(r.summary), of(r.action)
}

// translations renders what a rule says of a change in other languages.
func (e *evaluation) translations(r *fieldRule, c *phone.Change, shown *environment) map[phone.Language]alert.Texts {
	if len(r.translated) == 0 {
		return nil
	}
	all := make(map[phone.Language]alert.Texts, len(r.translated))
	for _, t := range r.translated {
		env := shown.speaking(t.language, c)
		of := func(t *texts) alert.Text { return t.of(c.New).render(&e.state.vm, env) }
		all[t.language] = alert.Texts{Title: of(t.title), Summary: of(t.summary), Action: of(t.action)}
	}
	return all
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
		return alert.ClosedMissing
	case phone.Moved:
		return alert.ClosedMoved
	case "MIGRATED":
		return alert.ClosedMigrated
	default:
		return alert.ClosedDeleted
	}
}

// ended returns the alert as one that can no longer be judged. One that was
// only pending ends Unsaid. People are told even where its field was flapping:
// there is nothing more to come.
func ended(a alert.Alert, why string, now time.Time) alert.Alert {
	if a.State == alert.Pending {
		return dropped(a)
	}
	a.Closing, a.Flapping = why, false
	move(&a, alert.Ended, alert.WasEnded, now)
	a.Notified = a.Revision
	return a
}

// resolved returns the alert as one whose condition no longer holds: after
// change c its field's value is c.New.
func (s *step) resolved(a alert.Alert, c phone.Change) alert.Alert {
	if a.State == alert.Pending {
		return dropped(a)
	}
	a.Closing = becameText(&a, &c)
	a.Change = c
	s.transition(&a, alert.Resolved, alert.WasResolved)
	return a
}

func becameText(a *alert.Alert, c *phone.Change) string {
	to := c.New
	now := a.Field.Shown(to)
	if to == "" {
		now = emptyValue
	}
	switch {
	case c.Field == phone.Presence && !c.AwaySince.IsZero():
		return "back after " + away(c)
	case a.Change.New == to:
		return "still " + now + ", but the rule no longer applies"
	case a.Field.IsEnum() && a.Field.Recovered(a.Before, to):
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

// transition makes a transition of an alert, of which people are told unless its
// field is flapping.
func (s *step) transition(a *alert.Alert, to alert.State, t alert.Transition) {
	move(a, to, t, s.now)
	f := s.state.flapping[fieldOf{a.Subject, a.Field}]
	if f == nil || a.Severity < f.alert.Severity || t == alert.GotWorse { // what is worse than the flapping value is told
		a.Notified = a.Revision
	}
}

func move(a *alert.Alert, to alert.State, t alert.Transition, now time.Time) {
	a.State, a.Transition, a.Changed = to, t, now
	a.Revision++
	if to.Closed() {
		a.Later = nil
	}
}

// settle reports fields that flapped and have been stable for long enough: by the
// alert that flapped, and by others on the field with untold changes.
func (s *step) settle() {
	for k, f := range s.state.flapping {
		if s.now.Sub(f.last.Changed) < s.set.settleAfter {
			continue
		}
		a := *f.alert
		a.Flapping, a.Change = false, f.last.Change
		move(&a, a.State, alert.Settled, s.now)
		a.Notified = a.Revision
		s.out = append(s.out, a)
		for _, other := range append(s.lastOf(k), s.state.flappingOn(k)...) {
			o := *other
			if s.moved(o.ID) || !o.Flapping && (o.Notified == o.Revision || o.IsNotice()) {
				continue // a notice that was not given is of no use now
			}
			o.Flapping, o.Notified = false, o.Revision
			s.out = append(s.out, o)
		}
	}
}

// settleEnded lets nothing flap on a field of which an alert ended: nothing more may come
// of the field that they could wait for.
func (s *step) settleEnded() {
	if len(s.state.flapping) == 0 {
		return
	}
	for i := range s.out {
		k := fieldOf{s.out[i].Subject, s.out[i].Field}
		if s.out[i].Transition != alert.WasEnded || s.state.flapping[k] == nil {
			continue
		}
		for _, other := range s.state.flappingOn(k) {
			if !s.moved(other.ID) {
				o := *other
				o.Flapping, o.Notified = false, o.Revision
				s.out = append(s.out, o)
			}
		}
	}
}

// moved reports whether the step has an alert already.
func (s *step) moved(id string) bool {
	return slices.ContainsFunc(s.out, func(a alert.Alert) bool { return a.ID == id })
}

// lastOf returns the last alert of each rule on a field of a subject.
func (s *step) lastOf(k fieldOf) (all []*alert.Alert) {
	for i := range s.set.fieldRules {
		r := &s.set.fieldRules[i]
		if r.field != k.Field {
			continue
		}
		if a := s.state.openOf(r.Name, k.Subject, k.Field); a != nil {
			all = append(all, a)
		} else if a := s.state.closed[alert.Key{Rule: r.Name, Subject: k.Subject, Field: k.Field}]; a != nil {
			all = append(all, a)
		}
	}
	return all
}
