package lint

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/rules"
)

// lintRule looks at one rule.
func (l *linter) lintRule(r ruleAt) {
	at := r.spec.Name.At
	if len(r.Channels)+len(r.spec.Notify)+len(l.spec.Defaults.Notify) == 0 { // else a floor decides
		l.warn(at, r.Name, noChannel, "name one in notify or in defaults.notify", "the rule notifies no channel")
	}
	if r.Severity == alert.Critical && r.Action == "" {
		l.warn(at, r.Name, noAction, "say what to do in action", "a critical rule that does not say what to do")
	}
	if 0 < r.For && r.For < l.facts.MaxAge && slices.ContainsFunc(r.On, ofNumber) {
		l.warn(r.spec.For.At, r.Name, shortFor, "at least "+phone.Duration(l.facts.MaxAge)+", the longest time between two polls",
			"for: %s ends before the number is polled again, so it only delays the alert", phone.Duration(r.For))
	}
	l.checkReach(r)
	l.checkTexts(r)
	l.checkChannels(r)
	l.checkDigests(r)
	l.checkDuplicate(r)
	l.checkInhibition(r)
}

// ofNumber reports whether polls bring the field, which is numwatch's own
// otherwise.
func ofNumber(f phone.Field) bool { return f.OfNumber() || f == phone.Presence }

// change is a change of a field's value.
type change struct {
	field    phone.Field
	old, now string
}

// changes yields the changes of a rule's fields among documented values, those
// that it names and one that stands for others.
func (l *linter) changes(r ruleAt) iter.Seq[change] {
	return func(yield func(change) bool) {
		for _, f := range r.On {
			values := l.set.Values(f, r.Name)
			for _, old := range values {
				for _, now := range values {
					if (old != now || old == rules.OtherValue) && !yield(change{f, old, now}) {
						return
					}
				}
			}
		}
	}
}

// openings yields the changes on which the rule may open.
func (l *linter) openings(r ruleAt) iter.Seq[change] {
	return func(yield func(change) bool) {
		for c := range l.changes(r) {
			if clause, _ := l.set.Opens(r.Name, c.field, c.old, c.now); clause == rules.None && !yield(c) {
				return
			}
		}
	}
}

// checkReach looks for rules, and fields of rules, that can never open.
func (l *linter) checkReach(r ruleAt) {
	why := "to, from and direction contradict each other"
	opens := map[phone.Field]bool{}
	for c := range l.changes(r) {
		switch clause, _ := l.set.Opens(r.Name, c.field, c.old, c.now); clause {
		case rules.None:
			opens[c.field] = true
		case rules.Where:
			why = "where contradicts on, to or from"
		}
	}
	var dead []string
	at := r.spec.Name.At
	for _, part := range r.spec.On {
		if !opens[part.Value] {
			if len(dead) == 0 {
				at = part.At
			}
			dead = append(dead, part.Value.String())
		}
	}
	switch {
	case len(opens) == 0:
		l.warn(r.spec.Name.At, r.Name, impossible, why, "the rule can never open")
	case len(dead) > 0:
		l.warn(at, r.Name, impossible, "give it a rule of its own, or leave it out", "the rule can never open on %s", strings.Join(dead, ", "))
	}
}

// checkTexts looks for texts of values that the rule never opens for.
func (l *linter) checkTexts(r ruleAt) {
	opensFor := map[string]bool{}
	for c := range l.openings(r) {
		opensFor[c.now] = true
	}
	if len(opensFor) == 0 || opensFor[rules.OtherValue] {
		return // it never opens, or any value may come
	}
	used := slices.Sorted(maps.Keys(opensFor))
	for _, texts := range []rules.Texts{r.spec.Title, r.spec.Summary, r.spec.Action} {
		for _, text := range texts.ByValue {
			v := text.Value.Value
			if !slices.ContainsFunc(r.On, func(f phone.Field) bool { return opensFor[f.Canonical(v)] }) {
				l.warn(text.Value.At, r.Name, unusedText, diagnostic.DidYouMean(v, used), "the rule never opens for %q", v)
			}
		}
	}
}

// checkChannels looks for channels that are named for a rule, and whose where is
// false whenever it opens.
func (l *linter) checkChannels(r ruleAt) {
	for _, name := range r.spec.Notify {
		i := slices.IndexFunc(l.spec.Channels, func(c rules.ChannelSpec) bool { return c.Name.Value == name.Value })
		if floor := l.spec.Channels[i].Severity; floor.Given() && r.Severity > floor.Value {
			l.warn(name.At, r.Name, deafChannel, "its severity is "+floor.Value.String(), "channel %q never gets this rule's alerts", name.Value)
			continue
		}
		deaf, some := true, false
		for c := range l.openings(r) {
			deaf, some = deaf && l.set.Deaf(name.Value, r.Name, c.field, c.old, c.now), true
		}
		if deaf && some {
			l.warn(name.At, r.Name, deafChannel, "its where is "+l.spec.Channels[i].Where.Value, "channel %q never gets this rule's alerts", name.Value)
		}
	}
}

// checkDigests looks for urgent alerts that only a digest reports.
func (l *linter) checkDigests(r ruleAt) {
	digests := map[string]string{}
	for _, c := range l.set.Channels() {
		if c.Digest != nil {
			digests[c.Name] = c.Digest.Text
		}
	}
	if r.spec.Escalate != nil {
		for _, to := range r.spec.Escalate.To {
			if when, ok := digests[to.Value]; ok {
				l.warn(to.At, r.Name, lateChannel, "escalate to a channel that gets messages", "channel %q gets digests only (%s)", to.Value, when)
			}
		}
	}
	late := func(name string) bool { return digests[name] != "" }
	if r.Severity == alert.Critical && len(r.Channels) > 0 && !slices.ContainsFunc(r.Channels, func(name string) bool { return !late(name) }) {
		l.warn(r.spec.Name.At, r.Name, lateChannel, "notify a channel that gets messages as well", "a critical rule that only digests report")
	}
}

// checkDuplicate looks for a rule that reports all that this one reports. Of two
// that are alike, the second in the file is the one to go.
func (l *linter) checkDuplicate(r ruleAt) {
	for _, o := range l.rules {
		if o.Name != r.Name && l.covers(o, r) && !(l.covers(r, o) && before(r.spec.At, o.spec.At)) {
			l.warn(r.spec.Name.At, r.Name, duplicate, "remove one of them, or tell them apart with to, where, severity or notify",
				"whenever it opens, rule %q opens as well and notifies the same channels", o.Name)
			return
		}
	}
}

func before(a, b diagnostic.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}

// covers reports whether b notifies all channels of a, as loudly, on every change
// on which a may open.
func (l *linter) covers(b, a ruleAt) bool {
	held := len(l.spec.MutesOf(b.spec)) > 0 || len(b.spec.InhibitedBy) > 0
	if a.Severity < b.Severity || a.Once != b.Once || a.For != b.For || held || b.Where != "" && b.Where != a.Where {
		return false
	}
	if slices.ContainsFunc(a.Channels, func(c string) bool { return !slices.Contains(b.Channels, c) }) {
		return false
	}
	some := false
	for c := range l.openings(a) {
		if clause, _ := l.set.Opens(b.Name, c.field, c.old, c.now); clause != rules.None {
			return false
		}
		some = true
	}
	return some
}

// checkInhibition looks for rules that never hold this one back.
func (l *linter) checkInhibition(r ruleAt) {
	for _, name := range r.spec.InhibitedBy {
		by := l.rule(name.Value)
		related := func(f phone.Field) bool {
			return slices.ContainsFunc(by.On, func(g phone.Field) bool { return around(g, f) })
		}
		if by.Once {
			l.warn(name.At, r.Name, idleInhibition, "only a rule that stays open can hold back another", "rule %q closes at once, so it never holds this one back", by.Name)
		} else if !slices.ContainsFunc(r.On, related) {
			l.warn(name.At, r.Name, idleInhibition, "a rule holds back alerts of the same number, or of those in its space or account",
				"rule %q never fires for the same number, or for its space or account", by.Name)
		}
	}
}

// around reports whether an alert on field g may be of the subject of one on f,
// or of the space or account that this is in.
func around(g, f phone.Field) bool {
	if ofNumber(f) {
		return ofNumber(g) || g == phone.Poll
	}
	return g == f
}
