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

var (
	// leading finds what a line begins with: a word, and whether it is a key.
	leading = regexp.MustCompile(`^[\s{\[-]*["']?([a-z_]*)(["']?\s*:(?:\s|$))?`)
	// announced finds a word that announces a secret, and the colon after it.
	announced = regexp.MustCompile(`(?i)(?:secret|token|password|key|url|credentials)[a-z_]*(?:["']?\s*:\s*)?`)
	// keyLike finds what has the form of a key.
	keyLike = regexp.MustCompile(`([\w-]*)["']?\s*:(?:\s+|$)`)
)

// hideWhatMayBeSecret hides of a line that is no YAML what may be a secret: what
// follows a word that announces one or is a key misspelt, and all but the key
// where the line does not read "key: value", as it may be a value itself, or lack
// its colon.
func (s *source) hideWhatMayBeSecret(number int) {
	line := s.line(number)
	start := leading.FindStringSubmatchIndex(line)
	from, to := start[2], start[3]
	switch _, isKey := allKeys[line[from:to]]; {
	case !isKey:
		s.hideFrom(number, from)
	case start[4] < 0:
		s.hideFrom(number, to)
	}
	if word := announced.FindStringIndex(line); word != nil {
		s.hideFrom(number, word[1])
	}
	for _, at := range keyLike.FindAllStringSubmatchIndex(line, -1) {
		if _, isKey := allKeys[line[at[2]:at[3]]]; !isKey {
			s.hideFrom(number, at[1])
		}
	}
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
