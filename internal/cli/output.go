package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"numwatch/alert"
)

// output is how a command that lists something prints it.
type output struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table for people or json for programs."`
}

func (o output) json() bool { return o.Output == "json" }

// printJSON writes v indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printTable writes rows below a header, aligned. Cells are made safe for a
// terminal.
func printTable(w io.Writer, header []string, rows [][]string) error {
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

// minutes is how a time to come is printed.
const minutes = "2006-01-02 15:04"

// columns is how wide sentences are printed.
const columns = 80

// hanging breaks a sentence so that it fits beside its head.
func hanging(head, sentence string) string {
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

// count is a number of things in words: 1 space, 2 spaces.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// coloured reports whether w is a terminal that wants colours.
func (p *Program) coloured(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// getenv looks a variable up in the environment that the program was given.
func (p *Program) getenv(name string) string {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(p.Env[i], name+"="); ok {
			return v
		}
	}
	return ""
}
