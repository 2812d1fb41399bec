package config

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong in a file. Line and Column count from 1,
// in runes; they are 0 where the problem is with the file as a whole.
type Problem struct {
	File         string
	Line, Column int
	Key          string // where in the configuration: accounts[0].region
	Text         string // what is wrong and what to do
	Excerpt      string // the line, secrets masked, and a mark below; may be empty
}

// Error returns file:line:column: key: text, and the excerpt on lines of its
// own.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		fmt.Fprintf(&b, "%s:", p.File)
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", p.Line, p.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if p.Key != "" {
		fmt.Fprintf(&b, "%s: ", p.Key)
	}
	b.WriteString(p.Text)
	if p.Excerpt != "" {
		b.WriteByte('\n')
		b.WriteString(p.Excerpt)
	}
	return b.String()
}

// Problems are all that is wrong, sorted by position.
type Problems []Problem

// Error lists the problems, one after the other.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

func (ps Problems) sort() {
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := &ps[i], &ps[j]
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) < 0
	})
}

// excerpt shows a line with a mark below the column. A long line is cut to
// what stands around the column.
func excerpt(line string, number, column int) string {
	const before, most = 60, 120
	text := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, line))
	column = min(max(column, 1), len(text)+1)
	if cut := column - 1 - before; cut > 0 && len(text) > most {
		text, column = append([]rune{'…'}, text[cut:]...), column-cut+1
	}
	if len(text) > most {
		text = append(text[:most:most], '…')
	}
	head := fmt.Sprintf("%5d | ", number)
	gap := strings.Repeat(" ", len(head)-2) + "| " + strings.Repeat(" ", column-1)
	return head + string(text) + "\n" + gap + "^"
}

// nearest returns the known word that a misspelt one likely means, or "".
func nearest(word string, known []string) string {
	best, distance := "", 1+len(word)/3
	for _, k := range known {
		if d := editDistance(folded(word), folded(k)); d < distance || d == distance && best == "" {
			best, distance = k, d
		}
	}
	return best
}

// folded makes maxAge, max-age and max_age the same word.
func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// editDistance counts the insertions, deletions and replacements that lead from
// one word to the other.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
