package rules

import (
	"slices"
	"strings"

	"numwatch/phone"
)

// OtherValue stands for any value that is not documented, or any text. It is
// none that a rule can name: those are in upper case.
const OtherValue = "unlisted value"

// Opens says whether a rule opens on a change of one of its fields, as far as
// that tells: the clause that keeps it from opening, and whether it is sure to
// open, whatever else is true of the subject.
func (s *Set) Opens(rule string, f phone.Field, old, now string) (clause Clause, sure bool) {
	r := s.fieldRule(rule, f)
	switch {
	case r == nil:
		return On, false
	case !r.wants(now):
		return To, false
	case !r.fromFits(old):
		return From, false
	case !r.directionFits(f.Direction(old, now)):
		return Direction, false
	}
	known := factsOf(r, old, now)
	sure = true
	for _, c := range r.where {
		switch known.eval(c.program.Node()) {
		case false:
			return Where, false
		case nil:
			sure = false
		}
	}
	return None, sure
}

// Deaf reports whether the named channel's where is false on a change, as far as that
// tells, for a rule that speaks to the channel.
func (s *Set) Deaf(name, rule string, f phone.Field, old, now string) bool {
	r := s.fieldRule(rule, f)
	i := slices.IndexFunc(r.channels, func(c *channel) bool { return c.Name == name && c.where != nil })
	return i >= 0 && factsOf(r, old, now).eval(r.channels[i].where.program.Node()) == false
}

// Values lists the values that a field is thought to have: those documented,
// best first, those that the named rules name, and OtherValue.
func (s *Set) Values(f phone.Field, rules ...string) []string {
	values := f.Values()
	if !f.IsEnum() {
		values = []string{""}
	}
	for _, rule := range rules {
		if r := s.fieldRule(rule, f); r != nil {
			values = slices.Concat(values, r.named(r.to), r.named(r.from))
		}
	}
	seen := map[string]bool{}
	values = slices.DeleteFunc(values, func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
	if f.IsEnum() && !f.OfNumber() {
		return slices.DeleteFunc(values, func(v string) bool { return v == "" }) // numwatch's own: nobody adds to them
	}
	return append(values, OtherValue)
}

// named lists the values that the matcher names, also those with "!", less
// those that are meant for another of the rule's fields.
func (r *fieldRule) named(m *matcher) []string {
	if m == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(m.named, m.except), func(v string) bool {
		return !r.field.Listed(v) && slices.ContainsFunc(r.On, func(f phone.Field) bool { return f.IsEnum() && f.Listed(v) })
	})
}

// Example returns a change of a field on which a rule may open, of the values
// that are given (nil: any). Where there is none, it returns a change that has
// them.
func (s *Set) Example(rule string, f phone.Field, old, now *string) (before, after string) {
	best := -1
	values := s.Values(f, rule)
	for _, a := range values {
		for _, b := range values {
			fits := (old == nil || f.Canonical(*old) == b) && (now == nil || f.Canonical(*now) == a)
			if !fits || a == b && a != OtherValue || plainness(f, b)+plainness(f, a) <= best {
				continue
			}
			if clause, _ := s.Opens(rule, f, b, a); clause == None {
				best, before, after = plainness(f, b)+plainness(f, a), b, a
			}
		}
	}
	before, after = exampleText(f, before, "old"), exampleText(f, after, "new")
	if old != nil {
		before = f.Canonical(*old)
	}
	if now != nil {
		after = f.Canonical(*now)
	}
	return before, after
}

// plainness is higher for what shows better what a rule is about.
func plainness(f phone.Field, v string) int {
	switch _, on := f.Rank(v); {
	case on || !f.IsEnum() && v == OtherValue:
		return 2
	case v != "" && f.IsEnum() && f.Listed(v):
		return 1
	default:
		return 0
	}
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
