package rules

import (
	"slices"

	"numwatch/phone"
)

// checkTexts tries the rule's holes and conditions on the values that fields
// can have.
func (l *linter) checkTexts(u *rule, raw *rawRule) {
	for _, t := range []*text{u.summary, u.action} {
		for _, h := range t.holes {
			if h.program == nil {
				l.checkEmptyHole(u, h)
			} else if value, fails := l.failsOn(u, func(m *machine, e *environment) error { _, err := m.value(h.program, e); return err }); fails {
				l.warn(h.at, checkHoleFails, "test the value first: a ? b : c", "the hole fails where %s, and then shows %s", value, failedHole)
			}
		}
	}
	if !raw.where.given() {
		return
	}
	program := u.where[len(u.where)-1].program
	if value, fails := l.failsOn(u, func(m *machine, e *environment) error { _, err := m.vm.Run(program, e); return err }); fails {
		l.warn(raw.where.node.at, checkHoleFails, "test the value first: a && b", "where fails where %s, and then counts as true", value)
	}
}

func (l *linter) checkEmptyHole(u *rule, h hole) {
	if len(u.fields) > 0 && !slices.ContainsFunc(u.fields, func(f phone.Field) bool { return !absent(f, h.name) }) {
		l.warn(h.at, checkEmptyHole, "leave it out", "{%s} is always empty for a rule on %s", h.name, fieldNames(u.fields))
	}
}

// failsOn looks for values on which a program fails: of the field that the rule
// looks at, and of the other fields one by one.
func (l *linter) failsOn(u *rule, run func(*machine, *environment) error) (value string, fails bool) {
	m := &machine{}
	for _, f := range u.fields {
		w := l.set.watch(u.name, f)
		openings := l.openingsOf(w)
		for _, o := range openings {
			if run(m, sample(f, o.old, o.now)) != nil {
				return f.String() + " goes from " + quoted(o.old) + " to " + quoted(o.now), true
			}
		}
		if len(openings) == 0 {
			continue
		}
		if value, fails = failsBeside(f, openings[0], func(e *environment) error { return run(m, e) }); fails {
			return value, true
		}
	}
	return "", false
}

// failsBeside tries the values of the number's other fields.
func failsBeside(f phone.Field, o opening, run func(*environment) error) (value string, fails bool) {
	for other := range phone.FieldsOfNumber() {
		if other == f || absent(f, other.String()) {
			continue
		}
		for _, v := range domainWith(other, nil) {
			e := sample(f, o.old, o.now)
			*valueAt(e, other) = sampleText(other, v)
			if run(e) != nil {
				return other.String() + " is " + quoted(v), true
			}
		}
	}
	return "", false
}

func quoted(v string) string {
	if v == "" {
		return "empty"
	}
	return v
}

// sample is what an expression sees of a number that is well, or of another
// subject, when the field changes.
func sample(f phone.Field, old, now string) *environment {
	e := &environment{}
	for other := range phone.FieldsOfNumber() {
		if !absent(f, other.String()) {
			values := other.Values()
			*valueAt(e, other) = sampleText(other, first(append(values, unlistedValue)))
		}
	}
	for name, v := range map[string]string{
		"PhoneNumber": "8613800001111", "Account": "main", "Space": "Acme", "SpaceId": "293483938849493",
		"Severity": "high", "Since": "2026-11-23 08:00 UTC", "Code": "Forbidden.RAM", "Reason": "It is denied.", "Part": "nats",
	} {
		if !absent(f, name) {
			*at(e, name) = v
		}
	}
	e.Field, e.Direction = f.String(), f.Direction(old, now).String()
	e.Old, e.New = sampleText(f, old), sampleText(f, now)
	if f.OfNumber() {
		*valueAt(e, f) = e.New
	}
	return e
}

// sampleText is the value that stands for any text, as a field has it.
func sampleText(f phone.Field, v string) string {
	if v == unlistedValue && f.IsURL() {
		return "https://hooks.example.com/wa?token=s3cret"
	}
	return v
}
