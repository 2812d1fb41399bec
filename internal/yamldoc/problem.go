package yamldoc

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"numwatch/internal/diagnostic"
)

// Problem is one thing that is wrong in a file. Line and Column count from 1, in
// characters.
type Problem struct {
	File   string
	Line   int
	Column int
	Key    string // the path of the key: accounts[0].region; "" where there is none. Not part of Error
	Scope  string // see Reader.Scope
	Text   string // what is wrong
	Hint   string // what to do about it, often the nearest spelling; may be empty
	Source string // the line of the file, "" where values are hidden
}

// Error returns the problem with its place, and the line with a caret below.
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
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
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := &ps[i], &ps[j]
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Text, b.Text)) < 0
	})
	return slices.Compact(ps)
}
