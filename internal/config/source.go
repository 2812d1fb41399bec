package config

import (
	"regexp"
	"slices"
	"strings"
)

// A source is a file's text with the parts that must not be shown.
type source struct {
	file   string
	data   []byte
	lines  []string
	hidden map[int][]span // by line
}

// span is a part of a line, from a column to before another.
type span struct{ from, to int }

// position counts from 1, columns in runes; the zero position is unknown.
type position struct{ line, column int }

func newSource(file string, data []byte) source {
	return source{
		file:   file,
		data:   data,
		lines:  strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n"),
		hidden: map[int][]span{},
	}
}

func (s *source) line(number int) string {
	if number < 1 || number > len(s.lines) {
		return ""
	}
	return s.lines[number-1]
}

// hide keeps what stands at a position, and the rest of its line, from view.
func (s *source) hide(at position) {
	s.hidden[at.line] = append(s.hidden[at.line], span{at.column, len(s.line(at.line)) + 1})
}

// hideScalar keeps a scalar from view: as little of the line as possible, but
// the rest of it where it is not clear how far the scalar goes.
func (s *source) hideScalar(at position, raw string) {
	line := []rune(s.line(at.line))
	rest := string(line[min(max(at.column-1, 0), len(line)):])
	for _, quotes := range []string{"", `"`, `'`} {
		if raw != "" && strings.HasPrefix(rest, quotes+raw+quotes) {
			n := len([]rune(raw)) + 2*len(quotes)
			s.hidden[at.line] = append(s.hidden[at.line], span{at.column, at.column + n})
			return
		}
	}
	s.hide(at)
}

// leading finds the word that a line begins with.
var leading = regexp.MustCompile(`^[\s{\[-]*["']?([a-z_]*)`)

// hideAllButKey hides of a line all but the key that it begins with. Of what is
// no YAML nobody can say which part is a value, and of what.
func (s *source) hideAllButKey(number int) {
	line := s.line(number)
	word := leading.FindStringSubmatchIndex(line)
	from, to := word[2], word[3]
	if _, isKey := allKeys[line[from:to]]; isKey {
		from = to
	}
	s.hideFrom(number, from)
}

// hideStrays hides secrets that the decoder has not met as such: where a comma is
// missing they are part of the value before.
func (s *source) hideStrays(number int) {
	line := s.line(number)
	for _, from := range secretsIn(line) {
		at := column(line, from)
		known := slices.ContainsFunc(s.hidden[number], func(h span) bool { return h.from <= at && at < h.to })
		if !known {
			s.hideFrom(number, from)
		}
	}
}

// hideFrom hides the rest of a line from a byte on.
func (s *source) hideFrom(number, from int) {
	s.hide(position{number, column(s.line(number), from)})
}

func column(line string, at int) int { return len([]rune(line[:at])) + 1 }

// excerpt shows a line with a mark below the column.
func (s *source) excerpt(number, column int) string {
	line := s.line(number)
	if strings.TrimSpace(line) == "" {
		return ""
	}
	s.hideStrays(number)
	line, column = s.masked(line, s.hidden[number], column)
	return excerpt(line, number, column)
}

// masked replaces spans by dots, whose number says nothing, and returns where
// the column is then.
func (s *source) masked(line string, spans []span, column int) (string, int) {
	var b strings.Builder
	inside, shown, moved := false, 0, column
	for i, r := range []rune(line) {
		at := i + 1
		within := slices.ContainsFunc(spans, func(h span) bool { return h.from <= at && at < h.to })
		if at == column {
			moved = shown + 1
			if within && inside {
				moved = shown - len([]rune(hidden)) + 1
			}
		}
		switch {
		case !within:
			b.WriteRune(r)
			shown++
		case !inside:
			b.WriteString(hidden)
			shown += len([]rune(hidden))
		}
		inside = within
	}
	return b.String(), moved
}
