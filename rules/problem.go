package rules

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"

	"numwatch/phone"
)

// Problem is one thing that is wrong in a rules file, or suspicious.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`           // from 1
	Column int    `json:"column"`         // from 1, in characters
	Rule   string `json:"rule,omitempty"` // the rule's name, if it is in one that has a name
	Check  string `json:"check"`          // one of Checks
	Level  Level  `json:"level"`
	Text   string `json:"text"`             // what is wrong
	Hint   string `json:"hint,omitempty"`   // what to do about it, often the nearest spelling
	Source string `json:"source,omitempty"` // the line of the file

	value string         // of checkUndocumented: the value
	of    phone.FieldSet // and the fields that it is for
}

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

func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := &ps[i], &ps[j]
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Text, b.Text)) < 0
	})
	return slices.Compact(ps)
}

// maxProblems bounds what a hopeless file makes of itself.
const maxProblems = 200

// report collects problems while a file is read. rule is the one being read.
type report struct {
	src      *source
	rule     string
	errors   Problems
	warnings Problems
	labels   []labelUse // of all expressions, for lint
}

func (r *report) problem(at position, check, hint, text string) Problem {
	return Problem{
		File: r.src.file, Line: at.line, Column: at.column, Rule: r.rule,
		Check: check, Level: levelOf(check), Text: text, Hint: hint, Source: r.src.line(at.line),
	}
}

func (r *report) fail(at position, hint, format string, args ...any) {
	if len(r.errors) < maxProblems {
		r.errors = append(r.errors, r.problem(at, checkInvalid, hint, fmt.Sprintf(format, args...)))
	}
}

// warn reports what a check found. It returns the problem for more to be said
// of it, until the next one is reported.
func (r *report) warn(at position, check, hint, format string, args ...any) *Problem {
	p := r.problem(at, check, hint, fmt.Sprintf(format, args...))
	if len(r.warnings) >= maxProblems {
		return &p
	}
	r.warnings = append(r.warnings, p)
	return &r.warnings[len(r.warnings)-1]
}

// didYouMean is the hint for a word that is not one of the known ones: the
// nearest, or a short list.
func didYouMean(word string, known []string) string {
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
