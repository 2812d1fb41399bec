package lint

import (
	"slices"

	"numwatch/phone"
	"numwatch/rules"
)

// Coverage is which rules cover which values, field by field: the
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
	Value string         `json:"value"` // "unlisted": any that is not documented; "any": any text
	Rules []RuleCoverage `json:"rules"` // by name
	// Hole: the value is worse than the best, ends a number's life here or is
	// not documented, and no rule covers it.
	Hole bool `json:"hole"`
}

// RuleCoverage is a rule that may open for a value.
type RuleCoverage struct {
	Rule string `json:"rule"`
	// Limits names the clauses on which it depends whether the rule opens: from,
	// direction, where. Empty: it always does.
	Limits []string `json:"limits"`
}

// What stands in a Coverage for values that are not documented, and for texts.
const (
	unlisted = "unlisted"
	anyText  = "any"
)

// Cover compares every value of every field with the rules.
func Cover(set *rules.Set) Coverage {
	var c Coverage
	for f := range phone.Fields() {
		var on []string
		for _, r := range set.Rules() {
			if slices.Contains(r.On, f) {
				on = append(on, r.Name)
			}
		}
		fc := FieldCoverage{Field: f}
		values := set.Values(f, on...)
		for _, v := range values {
			fc.Values = append(fc.Values, coverageOf(set, on, f, v, values))
		}
		c.Fields = append(c.Fields, fc)
	}
	return c
}

// Holes lists the values that no rule covers, though they matter.
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

// coverageOf finds which of the rules on a field may open for a value, and on
// what that depends.
func coverageOf(set *rules.Set, on []string, f phone.Field, v string, values []string) ValueCoverage {
	vc := ValueCoverage{Value: v, Rules: []RuleCoverage{}}
	for _, rule := range on {
		if limits, ok := limitsOf(set, rule, f, v, values); ok {
			vc.Rules = append(vc.Rules, RuleCoverage{Rule: rule, Limits: limits})
		}
	}
	if v == rules.OtherValue {
		vc.Value = unlisted
		if !f.IsEnum() {
			vc.Value = anyText
		}
	}
	vc.Hole = len(vc.Rules) == 0 && matters(f, v)
	return vc
}

// limitsOf names the clauses that a rule's opening for a value depends on; false
// if it never opens for it.
func limitsOf(set *rules.Set, rule string, f phone.Field, v string, values []string) (limits []string, ok bool) {
	depends := map[rules.Clause]bool{}
	for _, old := range values {
		if old == v && v != rules.OtherValue {
			continue
		}
		clause, sure := set.Opens(rule, f, old, v)
		ok = ok || clause == rules.None
		if clause == rules.None && !sure {
			clause = rules.Where
		}
		depends[clause] = true
	}
	limits = []string{}
	for _, c := range []rules.Clause{rules.From, rules.Direction, rules.Where} {
		if depends[c] {
			limits = append(limits, c.String())
		}
	}
	return limits, ok
}

// matters reports whether a value is one that a rule should cover.
func matters(f phone.Field, v string) bool {
	rank, on := f.Rank(v)
	switch {
	case on:
		best, _ := f.Rank(f.Values()[0])
		return rank > best
	case f == phone.Presence && v == phone.Moved:
		return false // it is APPEARED in the other space
	default:
		return f.EndsLife(v) || !f.Listed(v) || !f.IsEnum() && v == rules.OtherValue
	}
}
