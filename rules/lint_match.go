package rules

import (
	"iter"
	"slices"
	"strings"

	"numwatch/phone"
)

// opening is a change of a field's value on which a rule may open.
type opening struct{ old, now string }

// openings yields the changes of a watch's field on which the rule may open,
// among documented values, those that it names and one that stands for others.
func (w *fieldRule) openings() iter.Seq[opening] {
	domain := domainWith(w.field, slices.Concat(w.named(w.to), w.named(w.from)))
	return func(yield func(opening) bool) {
		for _, now := range domain {
			if !w.wants(now) {
				continue
			}
			for _, old := range domain {
				if (old != now || old == unlistedValue) && w.opensOn(old, now) && !yield(opening{old, now}) {
					return
				}
			}
		}
	}
}

// Example returns a change of a field on which a rule may open, of the values
// that are given (nil: any). Where there is none, it returns a change that has
// them.
func (s *Set) Example(rule string, f phone.Field, old, now *string) (before, after string) {
	w := s.fieldRule(rule, f)
	var best opening
	if w != nil {
		for o := range w.openings() {
			fits := (old == nil || f.Canonical(*old) == o.old) && (now == nil || f.Canonical(*now) == o.now)
			if fits && (best.now == "" || o.plainness(f) > best.plainness(f)) {
				best = o
			}
		}
	}
	before, after = exampleText(f, best.old, "old"), exampleText(f, best.now, "new")
	if old != nil {
		before = f.Canonical(*old)
	}
	if now != nil {
		after = f.Canonical(*now)
	}
	return before, after
}

// plainness is higher for what shows better what a rule is about.
func (o opening) plainness(f phone.Field) (n int) {
	for _, v := range []string{o.old, o.now} {
		if _, on := f.Rank(v); on || !f.IsEnum() && v == unlistedValue {
			n += 2
		} else if v != "" && f.IsEnum() && f.Listed(v) {
			n++
		}
	}
	return n
}

// exampleText is a value that stands for any that nobody has named.
func exampleText(f phone.Field, v, which string) string {
	switch {
	case v != unlistedValue:
		return v
	case f.IsEnum():
		return "SOMETHING_" + strings.ToUpper(which)
	case f.IsURL():
		return "https://" + which + ".example.com/hook"
	default:
		return which + "-value"
	}
}

// openingsOf keeps the openings of a watch of the set, which are asked for
// often.
func (l *linter) openingsOf(w *fieldRule) []opening {
	list, ok := l.openings[w]
	if !ok {
		list = slices.Collect(w.openings())
		l.openings[w] = list
	}
	return list
}

// reach looks for rules, and fields and values of rules, that can never matter.
func (l *linter) reach() {
	for _, u := range l.set.rules {
		l.rule = u.name
		raw := l.rules[u.name]
		var dead []string
		var reached []*fieldRule
		for i := range l.set.fieldRules {
			w := &l.set.fieldRules[i]
			if w.rule != u {
				continue
			}
			if len(l.openingsOf(w)) > 0 {
				reached = append(reached, w)
			} else {
				dead = append(dead, w.field.String())
			}
		}
		switch at := raw.name.node.at; {
		case len(reached) == 0:
			l.warn(at, checkImpossible, l.whyDead(u), "the rule can never open")
		case len(dead) > 0:
			l.warn(fieldPlace(raw, dead[0]), checkImpossible, "give it a rule of its own, or leave it out", "the rule can never open on %s", strings.Join(dead, ", "))
		}
		l.rule = ""
	}
}

func (l *linter) whyDead(u *rule) string {
	for i := range l.set.fieldRules {
		w := l.set.fieldRules[i]
		if w.rule != u {
			continue
		}
		bare := *w.rule
		bare.where = nil
		w.rule = &bare
		for range w.openings() {
			return "where contradicts on, to or from"
		}
	}
	return "to, from and direction contradict each other"
}

func fieldPlace(raw *rawRule, field string) position {
	for _, t := range raw.on {
		if t.value == field {
			return t.node.at
		}
	}
	return raw.name.node.at
}

// shadows looks for rules of which nobody hears anything that another has not
// said, and for what holds rules back for ever or never.
func (l *linter) shadows() {
	for _, a := range l.set.rules {
		l.rule = a.name
		for _, b := range l.set.rules {
			if a != b && l.shadowed(a, b) {
				l.warn(l.rules[a.name].name.node.at, checkDuplicate, "remove one of them, or tell them apart with to, where, severity or notify",
					"whenever it opens, rule %q opens as well and tells the same channels", b.name)
				break
			}
		}
		l.inhibitions(a)
		l.rule = ""
	}
}

// shadowed reports whether b says all that a says. Of two that are alike, the
// second in the file is the one to go.
func (l *linter) shadowed(a, b *rule) bool {
	if a.severity < b.severity || a.once != b.once || a.delay != b.delay || len(b.mute) > 0 || len(b.inhibitedBy) > 0 {
		return false
	}
	for _, c := range a.channels {
		if !slices.Contains(b.channels, c) {
			return false
		}
	}
	if !l.covers(b, a) {
		return false
	}
	twins := a.severity == b.severity && len(a.channels) == len(b.channels) && len(a.mute) == 0 && len(a.inhibitedBy) == 0 && l.covers(a, b)
	first, second := l.rules[a.name].at, l.rules[b.name].at
	return !twins || first.line > second.line || first.line == second.line && first.column > second.column
}

// covers reports whether b opens on every change on which a may open.
func (l *linter) covers(b, a *rule) bool {
	some := false
	for i := range l.set.fieldRules {
		w := &l.set.fieldRules[i]
		if w.rule != a {
			continue
		}
		other := l.set.fieldRule(b.name, w.field)
		for _, o := range l.openingsOf(w) {
			if other == nil || !other.opensOn(o.old, o.now) || !sureOf(other, w, o) {
				return false
			}
			some = true
		}
	}
	return some
}

// sureOf reports whether every condition of b holds where those of a do.
func sureOf(b, a *fieldRule, o opening) bool {
	k := factsOf(b, o.old, o.now)
	return !slices.ContainsFunc(b.where, func(c *condition) bool {
		same := slices.ContainsFunc(a.where, func(o *condition) bool { return o.source == c.source })
		return !same && !c.always(k)
	})
}

func (l *linter) inhibitions(a *rule) {
	for _, t := range l.rules[a.name].inhibitedBy {
		b := l.set.byName[t.value]
		switch {
		case b.once:
			l.warn(t.node.at, checkInhibition, "only a rule that stays open can hold back another", "rule %q speaks once, so it never holds this one back", b.name)
		case !slices.ContainsFunc(a.fields, func(f phone.Field) bool {
			return slices.ContainsFunc(b.fields, func(g phone.Field) bool { return around(g, f) })
		}):
			l.warn(t.node.at, checkInhibition, "a rule holds back alerts of the same number, or of those in its space or account",
				"rule %q is never about what this rule's numbers are in", b.name)
		}
	}
}

// around reports whether an alert on field g may be of the subject of one on f,
// or of the space or account that this is in.
func around(g, f phone.Field) bool {
	ofNumber := func(f phone.Field) bool { return f.OfNumber() || f == phone.Presence }
	switch {
	case ofNumber(f):
		return ofNumber(g) || g == phone.Poll
	default:
		return g == f
	}
}
