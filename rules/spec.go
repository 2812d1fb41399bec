package rules

import (
	"fmt"
	"slices"
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

// DefaultsSpec is what holds for every rule.
type DefaultsSpec struct {
	Notify       []Part[string]
	RemindEvery  Part[time.Duration]
	ReopenWithin Part[time.Duration]
	SettleAfter  Part[time.Duration]
	Where        Text
}

// ChannelSpec is a channel.
type ChannelSpec struct {
	Name    Part[string]
	Slack   Part[string]
	Mention []string
	Where   Text
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
	Summary     Text
	Action      Text
	Runbook     string
	Notify      []Part[string]
	Mute        []Part[string]
	InhibitedBy []Part[string]
	Escalate    *EscalateSpec
	RemindEvery Part[time.Duration]
}

// EscalateSpec says who else is notified, and after how long.
type EscalateSpec struct {
	After time.Duration
	To    []Part[string]
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
	p := s.Problem(m.At, m.Rule, diagnostic.DidYouMean(m.Value, values), fmt.Sprintf("%q is no documented value of %s", m.Value, fieldNames(m.Fields)))
	p.Check, p.Level = UndocumentedValue, diagnostic.Warning
	return p
}
