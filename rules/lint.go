package rules

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Facts is what lint may know beside the file. Members that are zero are not
// known, and the checks that need them say nothing.
type Facts struct {
	// Spaces are those of the configuration, for labels.
	Spaces []phone.Space
	// MaxAge is the longest time that a number goes without a look.
	MaxAge time.Duration
	// Seen is the values that numbers have or had, by the log.
	Seen map[phone.Field]map[string]bool
}

// Lint returns everything that is wrong in a rules file or suspicious, in the
// order of the file, less what its comments ask to ignore. What is wrong
// (Error) keeps Parse from taking the file; of such a file nothing else is
// looked at.
func Lint(file string, data []byte, known Facts) Problems {
	r := &report{src: newSource(file, data)}
	set, raw := r.read(len(data))
	if len(r.errors) > 0 {
		return append(r.errors, r.warnings...).sorted()
	}
	l := linter{report: r, facts: known, set: set, raw: raw, rules: map[string]*rawRule{}, openings: map[*fieldRule][]opening{}}
	for i := range raw.rules {
		l.rules[raw.rules[i].name.value] = &raw.rules[i]
	}
	l.seen()
	l.names()
	l.reach()
	for _, u := range set.rules {
		l.rule = u.name
		l.lintRule(u, l.rules[u.name])
		l.rule = ""
	}
	l.shadows()
	ignored := readIgnores(r)
	return ignored.without(r, r.warnings.sorted()).sorted()
}

// Worst is the level of the worst problem; false if there is none.
func (ps Problems) Worst() (Level, bool) {
	if len(ps) == 0 {
		return Note, false
	}
	return slices.MinFunc(ps, func(a, b Problem) int { return int(a.Level) - int(b.Level) }).Level, true
}

// linter looks at a file that is without errors.
type linter struct {
	*report
	facts Facts
	set   *Set
	raw   rawFile
	rules map[string]*rawRule

	openings map[*fieldRule][]opening
}

// Check is one thing that lint looks for.
type Check struct {
	Name  string `json:"name"`
	Level Level  `json:"level"`
	Text  string `json:"text"` // what it finds
}

// The checks' names, as in `# numwatch:ignore NAME`.
const (
	checkInvalid       = "invalid"
	checkUndocumented  = "undocumented-value"
	checkImpossible    = "impossible"
	checkDuplicate     = "duplicate"
	checkNoChannel     = "no-channel"
	checkDeafChannel   = "deaf-channel"
	checkUnusedChannel = "unused-channel"
	checkUnusedMute    = "unused-mute-time"
	checkInhibition    = "idle-inhibition"
	checkNoAction      = "no-action"
	checkShortFor      = "short-for"
	checkUnknownLabel  = "unknown-label"
	checkIgnore        = "ignore"
)

// Checks lists everything that lint looks for.
func Checks() []Check {
	return []Check{
		{checkInvalid, Error, "the file does not say what a rules file says: syntax, keys, names, values, expressions, names given twice, circles of inhibited_by. Cannot be ignored"},
		{checkUndocumented, Warning, "a value in to, from or a condition that is not documented and, with a log, was never seen"},
		{checkImpossible, Warning, "a rule, or one of its fields, that can never open"},
		{checkDuplicate, Warning, "a rule that opens only when another has told the same channels as loudly"},
		{checkNoChannel, Warning, "a rule without a channel: only NATS and the pages carry it"},
		{checkDeafChannel, Warning, "a rule names a channel whose where never lets it through"},
		{checkUnusedChannel, Warning, "a channel that no rule speaks to"},
		{checkUnusedMute, Warning, "a mute time that no rule uses"},
		{checkInhibition, Warning, "an inhibited_by that never holds anything back"},
		{checkNoAction, Warning, "a critical rule that does not say what to do"},
		{checkShortFor, Warning, "a for shorter than the time between two looks at a number (poll.max_age, or longer where the limit does not suffice for it)"},
		{checkUnknownLabel, Warning, "a label, or a label's value, that no space of the configuration has"},
		{checkIgnore, Note, "a numwatch:ignore comment that names no check, or has nothing to ignore"},
	}
}

func levelOf(check string) Level {
	for _, c := range Checks() {
		if c.Name == check {
			return c.Level
		}
	}
	return Error
}

func checkNames() []string {
	var list []string
	for _, c := range Checks() {
		list = append(list, c.Name)
	}
	return list
}

// seen drops what is said of values that the log knows, and says of the others
// that it does not.
func (l *linter) seen() {
	if l.facts.Seen == nil {
		return
	}
	l.warnings = slices.DeleteFunc(l.warnings, func(p Problem) bool {
		for f := range phone.Fields() {
			if p.Check == checkUndocumented && p.of.Has(f) && l.facts.Seen[f][p.value] {
				return true
			}
		}
		return false
	})
	for i := range l.warnings {
		if l.warnings[i].Check == checkUndocumented {
			l.warnings[i].Text += ", and the log has never seen it"
		}
	}
}

// names looks for channels and mute times that nobody uses, and for labels.
func (l *linter) names() {
	for _, c := range l.raw.channels {
		at := c.name.node.at
		if !l.speaksTo(c.name.value) {
			l.warn(at, checkUnusedChannel, "name it in notify or escalate, or remove it", "no rule speaks to channel %q", c.name.value)
		}
	}
	for _, m := range l.raw.muteTimes {
		used := slices.ContainsFunc(l.raw.rules, func(u rawRule) bool { return slices.Contains(values(u.mute), m.name.value) })
		if !used {
			l.warn(m.name.node.at, checkUnusedMute, "name it in a rule's mute, or remove it", "no rule uses mute time %q", m.name.value)
		}
	}
	if len(l.facts.Spaces) > 0 {
		l.checkLabels()
	}
}

func (l *linter) speaksTo(channel string) bool {
	return slices.ContainsFunc(l.set.rules, func(u *rule) bool {
		return slices.Contains(channelNames(u.channels), channel) || u.escalate != nil && slices.Contains(u.escalate.to, channel)
	})
}

func (l *linter) checkLabels() {
	known := map[string]map[string]bool{}
	for _, s := range l.facts.Spaces {
		for k, v := range s.Labels {
			if known[k] == nil {
				known[k] = map[string]bool{}
			}
			known[k][v] = true
		}
	}
	for _, u := range l.labels {
		l.rule = u.rule
		switch {
		case known[u.key] == nil && !u.compared:
			l.warn(u.at, checkUnknownLabel, didYouMean(u.key, sortedKeys(known)), "no space has a label %q", u.key)
		case known[u.key] != nil && u.compared && u.value != "" && !known[u.key][u.value]:
			l.warn(u.at, checkUnknownLabel, didYouMean(u.value, sortedKeys(known[u.key])), "no space has %s %q", u.key, u.value)
		}
		l.rule = ""
	}
}

// lintRule looks at one rule on its own.
func (l *linter) lintRule(u *rule, raw *rawRule) {
	at := raw.name.node.at
	if len(u.channels) == 0 {
		l.warn(at, checkNoChannel, "name one in notify or in defaults.notify", "the rule speaks to no channel")
	}
	if u.severity == alert.Critical && u.action.source == "" {
		l.warn(at, checkNoAction, "say what to do in action", "a critical rule that does not say what to do")
	}
	if d := raw.delay; d.node != nil && 0 < d.value && d.value < l.facts.MaxAge && !onlyOwn(u.fields) {
		l.warn(d.node.at, checkShortFor, "at least "+phone.Duration(l.facts.MaxAge)+", which the schedule allows between two looks",
			"for: %s is over before the number is looked at again: it delays, but waits for nothing", phone.Duration(d.value))
	}
	l.checkChannels(u, raw)
}

// onlyOwn reports whether the fields are numwatch's own, which no poll brings.
func onlyOwn(fields []phone.Field) bool {
	return !slices.ContainsFunc(fields, func(f phone.Field) bool { return f.OfNumber() || f == phone.Presence })
}

func (l *linter) checkChannels(u *rule, raw *rawRule) {
	for _, t := range raw.notify {
		i := slices.IndexFunc(u.channels, func(c *channel) bool { return c.Name == t.value })
		if i < 0 || u.channels[i].where == nil {
			continue
		}
		where := u.channels[i].where
		if l.neverOpensWith(u, where) {
			l.warn(t.node.at, checkDeafChannel, "its where is "+where.source, "channel %q never hears of this rule", t.value)
		}
	}
}

// neverOpensWith reports whether a condition is false whenever the rule opens;
// false for a rule that never does, which reach has told of.
func (l *linter) neverOpensWith(u *rule, c *condition) bool {
	never := false
	for _, f := range u.fields {
		w := l.set.fieldRule(u.name, f)
		for _, o := range l.openingsOf(w) {
			if !c.never(factsOf(w, o.old, o.now)) {
				return false
			}
			never = true
		}
	}
	return never
}
