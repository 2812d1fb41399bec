package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"numwatch/notify/card"
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

// Minutes is how a time to come is printed.
const Minutes = "2006-01-02 15:04"

// usualWidth is how wide sentences are when the width of the output is unknown.
const (
	usualWidth   = 80
	narrowest    = 40
	widestToRead = 120
)

// terminalWidth is how many columns the terminal has that the output goes to; 0 if it is
// no terminal, and lines are as long as they are. COLUMNS says it for terminals that do
// not know, and to try.
func (p *Program) terminalWidth() int {
	f, ok := p.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, err := strconv.Atoi(p.Getenv("COLUMNS"))
	if err != nil || columns <= 0 {
		columns, _, _ = term.GetSize(int(f.Fd()))
	}
	if columns <= 0 {
		columns = usualWidth
	}
	return max(columns, narrowest)
}

// Hanging breaks a sentence so that it fits beside its head.
func (p *Program) Hanging(head, sentence string) string {
	columns := min(cmp.Or(p.terminalWidth(), usualWidth), widestToRead)
	indent := card.Width(head)
	var b strings.Builder
	b.WriteString(head)
	at := indent
	for i, word := range strings.Fields(sentence) {
		w := card.Width(word)
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
