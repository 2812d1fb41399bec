package rules

import (
	"slices"

	"numwatch/phone"
)

// Coverage is which rules speak up for which values, field by field: the
// documented values, those that rules name beside them, and one that stands for
// all others.
type Coverage struct {
	Fields []FieldCoverage `json:"fields"`
}

// FieldCoverage is a field with its values, best first.
type FieldCoverage struct {
	Field  phone.Field     `json:"field"`
	Values []ValueCoverage `json:"values"`
}

// ValueCoverage is the rules that may open when a field gets a value.
type ValueCoverage struct {
	Value string  `json:"value"` // "unlisted": any that is not documented; "any": any text
	Rules []Cover `json:"rules"` // by name
	// Hole: the value is worse than the best, ends a number's life here or is
	// not documented, and no rule speaks up for it.
	Hole bool `json:"hole"`
}

// Cover is a rule that speaks up for a value.
type Cover struct {
	Rule string `json:"rule"`
	// Limits names the clauses on which it depends whether the rule opens: from,
	// direction, where. Empty: it always does.
	Limits []string `json:"limits"`
}

// anyText stands for the values of a text field.
const anyText = "any"

// unlistedValue stands for any value that is not documented. It is none that a
// rule can name: those are in upper case.
const unlistedValue = "unlisted value"

// Coverage compares every value of every field with the rules.
func (s *Set) Coverage() Coverage {
	var c Coverage
	for f := range phone.Fields() {
		fc := FieldCoverage{Field: f}
		domain := s.domain(f)
		for _, v := range domain {
			fc.Values = append(fc.Values, s.coverageOf(f, v, domain))
		}
		c.Fields = append(c.Fields, fc)
	}
	return c
}

// Holes lists the values for which no rule speaks up, though they matter.
func (c Coverage) Holes() []FieldCoverage {
	var holes []FieldCoverage
	for _, f := range c.Fields {
		f.Values = slices.DeleteFunc(slices.Clone(f.Values), func(v ValueCoverage) bool { return !v.Hole })
		if len(f.Values) > 0 {
			holes = append(holes, f)
		}
	}
	return holes
}

func (s *Set) coverageOf(f phone.Field, v string, domain []string) ValueCoverage {
	vc := ValueCoverage{Value: v, Rules: []Cover{}}
	for i := range s.fieldRules {
		w := &s.fieldRules[i]
		if w.field != f {
			continue
		}
		if limits, ok := w.limits(v, domain); ok {
			vc.Rules = append(vc.Rules, Cover{Rule: w.name, Limits: limits})
		}
	}
	if v == unlistedValue {
		vc.Value = unlisted
		if !f.IsEnum() {
			vc.Value = anyText
		}
	}
	vc.Hole = len(vc.Rules) == 0 && matters(f, v)
	return vc
}

// matters reports whether people want to hear of a field's value.
func matters(f phone.Field, v string) bool {
	rank, on := f.Rank(v)
	best, _ := f.Rank(f.Canonical(first(f.Values())))
	switch {
	case on:
		return rank > best
	case f == phone.Presence && v == phone.Moved:
		return false // told as APPEARED in the other space
	default:
		return f.EndsLife(v) || !f.Listed(v) || !f.IsEnum() && v == unlistedValue
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// domain lists the values that a field is thought to have: those documented,
// those that rules name, and one that is none of them.
func (s *Set) domain(f phone.Field) []string {
	var named []string
	for i := range s.fieldRules {
		if w := &s.fieldRules[i]; w.field == f {
			named = append(append(named, w.named(w.to)...), w.named(w.from)...)
		}
	}
	return domainWith(f, named)
}

func domainWith(f phone.Field, named []string) []string {
	values := f.Values()
	if !f.IsEnum() {
		values = []string{""}
	}
	values = append(values, named...)
	seen := map[string]bool{}
	values = slices.DeleteFunc(values, func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
	if f.IsEnum() && !f.OfNumber() {
		return slices.DeleteFunc(values, func(v string) bool { return v == "" }) // numwatch's own: nobody adds to them
	}
	return append(values, unlistedValue)
}

// named lists the values that the matcher names, also those with "!", less
// those that are meant for another of the rule's fields.
func (w *fieldRule) named(m *matcher) []string {
	if m == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(m.named, m.except), func(v string) bool {
		return !w.field.Listed(v) && slices.ContainsFunc(w.fields, func(f phone.Field) bool { return f.IsEnum() && f.Listed(v) })
	})
}

// limits names the clauses that a rule's opening for a value depends on; false
// if it never opens for it.
func (w *fieldRule) limits(v string, domain []string) (limits []string, ok bool) {
	var from, direction, where bool
	for _, old := range domain {
		switch {
		case old == v && v != unlistedValue:
		case !w.wants(v):
			return nil, false
		case !w.fromFits(old):
			from = true
		case !w.directionFits(w.field.Direction(old, v)):
			direction = true
		case w.whereNever(old, v):
			where = true
		default:
			ok = true
			where = where || !w.whereAlways(old, v)
		}
	}
	limits = []string{}
	for _, l := range []struct {
		on   bool
		name string
	}{{from, "from"}, {direction, "direction"}, {where, "where"}} {
		if l.on {
			limits = append(limits, l.name)
		}
	}
	return limits, ok
}

// opensOn reports whether the rule may open on a change, as far as its field's
// values tell.
func (w *fieldRule) opensOn(old, now string) bool {
	return w.wants(now) && w.fromFits(old) && w.directionFits(w.field.Direction(old, now)) && !w.whereNever(old, now)
}

func (w *fieldRule) whereNever(old, now string) bool {
	k := factsOf(w, old, now)
	return slices.ContainsFunc(w.where, func(c *condition) bool { return c.never(k) })
}

func (w *fieldRule) whereAlways(old, now string) bool {
	k := factsOf(w, old, now)
	return !slices.ContainsFunc(w.where, func(c *condition) bool { return !c.always(k) })
}
