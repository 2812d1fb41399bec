// Package lint looks for mistakes in rules files that compile, and for values
// that no rule covers. It imports rules and rulefile; the commands call it.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
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
	// Texts are those of the rules in other languages.
	Texts []rulefile.Texts
}

// Check is one thing that lint looks for.
type Check struct {
	Name  string           `json:"name"`
	Level diagnostic.Level `json:"level"`
	Text  string           `json:"text"` // what it finds
}

// The checks' names, as in `# numwatch:ignore NAME`, beside those of rules.
const (
	impossible     = "impossible"
	duplicate      = "duplicate"
	noChannel      = "no-channel"
	deafChannel    = "deaf-channel"
	unusedChannel  = "unused-channel"
	lateChannel    = "late-channel"
	unusedMute     = "unused-mute-time"
	idleInhibition = "idle-inhibition"
	noAction       = "no-action"
	unusedText     = "unused-text"
	shortFor       = "short-for"
	unknownLabel   = "unknown-label"
	untranslated   = "untranslated"
	unknownRule    = "unknown-rule"
	ignoreNothing  = "ignore"
)

// Checks lists everything that lint looks for.
func Checks() []Check {
	return []Check{
		{diagnostic.Invalid, diagnostic.Error, "not a valid rules file: syntax, keys, names, values, expressions, names given twice, cycles of inhibited_by. Cannot be ignored"},
		{rules.UndocumentedValue, diagnostic.Warning, "a value in to, from or a condition that is not documented and, with a log, was never seen"},
		{impossible, diagnostic.Warning, "a rule, or one of its fields, that can never open"},
		{duplicate, diagnostic.Warning, "a rule that opens only when another one notifies the same channels with the same or a higher severity"},
		{noChannel, diagnostic.Warning, "a rule without a channel: its alerts appear on NATS and the pages only"},
		{deafChannel, diagnostic.Warning, "a rule notifies a channel whose where never matches it"},
		{unusedChannel, diagnostic.Warning, "a channel that no rule notifies"},
		{lateChannel, diagnostic.Warning, "an escalation to a channel that gets digests, or a critical rule that notifies only such channels"},
		{unusedMute, diagnostic.Warning, "a mute time that nothing uses"},
		{idleInhibition, diagnostic.Warning, "an inhibited_by that never holds anything back"},
		{noAction, diagnostic.Warning, "a critical rule that does not say what to do"},
		{unusedText, diagnostic.Warning, "a title, summary or action for a value that its rule never opens for"},
		{shortFor, diagnostic.Warning, "a for shorter than the time between two polls of a number (poll.max_age, or longer if the limit is too low)"},
		{unknownLabel, diagnostic.Warning, "a label, or a label's value, that no space of the configuration has"},
		{untranslated, diagnostic.Warning, "a rule without texts in the language of a channel: there it is English"},
		{unknownRule, diagnostic.Warning, "texts of a rule that does not exist"},
		{ignoreNothing, diagnostic.Note, "a numwatch:ignore comment that names no check, or has nothing to ignore"},
	}
}

func checkNames() []string {
	var list []string
	for _, c := range Checks() {
		list = append(list, c.Name)
	}
	return list
}

// Lint returns the errors of a rules file, or else its warnings and notes, in the
// order of the file, less what its comments ask to ignore. A file with errors,
// which no bot takes, is not looked at otherwise.
func Lint(file string, data []byte, known Facts) diagnostic.Problems {
	spec, problems := rulefile.Parse(file, data, known.Texts...)
	set, more := rules.Compile(spec)
	if problems = append(problems, more...); len(problems) > 0 {
		return problems.Sorted()
	}
	l := linter{facts: known, spec: &spec, set: set}
	for _, r := range set.Rules() {
		i := slices.IndexFunc(spec.Rules, func(s rules.RuleSpec) bool { return s.Name.Value == r.Name })
		l.rules = append(l.rules, ruleAt{r, &spec.Rules[i]})
	}
	l.values()
	l.labels()
	l.unused()
	l.translations()
	for _, r := range l.rules {
		l.lintRule(r)
	}
	ignored := l.readIgnores()
	return ignored.apply(&l)
}

// Worst returns the worst level of the problems; false if there is none.
func Worst(found diagnostic.Problems) (diagnostic.Level, bool) {
	if len(found) == 0 {
		return diagnostic.Note, false
	}
	return slices.MinFunc(found, func(a, b diagnostic.Problem) int { return cmp.Compare(a.Level, b.Level) }).Level, true
}

// linter looks at a file that is without errors.
type linter struct {
	facts Facts
	spec  *rules.Spec
	set   *rules.Set
	rules []ruleAt // by name
	found diagnostic.Problems
}

// ruleAt is a compiled rule with what the file says of it.
type ruleAt struct {
	rules.Rule
	spec *rules.RuleSpec
}

// rule finds the rule with the name, which there is.
func (l *linter) rule(name string) ruleAt {
	i, _ := slices.BinarySearchFunc(l.rules, name, func(r ruleAt, name string) int { return strings.Compare(r.Name, name) })
	return l.rules[i]
}

// warn reports what a check found; rule is empty for what is in none.
func (l *linter) warn(at diagnostic.Position, rule, check, hint, format string, args ...any) {
	p := l.spec.Problem(at, rule, hint, fmt.Sprintf(format, args...))
	p.Check, p.Level = check, diagnostic.Warning
	if check == ignoreNothing {
		p.Level = diagnostic.Note
	}
	l.found = append(l.found, p)
}
