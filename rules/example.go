package rules

import (
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Example returns a change of a field on which a rule may open, of the values
// that are given (nil: any). Where there is none, it returns a change that has
// them.
func (s *Set) Example(rule string, f phone.Field, old, now *string) (before, after string) {
	before, after = s.firstOpening(rule, f, old, now)
	before, after = exampleText(f, before, "old"), exampleText(f, after, "new")
	if old != nil {
		before = f.Canonical(*old)
	}
	if now != nil {
		after = f.Canonical(*now)
	}
	return before, after
}

// firstOpening tries the best values first, and texts before no text.
func (s *Set) firstOpening(rule string, f phone.Field, old, now *string) (before, after string) {
	values := s.Values(f, rule)
	if !f.IsEnum() {
		slices.Reverse(values)
	}
	for _, after := range values {
		for _, before := range values {
			fits := (old == nil || f.Canonical(*old) == before) && (now == nil || f.Canonical(*now) == after)
			if !fits || before == after && after != OtherValue {
				continue
			}
			if clause, _ := s.Opens(rule, f, before, after); clause == None {
				return before, after
			}
		}
	}
	return "", ""
}

// exampleText is a value that stands for any that nobody has named.
func exampleText(f phone.Field, v, which string) string {
	switch {
	case v != OtherValue:
		return v
	case f.IsEnum():
		return "SOMETHING_" + strings.ToUpper(which)
	case f.IsURL():
		return "https://" + which + ".example.com/hook"
	default:
		return which + "-value"
	}
}

// DrillNumber is the phone number that drills are about. Nobody has it.
const DrillNumber = "0000000000"

// drillPart stands for a part of the bot, and for a space as a whole, in drills:
// those that there are may have alerts of their own.
const drillPart = "drill"

// Drill returns the alert that a rule would open, on values made up for it,
// with or without what its `where` asks for: a notice, opened and over at once,
// marked as a drill. The space gives the texts and the channels what they look
// at. It returns false where no rule has the name.
func (s *Set) Drill(rule string, space phone.Space, now time.Time) (alert.Alert, bool) {
	for i := range s.fieldRules {
		if w := &s.fieldRules[i]; w.Name == rule {
			return s.drill(w, space, now), true
		}
	}
	return alert.Alert{}, false
}

func (s *Set) drill(w *fieldRule, space phone.Space, now time.Time) alert.Alert {
	old, value := s.Example(w.Name, w.field, nil, nil)
	c := phone.Change{
		Field: w.field, Old: old, New: value, Direction: w.field.Direction(old, value),
		SeenAfter: now, SeenAt: now, Reason: alert.ClosedDrill,
	}
	switch {
	case w.field.OfBot():
		c.Subject = phone.Subject{Component: drillPart}
	case w.field == phone.Poll:
		c.Subject = phone.Subject{Account: space.Account, Space: drillPart}
	default:
		n := ExampleNumber(DrillNumber, "numwatch drill", w.field, value)
		c.Subject, c.Number = phone.SubjectOf(space.SpaceKey, DrillNumber), &n
	}
	st := &step{set: s, state: NewState(nil), now: now}
	e := st.newEvaluation(Seen{Space: space, Changes: []phone.Change{c}})
	a := alert.Alert{
		Rule: w.Name, Severity: w.Severity, Subject: c.Subject, Field: w.field, Before: old, Since: now, Changed: now,
		Runbook: w.Runbook, Drill: true, Closing: alert.ClosedDrill,
	}
	a.ID = alert.ID(a.Key(), now)
	e.render(w, &a, c)
	e.notice(a)
	s.Address(&st.out[0])
	return st.out[0]
}

// ExampleNumber is a number that is well, but for one field.
func ExampleNumber(phoneNumber, name string, f phone.Field, value string) phone.Number {
	n := phone.Number{PhoneNumber: phoneNumber}
	n.Set(phone.VerifiedName, name)
	for one := range phone.FieldsOfNumber() {
		if values := one.Values(); len(values) > 0 {
			n.Set(one, values[0])
		}
	}
	if f.OfNumber() {
		n.Set(f, value)
	}
	return n
}
