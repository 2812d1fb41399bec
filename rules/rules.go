// Package rules turns what a rules file says into compiled rules and judges
// changes by them: Compile resolves the names of a Spec and compiles its
// expressions, reporting every problem at once; Set.Step takes an input, the
// alerts as they stand and the time, and returns the alerts that the input moves.
// rulefile reads a Spec from YAML, lint looks for mistakes in files that compile.
//
// The package is pure: no I/O, no clock. The same input, alerts and time give
// the same result, whatever the order of the rules in the file. A Set is
// immutable and safe for concurrent use; a State belongs to one goroutine.
package rules

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// Set is the compiled content of one rules file.
type Set struct {
	rules      []*rule // by name
	byName     map[string]*rule
	successors map[string]*rule // by the old name that `was` gives
	channels   []*channel       // by name
	fieldRules []fieldRule      // by rule, then field
	index      index
	mentions   []Mention
	warnings   diagnostic.Problems
	anyHeld    bool                // some rule may be held back, or escalates
	followers  map[string]follower // by the names of the channels that lead to them

	reopenWithin time.Duration
	settleAfter  time.Duration
}

// Rule is what people need to see of a rule.
type Rule struct {
	Name      string
	On        []phone.Field
	To, From  []string        // as written
	Direction phone.Direction // NoDirection: any
	Where     string          // its own condition, beside that of the defaults
	Severity  alert.Severity
	For       time.Duration
	Once      bool
	Remind    time.Duration // how often people are reminded of an open alert; 0: never
	Title     string        // as written, holes included; of texts by value, all of them
	Summary   string
	Action    string
	Runbook   string
	Channels  []string // names, sorted
	Explain   bool     // its alerts on numbers are explained by what the provider says
}

// rule is a compiled rule.
type rule struct {
	Rule
	where       []*condition   // the defaults' and its own: all must hold
	depends     phone.FieldSet // what where looks at
	title       *texts
	summary     *texts
	action      *texts
	translated  []translation
	channels    []*channel       // by name, unique
	withheld    []ChannelVerdict // those that it would notify if it were more severe
	mute        []*MuteTime
	inhibitedBy []string
	escalate    *escalation
}

// held reports whether something may hold the rule back or escalate it.
func (r *rule) held() bool {
	return len(r.mute) > 0 || len(r.inhibitedBy) > 0 || r.escalate != nil || slices.ContainsFunc(r.channels, func(c *channel) bool { return len(c.mute) > 0 })
}

// fieldRule is a rule on one of its fields: what an alert belongs to.
type fieldRule struct {
	*rule
	field    phone.Field
	to, from *matcher // nil: any value
}

type channel struct {
	Channel
	where *condition // nil: always
	mute  []*MuteTime
	floor Part[alert.Severity]
}

// admits reports whether the channel takes anything of a severity.
func (c *channel) admits(s alert.Severity) bool { return !c.floor.Given() || s <= c.floor.Value }

// mutedAt returns the mute time in which the channel begins nothing, nil if there is none.
func (c *channel) mutedAt(now time.Time) *MuteTime {
	for _, m := range c.mute {
		if m.covers(now) {
			return m
		}
	}
	return nil
}

type escalation struct {
	after time.Duration
	to    []string
}

// Kind is what a channel is in: where the key in rules.yaml has the same name.
type Kind string

// The kinds of channels.
const (
	Slack        Kind = "slack"
	Webhook      Kind = "webhook"
	Alertmanager Kind = "alertmanager"
	DingTalk     Kind = "dingtalk"
	Feishu       Kind = "feishu"
	WeCom        Kind = "wecom"
)

// Configured lists the kinds whose channels config.yaml describes: there the kind is the
// type of an entry below channels, and rules.yaml gives the entry's name.
func Configured() []Kind { return []Kind{Webhook, Alertmanager, DingTalk, Feishu, WeCom} }

// Mentions reports whether messages can mention people.
func (k Kind) Mentions() bool { return k == Slack || k.Chats() }

// Chats reports whether a robot tells a group, in a chat where nothing can be edited.
func (k Kind) Chats() bool { return k == DingTalk || k == Feishu || k == WeCom }

// TakesEvents reports whether a channel gets what happens as it happens, whatever holds
// an alert back.
func (k Kind) TakesEvents() bool { return k == Webhook }

// Follows reports whether a channel that got an alert gets all that happens to it until
// its end, whatever becomes of the channel in rules.yaml.
func (k Kind) Follows() bool { return k == Webhook || k == Alertmanager }

// follower is where a channel leads that follows alerts to their end.
type follower struct {
	name string // in config.yaml
	kind Kind
}

// Channel is a place that rules notify.
type Channel struct {
	Name    string
	Kind    Kind
	Target  string   // in Slack a channel's id, or its name with #; else the name of a channel in config.yaml
	Mention []string // in Slack: <@U…>, <!subteam^S…>, <!here> or <!channel>; else all, user:ID or mobile:NUMBER
	// Digest is when it sums up what happened; nil: it gets messages as things happen.
	Digest *alert.Schedule

	Language phone.Language // of its messages
}

// Mention is an undocumented value, or a label, that a file uses.
type Mention struct {
	Rule     string
	At       diagnostic.Position
	Fields   []phone.Field // none of which is documented to have Value
	Label    string
	Value    string // that a label is compared with, if it is Compared
	Compared bool
}

// Warnings returns the warnings of compiling: values that are not documented.
func (s *Set) Warnings() diagnostic.Problems { return slices.Clone(s.warnings) }

// Mentions lists the labels that the set names, and the values that are not
// documented. It is not to be modified.
func (s *Set) Mentions() []Mention { return s.mentions }

// Channels lists the channels by name.
func (s *Set) Channels() []Channel {
	list := make([]Channel, len(s.channels))
	for i, c := range s.channels {
		list[i] = c.Channel
	}
	return list
}

// ChannelsWithMessages lists the channels in Slack that show alerts as they happen, by name.
func (s *Set) ChannelsWithMessages() []Channel {
	return slices.DeleteFunc(s.ChannelsIn(Slack), func(c Channel) bool { return c.Digest != nil })
}

// ChannelsIn lists the channels of one kind by name.
func (s *Set) ChannelsIn(kind Kind) []Channel {
	return slices.DeleteFunc(s.Channels(), func(c Channel) bool { return c.Kind != kind })
}

// Explains reports whether alerts of a rule are explained.
func (s *Set) Explains(rule string) bool {
	r := s.byName[rule]
	return r != nil && r.Explain
}

// ExplainsAny reports whether alerts of some rule are explained.
func (s *Set) ExplainsAny() bool {
	return slices.ContainsFunc(s.rules, func(r *rule) bool { return r.Explain })
}

// Rules lists the rules by name. Their members are not to be modified.
func (s *Set) Rules() []Rule {
	list := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		list[i] = r.Rule
	}
	return list
}

// KeepClosed is how long closed alerts must stay in the State: a condition that
// comes back within reopen_within reopens the last one, once it has held for as
// long as its rule wants.
func (s *Set) KeepClosed() time.Duration {
	longest := time.Duration(0)
	for _, r := range s.rules {
		longest = max(longest, r.For)
	}
	return s.reopenWithin + longest
}

// SettleAfter is how long what flaps must stay as it is before people are told of it
// again.
func (s *Set) SettleAfter() time.Duration { return s.settleAfter }

// fieldRule finds what an alert of the rule on the field belongs to, nil if the
// set has no such rule or the rule does not look at the field.
func (s *Set) fieldRule(rule string, f phone.Field) *fieldRule {
	if i, ok := s.index.byKey[ruleField{rule, f}]; ok {
		return &s.fieldRules[i]
	}
	return nil
}
