package rules

import (
	"cmp"
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
}

// Place is where something stands in a file, from 1, columns in characters. The
// zero Place is nowhere: the file does not have it.
type Place struct{ Line, Column int }

// Part is a value with its place.
type Part[T any] struct {
	Value T
	At    Place
}

// Given reports whether the file has it.
func (p Part[T]) Given() bool { return p.At.Line > 0 }

// Text is a text that holds expressions, or is one.
type Text struct {
	Part[string]
	// Locate returns the place of a character of Value, for problems within
	// expressions; nil: the text's own.
	Locate func(offset int) Place
}

func (t Text) locate(offset int) Place {
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
	At          Place
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
func (s *Spec) Problem(at Place, rule, hint, text string) Problem {
	p := Problem{File: s.File, Line: at.Line, Column: at.Column, Rule: rule, Check: Invalid, Level: Error, Text: text, Hint: hint}
	if 0 < at.Line && at.Line <= len(s.Lines) {
		p.Source = s.Lines[at.Line-1]
	}
	return p
}

// Undocumented returns the warning of a value that is not documented.
func (s *Spec) Undocumented(m Mention) Problem {
	p := s.Problem(m.At, m.Rule, diagnostic.DidYouMean(m.Value, valuesOf(m.Fields)), fmt.Sprintf("%q is no documented value of %s", m.Value, fieldNames(m.Fields)))
	p.Check, p.Level = UndocumentedValue, Warning
	return p
}

// Problem is an error in a rules file, or a warning or note about it.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`           // from 1
	Column int    `json:"column"`         // from 1, in characters
	Rule   string `json:"rule,omitempty"` // the rule's name, if it is in one that has a name
	Check  string `json:"check"`          // Invalid, or what lint looks for
	Level  Level  `json:"level"`
	Text   string `json:"text"`             // what is wrong
	Hint   string `json:"hint,omitempty"`   // what to do about it, often the nearest spelling
	Source string `json:"source,omitempty"` // the line of the file
}

// What Compile finds. Invalid is the check of every error, which makes a file one
// that no bot takes.
const (
	Invalid           = "invalid"
	UndocumentedValue = "undocumented-value"
)

// Level is how bad a problem is. A lower value is worse.
type Level uint8

// The levels. An Error makes a file one that no bot takes.
const (
	Error Level = iota
	Warning
	Note
)

var levelNames = [...]string{"error", "warning", "note"}

// String returns the name.
func (l Level) String() string { return levelNames[min(int(l), len(levelNames)-1)] }

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Error returns the problem with its place, and the line with a caret.
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Rule != "" {
		fmt.Fprintf(&b, "rule %q: ", p.Rule)
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	b.WriteString(diagnostic.Excerpt(p.Source, p.Line, p.Column))
	return b.String()
}

// Problems is every problem of a file, in the order of the file.
type Problems []Problem

// Error joins the problems, one after the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// Sorted returns the problems in the order of the file, each once.
func (ps Problems) Sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(ps)
}

// MaxProblems bounds how many problems of a file are reported.
const MaxProblems = 200
