package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// What holds where the file says nothing: how long an alert can be reopened, and how
// long one that flaps must stay as it is.
const (
	defaultReopen = time.Hour
	defaultSettle = 15 * time.Minute
)

// Compile resolves the names of a spec and compiles its expressions. It reports
// everything that is wrong, each with its place; the set is nil if anything is.
// Of a spec that was read from a file with problems it reports what it can.
func Compile(spec Spec) (*Set, diagnostic.Problems) {
	c := compiler{
		spec: &spec, channels: map[string]*channel{}, mutes: map[string]*MuteTime{}, rules: map[string]*RuleSpec{},
		set: &Set{byName: map[string]*rule{}, successors: map[string]*rule{}, reopenWithin: defaultReopen, settleAfter: defaultSettle},
	}
	c.compile()
	if len(c.problems) > 0 {
		return nil, c.problems.Sorted()
	}
	return c.set, nil
}

// compiler turns a spec into a set.
type compiler struct {
	spec     *Spec
	set      *Set
	problems diagnostic.Problems
	rule     string // the one being compiled
	language phone.Language
	channels map[string]*channel
	mutes    map[string]*MuteTime
	rules    map[string]*RuleSpec
	defaults []*condition
	mute     []*MuteTime // of the defaults
}

func (c *compiler) fail(at diagnostic.Position, hint, format string, args ...any) {
	if len(c.problems) < diagnostic.MaxProblems {
		c.problems = append(c.problems, c.spec.Problem(at, c.rule, hint, fmt.Sprintf(format, args...)))
	}
}

func (c *compiler) compile() {
	for i := range c.spec.MuteTimes {
		c.mutes[c.spec.MuteTimes[i].Name.Value] = &c.spec.MuteTimes[i]
	}
	for _, s := range c.spec.Channels {
		c.channels[s.Name.Value] = &channel{
			Channel: Channel{Name: s.Name.Value, Kind: s.Kind, Target: s.Target.Value, Mention: s.Mention, Digest: s.Digest, Language: c.spec.LanguageOf(&s)}, where: c.compileWhere(s.Where, nil),
			mute: resolve(c, s.Mute, c.mutes, "mute time"), floor: s.Severity,
		}
	}
	c.set.followers = map[string]follower{}
	for _, name := range slices.Sorted(maps.Keys(c.channels)) {
		ch := c.channels[name]
		c.set.channels = append(c.set.channels, ch)
		if ch.Kind.Follows() {
			c.set.followers[name] = follower{ch.Target, ch.Kind}
		}
	}
	c.compileDefaults()
	c.collectNames()
	for i := range c.spec.Rules {
		c.rule = c.spec.Rules[i].Name.Value
		c.compileRule(&c.spec.Rules[i])
	}
	c.translate()
	c.rule = ""
	c.checkInhibition()
	slices.SortFunc(c.set.rules, func(a, b *rule) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.set.fieldRules, func(a, b fieldRule) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), int(a.field)-int(b.field))
	})
	c.set.index = newIndex(c.set.fieldRules)
	for _, m := range c.set.mentions {
		if m.Label == "" {
			c.set.warnings = append(c.set.warnings, c.spec.Undocumented(m))
		}
	}
}

func (c *compiler) compileDefaults() {
	d := &c.spec.Defaults
	resolve(c, d.Notify, c.channels, "channel")
	c.mute = resolve(c, d.Mute, c.mutes, "mute time")
	if d.ReopenWithin.Given() {
		c.set.reopenWithin = d.ReopenWithin.Value
	}
	if d.SettleAfter.Given() {
		c.set.settleAfter = d.SettleAfter.Value
	}
	if w := c.compileWhere(d.Where, nil); w != nil {
		c.defaults = append(c.defaults, w)
	}
}

// collectNames makes every rule known, so that rules can refer to later ones.
func (c *compiler) collectNames() {
	for i := range c.spec.Rules {
		r := &c.spec.Rules[i]
		if !r.Name.Given() {
			continue
		}
		c.rule = r.Name.Value
		if first, ok := c.rules[c.rule]; ok {
			c.fail(r.Name.At, "", "another rule, on line %d, has this name", first.Name.At.Line)
		} else {
			c.rules[c.rule] = r
		}
	}
	c.rule = ""
}

// resolve finds what names stand for; an unknown one is reported.
func resolve[T any](c *compiler, names []Part[string], known map[string]T, what string) (found []T) {
	for _, name := range names {
		if v, ok := known[name.Value]; ok {
			found = append(found, v)
		} else {
			c.fail(name.At, diagnostic.DidYouMean(name.Value, slices.Sorted(maps.Keys(known))), "unknown %s %q", what, name.Value)
		}
	}
	return found
}

// channelsOf resolves names of channels: sorted, each once.
func (c *compiler) channelsOf(names []Part[string]) []*channel {
	list := resolve(c, names, c.channels, "channel")
	slices.SortFunc(list, func(a, b *channel) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(list)
}

func channelNames(channels []*channel) []string {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = c.Name
	}
	return names
}

// compileRule compiles a rule and adds it to the set, as far as it is right.
func (c *compiler) compileRule(s *RuleSpec) {
	r := &rule{Rule: Rule{
		Name: s.Name.Value, On: values(s.On), To: values(s.To), From: values(s.From), Direction: s.Direction.Value, Where: s.Where.Value,
		Severity: s.Severity, For: s.For.Value, Once: s.Once, Title: s.Title.String(), Summary: s.Summary.String(), Action: s.Action.String(),
		Runbook: s.Runbook, Remind: cmp.Or(s.RemindEvery, c.spec.Defaults.RemindEvery).Value,
		Explain: cmp.Or(s.ExplainWith, c.spec.Defaults.ExplainWith).Value == ExplainWithHealth,
	}}
	if r.Once {
		r.Remind = 0
	}
	for _, f := range r.On {
		if s.Direction.Given() && !f.IsEnum() {
			c.fail(s.Direction.At, "its values have no order", "%s does not get better or worse", f)
		}
	}
	c.checkValues("to", r.On, s.To)
	c.checkValues("from", r.On, s.From)
	r.where = slices.Clone(c.defaults)
	if w := c.compileWhere(s.Where, r.On); w != nil {
		r.where = append(r.where, w)
	}
	for _, w := range r.where {
		r.depends |= w.depends
	}
	r.title, r.summary, r.action = c.compileTexts("title", s, &s.Title), c.compileTexts("summary", s, &s.Summary), c.compileTexts("action", s, &s.Action)
	c.references(r, s)
	c.set.rules = append(c.set.rules, r)
	c.set.byName[r.Name] = r
	for _, f := range r.On {
		c.set.fieldRules = append(c.set.fieldRules, fieldRule{r, f, matcherFor(f, r.To), matcherFor(f, r.From)})
	}
}

// references resolves what a rule names beside itself.
func (c *compiler) references(r *rule, s *RuleSpec) {
	everywhere := slices.DeleteFunc(slices.Clone(c.spec.Defaults.Notify), func(name Part[string]) bool {
		return c.channels[name.Value] == nil // reported where it stands
	})
	floor := c.spec.Defaults.Severity
	for _, ch := range c.channelsOf(slices.Concat(everywhere, s.Notify)) {
		named := slices.ContainsFunc(s.Notify, func(name Part[string]) bool { return name.Value == ch.Name })
		switch {
		case !ch.admits(r.Severity):
			r.withheld = append(r.withheld, ChannelVerdict{Channel: ch.Name, Text: fmt.Sprintf("it gets nothing less severe than %s, and the rule is %s", ch.floor.Value, r.Severity)})
		case !named && floor.Given() && r.Severity > floor.Value:
			r.withheld = append(r.withheld, ChannelVerdict{Channel: ch.Name, Text: fmt.Sprintf("defaults send it nothing less severe than %s, and the rule is %s and does not name it", floor.Value, r.Severity)})
		default:
			r.channels = append(r.channels, ch)
		}
	}
	r.Channels = channelNames(r.channels)
	r.mute = c.mute
	if s.MuteGiven {
		r.mute = resolve(c, s.Mute, c.mutes, "mute time")
	}
	r.inhibitedBy = values(s.InhibitedBy)
	if s.Escalate != nil {
		r.escalate = &escalation{s.Escalate.After, channelNames(c.channelsOf(s.Escalate.To))}
	}
	c.set.anyHeld = c.set.anyHeld || r.held()
	for _, old := range s.Was {
		successor := c.set.successors[old.Value]
		switch {
		case old.Value == r.Name:
			c.fail(old.At, "give the name that it had before", "was names the rule itself")
		case c.rules[old.Value] != nil:
			c.fail(old.At, "remove that rule, or this key", "was names %q, which is still a rule", old.Value)
		case successor != nil:
			c.fail(old.At, "", "rule %q is already the successor of %q", successor.Name, old.Value)
		default:
			c.set.successors[old.Value] = r
		}
	}
}

func values[T any](parts []Part[T]) (list []T) {
	for _, p := range parts {
		list = append(list, p.Value)
	}
	return list
}

// checkValues reports values that make no sense on any of the fields, and notes
// those that are not documented.
func (c *compiler) checkValues(what string, fields []phone.Field, values []Part[string]) {
	if len(fields) == 0 {
		return
	}
	enum := slices.ContainsFunc(fields, phone.Field.IsEnum)
	for _, v := range values {
		value, negated := strings.CutPrefix(v.Value, "!")
		switch {
		case value == unlisted && negated:
			c.fail(v.At, "name the values instead", "%q has no meaning in %s", v.Value, what)
		case value == unlisted && !enum:
			c.fail(v.At, "only fields with documented values have unlisted ones", "%q has no meaning on %s", unlisted, fieldNames(fields))
		case value != unlisted:
			c.mentionValue(v.At, fields, value)
		}
	}
}

// mentionValue notes a value that none of the fields is documented to have.
func (c *compiler) mentionValue(at diagnostic.Position, fields []phone.Field, v string) {
	if !slices.ContainsFunc(fields, func(f phone.Field) bool { return f.Listed(f.Canonical(v)) }) {
		c.set.mentions = append(c.set.mentions, Mention{Rule: c.rule, At: at, Fields: fields, Value: v})
	}
}

// checkInhibition reports unknown rules, and cycles: rules that hold back each
// other would all stay held.
func (c *compiler) checkInhibition() {
	done := map[string]bool{}
	for i := range c.spec.Rules {
		r := &c.spec.Rules[i]
		c.rule = r.Name.Value
		for _, by := range r.InhibitedBy {
			if by.Value == c.rule {
				c.fail(by.At, "", "a rule cannot inhibit itself")
			} else if c.rules[by.Value] == nil {
				c.fail(by.At, diagnostic.DidYouMean(by.Value, slices.Sorted(maps.Keys(c.rules))), "unknown rule %q", by.Value)
			}
		}
		if r.Name.Given() {
			c.findCycles(c.rule, nil, done)
		}
	}
	c.rule = ""
}

// inhibition is a rule with one of those that it is inhibited by.
type inhibition struct {
	rule string
	by   Part[string]
}

// findCycles goes from rule to rule, depth first, and reports what leads back
// to a rule on its path. Rules that are done lead nowhere new.
func (c *compiler) findCycles(rule string, path []inhibition, done map[string]bool) {
	for _, by := range c.rules[rule].InhibitedBy {
		if done[by.Value] || by.Value == rule || c.rules[by.Value] == nil || len(c.problems) >= diagnostic.MaxProblems {
			continue
		}
		along := append(path, inhibition{rule, by})
		i := slices.IndexFunc(along, func(in inhibition) bool { return in.rule == by.Value })
		if i < 0 {
			c.findCycles(by.Value, along, done)
			continue
		}
		for _, in := range along[i:] {
			c.rule = in.rule
			c.fail(in.by.At, "leave one of them out", "%q is itself held back by this rule", in.by.Value)
		}
	}
	done[rule] = true
}
