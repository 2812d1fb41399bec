package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// Spec is what a rules file says, typed, with the place of each part. Names are
// not resolved yet, and expressions not compiled.
type Spec struct {
	File      string   // its name, for messages
	Lines     []string // its text, for messages
	Defaults  DefaultsSpec
	Channels  []ChannelSpec
	MuteTimes []MuteTime
	Rules     []RuleSpec
	// Translations are the texts of the rules in other languages. Of two in one
	// language, the earlier one wins.
	Translations []TranslationSpec
}

// TranslationSpec is what a file of texts says, as Spec.
type TranslationSpec struct {
	File     string
	Lines    []string
	Language phone.Language
	Rules    []TranslatedSpec
	// Original is what the texts were made of, by rule; where the rules say something else,
	// they do not apply. Nil: they apply whatever the rules say.
	Original map[string]*RuleSpec
}

// TranslatedSpec is the texts of one rule in another language.
type TranslatedSpec struct {
	Name                   Part[string]
	Title, Summary, Action Texts
}

// Languages lists the languages other than English that channels speak.
func (s *Spec) Languages() (list []phone.Language) {
	for i := range s.Channels {
		if l := s.LanguageOf(&s.Channels[i]); l != phone.English && !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	return list
}

// LanguageOf returns the language of a channel: its own, or else that of the defaults.
func (s *Spec) LanguageOf(c *ChannelSpec) phone.Language {
	switch {
	case c.Kind.Follows(): // programs read English
		return phone.English
	case c.Language.Given():
		return c.Language.Value
	default:
		return s.Defaults.Language.Value
	}
}

// Part is a value with its place.
type Part[T any] struct {
	Value T
	At    diagnostic.Position
}

// Given reports whether the file has it.
func (p Part[T]) Given() bool { return p.At.Line > 0 }

// Text is a text that holds expressions, or is one.
type Text struct {
	Part[string]
	// Locate returns the place of a character of Value, for problems within
	// expressions; nil: the text's own.
	Locate func(offset int) diagnostic.Position
}

func (t Text) locate(offset int) diagnostic.Position {
	if t.Locate == nil {
		return t.At
	}
	return t.Locate(offset)
}

// Texts is a text, or one for each value of the rule's field.
type Texts struct {
	At      diagnostic.Position
	ByValue []ValueText
	Default Text // of every other value
}

// ValueText is a text with the value that it is for.
type ValueText struct {
	Value Part[string]
	Text  Text
}

// Given reports whether the file has it.
func (t *Texts) Given() bool { return t.At.Line > 0 }

// String is the texts as the file has them, each behind its value.
func (t *Texts) String() string {
	if len(t.ByValue) == 0 {
		return t.Default.Value
	}
	var list []string
	for _, v := range t.ByValue {
		list = append(list, v.Value.Value+": "+v.Text.Value)
	}
	if t.Default.Given() {
		list = append(list, DefaultText+": "+t.Default.Value)
	}
	return strings.Join(list, " · ")
}

// DefaultText is the key of the text for every value that has none of its own.
const DefaultText = "default"

// DefaultsSpec is what holds for every rule.
type DefaultsSpec struct {
	Notify       []Part[string]
	RemindEvery  Part[time.Duration]
	ReopenWithin Part[time.Duration]
	SettleAfter  Part[time.Duration]
	Mute         []Part[string]
	Severity     Part[alert.Severity] // what is less severe goes only to channels that its rule names
	ExplainWith  Part[string]
	Where        Text
	Language     Part[phone.Language]
}

// ChannelSpec is a channel.
type ChannelSpec struct {
	Name     Part[string]
	Kind     Kind
	Target   Part[string] // a channel of Slack, or the name of a channel in config.yaml
	Mention  []string     // in Slack
	Where    Text
	Mute     []Part[string]
	Severity Part[alert.Severity] // it gets nothing less severe
	Digest   *alert.Schedule      // when it sums up what happened; nil: it gets messages as things happen
	Language Part[phone.Language] // of its messages; else that of the defaults
}

// MuteTime is a time in which rules are held back: windows of the day on some
// weekdays, in one place. A window that passes midnight belongs to the day on
// which it begins.
type MuteTime struct {
	Name     Part[string]
	Days     [7]bool // by time.Weekday
	Windows  []Window
	Location *time.Location
}

// Window is a part of the day in minutes from midnight; To is after From by at
// most a day.
type Window struct{ From, To int }

// RuleSpec is a rule.
type RuleSpec struct {
	At          diagnostic.Position
	Name        Part[string]
	Was         []Part[string]
	On          []Part[phone.Field]
	To, From    []Part[string]
	Direction   Part[phone.Direction]
	Where       Text
	For         Part[time.Duration]
	Once        bool
	Severity    alert.Severity
	Title       Texts
	Summary     Texts
	Action      Texts
	Runbook     string
	Notify      []Part[string]
	Mute        []Part[string]
	MuteGiven   bool // also where it names none
	InhibitedBy []Part[string]
	Escalate    *EscalateSpec
	RemindEvery Part[time.Duration]
	ExplainWith Part[string] // ExplainWithHealth, ExplainWithNothing
}

// What alerts are explained with.
const (
	ExplainWithHealth  = "health" // what the provider says of the number
	ExplainWithNothing = "none"
)

// EscalateSpec says who else is notified, and after how long.
type EscalateSpec struct {
	After time.Duration
	To    []Part[string]
}

// MutesOf returns the mute times of a rule: its own, or else those of the defaults.
func (s *Spec) MutesOf(r *RuleSpec) []Part[string] {
	if r.MuteGiven {
		return r.Mute
	}
	return s.Defaults.Mute
}

// Problem returns what is wrong at a place of the file, as an error; rule is the
// name of the rule that it is in, or empty.
func (s *Spec) Problem(at diagnostic.Position, rule, hint, text string) diagnostic.Problem {
	p := diagnostic.Problem{File: s.File, Position: at, Rule: rule, Check: diagnostic.Invalid, Text: text, Hint: hint}
	if 0 < at.Line && at.Line <= len(s.Lines) {
		p.Source = s.Lines[at.Line-1]
	}
	return p
}

// UndocumentedValue is the check of values that are not documented.
const UndocumentedValue = "undocumented-value"

// Undocumented returns the warning of a value that is not documented.
func (s *Spec) Undocumented(m Mention) diagnostic.Problem {
	var values []string
	for _, f := range m.Fields {
		values = append(values, f.Values()...)
	}
	slices.Sort(values)
	values = slices.DeleteFunc(slices.Compact(values), func(v string) bool { return v == "" })
	p := s.Problem(m.At, m.Rule, diagnostic.DidYouMean(m.Value, values), fmt.Sprintf("%q is not a documented value of %s", m.Value, fieldNames(m.Fields)))
	p.Check, p.Level = UndocumentedValue, diagnostic.Warning
	return p
}
