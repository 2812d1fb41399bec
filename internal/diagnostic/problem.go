package diagnostic

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file, from 1, columns in characters. The zero
// Position is nowhere.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Compare orders positions as they follow each other.
func (p Position) Compare(o Position) int { return cmp.Or(p.Line-o.Line, p.Column-o.Column) }

// MaxProblems bounds how many problems of a file are reported.
const MaxProblems = 200

// Invalid is the check of every Error.
const Invalid = "invalid"

// Problem is an error in a file, or a warning or note about it.
type Problem struct {
	File string `json:"file"`
	Position
	Rule   string `json:"rule,omitempty"` // the name of the rule that it is in
	Key    string `json:"-"`              // the path of the key: accounts[0].region; not part of Error
	Check  string `json:"check"`          // Invalid, or what else looks for such problems
	Level  Level  `json:"level"`
	Text   string `json:"text"`             // what is wrong
	Hint   string `json:"hint,omitempty"`   // what to do about it, often the nearest spelling
	Source string `json:"source,omitempty"` // the line of the file; "" where values are hidden
}

// Level is how bad a problem is. A lower value is worse.
type Level uint8

// The levels. With an Error a file cannot be used.
const (
	Error Level = iota
	Warning
	Note
)

// String returns the name.
func (l Level) String() string { return [...]string{"error", "warning", "note"}[l] }

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Error returns the problem with its place, and the line with a caret below.
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
	b.WriteString(excerpt(p.Source, p.Line, p.Column))
	return b.String()
}

// Problems is every problem of a file.
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
		return cmp.Or(strings.Compare(a.File, b.File), a.Compare(b.Position), strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(ps)
}
