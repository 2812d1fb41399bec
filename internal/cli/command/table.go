package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"numwatch/alert"
)

// Output is how a command prints its answer.
type Output struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table for people or json for programs."`
}

// JSON reports whether the output is for programs.
func (o Output) JSON() bool { return o.Output == "json" }

// Print prints an answer: for programs as it is, or for people.
func (o Output) Print(p *Program, answer any, people func()) {
	if o.JSON() {
		p.PrintJSON(answer)
	} else {
		people()
	}
}

// Printf prints to the standard output. What it cannot write fails the program,
// see WriteError.
func (p *Program) Printf(format string, args ...any) {
	_, err := fmt.Fprintf(p.Stdout, format, args...)
	p.writing = cmp.Or(p.writing, err)
}

// WriteError is why something that was printed could not be written, nil if
// everything was.
func (p *Program) WriteError() error { return p.writing }

// PrintJSON prints v indented.
func (p *Program) PrintJSON(v any) {
	e := json.NewEncoder(p.Stdout)
	e.SetIndent("", "  ")
	p.writing = cmp.Or(p.writing, e.Encode(v))
}

// PrintTable prints rows below a header, aligned. Cells are made safe for a
// terminal.
func (p *Program) PrintTable(header []string, rows [][]string) {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(header, "\t"))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = alert.Plain(c)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	_ = t.Flush() // into a Builder, which takes everything
	for line := range strings.Lines(text.String()) {
		p.Printf("%s\n", strings.TrimRight(line, " \n"))
	}
}

// Minutes is how a time to come is printed.
const Minutes = "2006-01-02 15:04"

// columns is how wide sentences are printed.
const columns = 80

// Hanging breaks a sentence so that it fits beside its head.
func Hanging(head, sentence string) string {
	indent := utf8.RuneCountInString(head)
	var b strings.Builder
	b.WriteString(head)
	at := indent
	for i, word := range strings.Fields(sentence) {
		w := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+w > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += w
	}
	return b.String()
}

// Cell makes a text from outside fit for a column.
func Cell(s string, width int) string { return alert.Cut(alert.Plain(s), width) }
