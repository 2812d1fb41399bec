package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Parse compiles the content of a rules file; file is its name, for messages.
// The error is Problems: everything that is wrong, each with its place.
func Parse(file string, data []byte) (*Set, error) {
	r := &report{src: newSource(file, data)}
	set, _ := r.read(len(data))
	if len(r.errors) > 0 {
		return nil, r.errors.sorted()
	}
	set.warnings = r.warnings.sorted()
	return set, nil
}

// read compiles the source, and returns also what it holds as it is written.
// The set is of use only if there are no errors.
func (r *report) read(size int) (*Set, rawFile) {
	if size > maxSize {
		r.fail(position{1, 1}, "", "the file has %d bytes, more than %d", size, maxSize)
		return nil, rawFile{}
	}
	if r.src.check(r); len(r.errors) > 0 {
		return nil, rawFile{}
	}
	tree := parseTree(r)
	if tree == nil {
		return nil, rawFile{}
	}
	raw := r.file(tree)
	return newCompiler(r).compile(raw), raw
}

// defaultReopen is how long an alert can be taken up again where the file says
// nothing.
const defaultReopen = time.Hour

// compiler resolves the names of a file.
type compiler struct {
	*report
	channels map[string]*channel
	mutes    map[string]*muteTime
	rules    map[string]rawRule
	defaults []*condition
	notify   []term // of the defaults
}

func newCompiler(r *report) *compiler {
	return &compiler{
		report: r, channels: map[string]*channel{}, mutes: map[string]*muteTime{}, rules: map[string]rawRule{},
	}
}

func (c *compiler) compile(f rawFile) *Set {
	set := &Set{byName: map[string]*rule{}, adopters: map[string]*rule{}, reopenWithin: defaultReopen}
	for _, raw := range f.channels {
		c.channels[raw.name.value] = c.channel(raw)
	}
	for _, raw := range f.muteTimes {
		c.mutes[raw.name.value] = c.compileMute(raw)
	}
	c.compileDefaults(set, f.defaults)
	c.collectNames(f.rules)
	for _, raw := range f.rules {
		c.rule = raw.name.value
		c.addRule(set, raw)
		c.rule = ""
	}
	c.checkInhibition(f.rules)
	for _, name := range sortedKeys(c.channels) {
		set.channels = append(set.channels, c.channels[name])
	}
	slices.SortFunc(set.rules, func(a, b *rule) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(set.fieldRules, func(a, b fieldRule) int {
		return cmp.Or(strings.Compare(a.name, b.name), int(a.field)-int(b.field))
	})
	set.index = newIndex(set.fieldRules)
	return set
}

func (c *compiler) compileDefaults(set *Set, d rawDefaults) {
	c.notify = d.notify
	c.channelsOf(d.notify)
	if d.reopenWithin.node != nil {
		set.reopenWithin = d.reopenWithin.value
	}
	if d.remindEvery.node != nil {
		set.remindEvery = d.remindEvery.value
	}
	if w := c.compileWhere(d.where, nil); w != nil {
		c.defaults = append(c.defaults, w)
	}
}

// collectNames makes every rule known, so that rules can refer to later ones.
func (c *compiler) collectNames(rules []rawRule) {
	for _, raw := range rules {
		if !raw.name.given() {
			continue
		}
		c.rule = raw.name.value
		if first, ok := c.rules[raw.name.value]; ok {
			c.fail(raw.name.node.at, "", "a rule with this name stands on line %d", first.name.node.at.line)
		} else {
			c.rules[raw.name.value] = raw
		}
		c.rule = ""
	}
}

func (c *compiler) channel(raw rawChannel) *channel {
	for _, m := range raw.mention {
		if !isMention(m.value) {
			c.fail(m.node.at, "<@U…>, <!subteam^S…>, <!here> or <!channel>", "%q is no mention", m.value)
		}
	}
	if raw.slack.given() && !isSlackChannel(raw.slack.value) {
		c.fail(raw.slack.node.at, `an id like C0123456789, or a name like "#wa-ops"`, "%q is no channel of Slack", raw.slack.value)
	}
	return &channel{
		Channel: Channel{Name: raw.name.value, Slack: raw.slack.value, Mention: values(raw.mention)},
		where:   c.compileWhere(raw.where, nil),
	}
}

func isMention(s string) bool {
	inner, ok := strings.CutPrefix(s, "<")
	inner, closed := strings.CutSuffix(inner, ">")
	if !ok || !closed {
		return false
	}
	if inner == "!here" || inner == "!channel" {
		return true
	}
	for _, prefix := range []string{"@U", "@W", "!subteam^S"} {
		if id, ok := strings.CutPrefix(inner, prefix); ok {
			return isSlackID(id)
		}
	}
	return false
}

func isSlackID(s string) bool {
	return s != "" && leading(s, func(c byte) bool { return isDigit(c) || 'A' <= c && c <= 'Z' }) == s
}

func isSlackChannel(s string) bool {
	if name, ok := strings.CutPrefix(s, "#"); ok {
		return name != "" && len(name) <= 80*4 && !strings.ContainsAny(name, " #<>&\t\n")
	}
	return len(s) >= 9 && strings.ContainsRune("CGD", rune(s[0])) && isSlackID(s)
}

// channelsOf resolves names of channels: sorted, each once.
func (c *compiler) channelsOf(names []term) []*channel {
	var list []*channel
	for _, t := range names {
		ch, ok := c.channels[t.value]
		if !ok {
			c.fail(t.node.at, didYouMean(t.value, sortedKeys(c.channels)), "unknown channel %q", t.value)
			continue
		}
		list = append(list, ch)
	}
	slices.SortFunc(list, func(a, b *channel) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(list)
}

func (c *compiler) muteTimesOf(names []term) []*muteTime {
	var list []*muteTime
	for _, t := range names {
		m, ok := c.mutes[t.value]
		if !ok {
			c.fail(t.node.at, didYouMean(t.value, sortedKeys(c.mutes)), "unknown mute time %q", t.value)
			continue
		}
		list = append(list, m)
	}
	return list
}

func values(terms []term) []string {
	var list []string
	for _, t := range terms {
		list = append(list, t.value)
	}
	return list
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
