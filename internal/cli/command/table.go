package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"numwatch/alert"
)

// Output is how a command that lists something prints it.
type Output struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table for people or json for programs."`
}

// JSON reports whether the output is for programs.
func (o Output) JSON() bool { return o.Output == "json" }

// PrintJSON writes v indented.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// PrintTable writes rows below a header, aligned. Cells are made safe for a
// terminal.
func PrintTable(w io.Writer, header []string, rows [][]string) error {
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
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
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
