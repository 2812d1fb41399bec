package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
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
	if line, caret := excerpt(p.Source, p.Column-1); line != "" {
		fmt.Fprintf(&b, "\n%5d | %s\n      | %s^", p.Line, line, strings.Repeat(" ", caret))
	}
	return b.String()
}

// excerptWidth is how much of a line is shown around the caret.
const excerptWidth = 120

// excerpt cuts a line around a column and makes it safe for terminals; caret is
// where the column went.
func excerpt(line string, column int) (shown string, caret int) {
	runes := []rune(strings.TrimRight(line, " \t"))
	caret = min(max(column, 0), len(runes))
	from := 0
	if caret > excerptWidth-20 {
		from = caret - excerptWidth/2
	}
	runes = runes[from:min(len(runes), from+excerptWidth)]
	for i, r := range runes {
		switch {
		case r == '\t':
			runes[i] = ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			runes[i] = unicode.ReplacementChar
		}
	}
	return string(runes), caret - from
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

// DidYouMean is the hint for a word that is not one of the known ones: the
// nearest, or a short list.
func DidYouMean(word string, known []string) string {
	best, distance := "", len(word)/3+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k), distance); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return ""
	case len(known) <= 16:
		return "one of " + strings.Join(known, ", ")
	default:
		return "for example " + strings.Join(known[:8], ", ")
	}
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b; words too different in length cost limit.
func editDistance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit || len(b) > 100 {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
