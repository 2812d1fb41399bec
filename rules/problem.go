package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"numwatch/internal/diagnostic"
)

// Problem is one thing that is wrong in a rules file, or suspicious.
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

// MaxProblems bounds what a hopeless file makes of itself.
const MaxProblems = 200
