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

var mayBeSecret = regexp.MustCompile(`(?i)(secret|token|password|key|url|credentials)`)

// hideWhatMayBeSecret hides the part of a line that follows a word which
// announces a secret.
func (s *source) hideWhatMayBeSecret(number int) {
	line := s.line(number)
	word := mayBeSecret.FindStringIndex(line)
	if word == nil {
		return
	}
	if value := strings.IndexByte(line[word[1]:], ':'); value >= 0 {
		s.hide(position{number, len([]rune(line[:word[1]+value+1])) + 2})
	}
}

// excerpt shows a line with a mark below the column.
func (s *source) excerpt(number, column int) string {
	line := s.line(number)
	if strings.TrimSpace(line) == "" {
		return ""
	}
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
