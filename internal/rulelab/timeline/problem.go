package timeline

import (
	"cmp"
	"fmt"
	"sort"
	"strings"

	"numwatch/alert"
)

// position is a place in the file, line and column counted from 1.
type position struct{ line, column int }

// Problem is one thing that is wrong in a file of tests.
type Problem struct {
	File         string
	Line, Column int // from 1
	Text         string
	Source       string // the line
}

// Error returns the problem with its place, and the line with a mark below.
func (p Problem) Error() string {
	line := []rune(alert.Cut(p.Source, 120))
	mark := min(max(p.Column-1, 0), len(line))
	return fmt.Sprintf("%s:%d:%d: %s\n%5d | %s\n      | %s^",
		p.File, p.Line, p.Column, p.Text, p.Line, alert.Plain(string(line)), strings.Repeat(" ", mark))
}

// Problems is everything that is wrong, in the order of the file.
type Problems []Problem

// Error joins the problems, one after the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// report collects problems.
type report struct {
	file     string
	lines    []string
	problems Problems
}

func (r *report) fail(at position, format string, args ...any) {
	p := Problem{File: r.file, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)}
	if at.line >= 1 && at.line <= len(r.lines) {
		p.Source = r.lines[at.line-1]
	}
	r.problems = append(r.problems, p)
}

func (r *report) sorted() Problems {
	sort.SliceStable(r.problems, func(i, j int) bool {
		a, b := &r.problems[i], &r.problems[j]
		return cmp.Or(a.Line-b.Line, a.Column-b.Column) < 0
	})
	return r.problems
}

// oneOf is a hint that lists what a word may be.
func oneOf(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return " (one of " + strings.Join(known, ", ") + ")"
}
