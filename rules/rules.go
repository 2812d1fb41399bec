// Package rules turns rules.yaml into compiled rules and judges changes by
// them: Parse reads the file strictly and reports every problem at once, with
// its place; Set.Step takes an input, the alerts as they stand and the time,
// and returns the alerts that the input moves.
//
// The package is pure: no I/O, no clock. The same input, alerts and time give
// the same result, whatever the order of the rules in the file. A Set is
// immutable and safe for concurrent use; a State belongs to one goroutine.
package rules

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Set is the compiled content of one rules.yaml.
type Set struct {
	rules      []*rule // by name
	byName     map[string]*rule
	adopters   map[string]*rule // by the old name that `was` gives
	channels   []*channel       // by name
	fieldRules []fieldRule      // by rule, then field
	index      index
	warnings   Problems
	holds      bool // some rule has mute, inhibited_by or escalate

	reopenWithin time.Duration
	remindEvery  time.Duration
}

// rule is a compiled rule.
type rule struct {
	name        string
	fields      []phone.Field // as in the file
	givenTo     []string      // as in the file
	givenFrom   []string
	severity    alert.Severity
	direction   phone.Direction // NoDirection: any
	where       []*condition    // the defaults' and its own: all must hold
	depends     phone.FieldSet  // what where looks at
	delay       time.Duration   // `for`
	once        bool
	summary     *text
	action      *text
	runbook     string
	channels    []*channel // by name, unique
	mute        []*muteTime
	inhibitedBy []string
	escalate    *escalation
	remindEvery time.Duration
	was         []string
}

// fieldRule is a rule on one of its fields: what an alert belongs to.
type fieldRule struct {
	*rule
	field    phone.Field
	to, from *matcher // of the field's values; nil: any
}

type channel struct {
	Channel
	where *condition // nil: always
}

type escalation struct {
	after time.Duration
	to    []string
}

// Channel is a place in Slack that rules speak to.
type Channel struct {
	Name    string
	Slack   string   // a channel's id, or its name with #
	Mention []string // <@U…>, <!subteam^S…>, <!here> or <!channel>
}

// Rule is what people need to see of a rule.
type Rule struct {
	Name      string
	On        []phone.Field
	To, From  []string // as written
	Direction phone.Direction
	Severity  alert.Severity
	For       time.Duration
	Once      bool
	Remind    time.Duration // how often an open alert is told again; 0: never
	Summary   string        // as written, holes included
	Action    string
	Runbook   string
	Channels  []string // names, sorted
}

// Warnings returns what is suspicious or without effect, but no error.
func (s *Set) Warnings() Problems { return slices.Clone(s.warnings) }

// Channels lists the channels by name.
func (s *Set) Channels() []Channel {
	list := make([]Channel, len(s.channels))
	for i, c := range s.channels {
		list[i] = c.Channel
		list[i].Mention = slices.Clone(c.Mention)
	}
	return list
}

// Rules lists the rules by name.
func (s *Set) Rules() []Rule {
	list := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		list[i] = Rule{
			Name: r.name, On: slices.Clone(r.fields), To: slices.Clone(r.givenTo), From: slices.Clone(r.givenFrom), Direction: r.direction, Severity: r.severity, For: r.delay, Once: r.once, Remind: r.remindEvery,
			Summary: r.summary.source, Action: r.action.source, Runbook: r.runbook,
			Channels: channelNames(r.channels),
		}
	}
	return list
}

// KeepClosed is how long closed alerts must stay in the State: a condition that
// comes back within reopen_within takes the last one up again, once it has held
// for as long as its rule wants.
func (s *Set) KeepClosed() time.Duration {
	longest := time.Duration(0)
	for _, r := range s.rules {
		longest = max(longest, r.delay)
	}
	return s.reopenWithin + longest
}

// fieldRule finds what an alert of the rule on the field belongs to, nil if the
// set has no such rule or the rule does not look at the field.
func (s *Set) fieldRule(rule string, f phone.Field) *fieldRule {
	if i, ok := s.index.byKey[ruleField{rule, f}]; ok {
		return &s.fieldRules[i]
	}
	return nil
}

func channelNames(channels []*channel) []string {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = c.Name
	}
	return names
}
