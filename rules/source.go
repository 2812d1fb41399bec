package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// position is a place in a file, both counted from 1, columns in characters.
type position struct{ line, column int }

// maxSize bounds a rules file.
const maxSize = 1 << 20

// source is the text of a rules file.
type source struct {
	file  string
	text  string
	lines []string
}

func newSource(file string, data []byte) *source {
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return &source{file: file, text: text, lines: strings.Split(text, "\n")}
}

func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// check finds what no rules file may hold, before any parser sees it.
func (s *source) check(r *report) {
	blank := true
	for i, line := range s.lines {
		if rest := strings.TrimLeft(line, " \t"); rest != "" {
			blank = blank && rest[0] == '#'
			s.checkIndent(r, i+1, line[:len(line)-len(rest)])
		}
		s.checkCharacters(r, i+1, line)
	}
	if blank && len(r.errors) == 0 {
		r.fail(position{1, 1}, "start with `version: 1`", "the file is empty")
	}
}

func (s *source) checkIndent(r *report, n int, indent string) {
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		r.fail(position{n, tab + 1}, "YAML indents with spaces", "tab in the indentation")
	}
}

func (s *source) checkCharacters(r *report, n int, line string) {
	column := 0
	for i, c := range line {
		column++
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(line[i:]); size == 1 {
				r.fail(position{n, column}, "save it as UTF-8", "the file is not UTF-8")
				return
			}
		}
		if c != '\t' && unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff' {
			r.fail(position{n, column}, "remove it", "control character %U", c)
			return
		}
	}
}

// locate finds the place of the character at offset of a scalar's value, so
// that a problem within an expression points at it. What cannot be followed
// (it is lenient: the parser has taken the scalar already) gives the scalar's
// start.
func (s *source) locate(n *node, offset int) position {
	c := cursor{src: s, at: n.at, style: n.style}
	switch n.style {
	case '\'', '"':
		c.at.column++
	case '|':
		c.at = position{n.at.line + 1, 1}
	}
	for i, r := range []rune(n.text) {
		at, ok := c.next(r)
		if !ok {
			return n.at
		}
		if i == offset {
			return at
		}
	}
	return c.at
}

// cursor follows a scalar's value through the source.
type cursor struct {
	src   *source
	at    position
	style byte
	line  []rune // of at.line, once looked at
	read  int    // the line that line is
}

func (c *cursor) peek() (rune, bool) {
	if c.at.line > len(c.src.lines) {
		return 0, false
	}
	if c.read != c.at.line {
		c.line, c.read = []rune(c.src.line(c.at.line)), c.at.line
	}
	if c.at.column <= len(c.line) {
		return c.line[c.at.column-1], true
	}
	return '\n', true
}

func (c *cursor) advance(n int) {
	for range n {
		if r, ok := c.peek(); !ok || r == '\n' {
			c.at = position{c.at.line + 1, 1}
		} else {
			c.at.column++
		}
	}
}

// next returns the place of the value's next character, want, and goes behind
// it.
func (c *cursor) next(want rune) (position, bool) {
	for {
		r, ok := c.peek()
		at := c.at
		switch {
		case !ok:
			return at, false
		case c.style == '"' && r == '\\':
			if c.escape() {
				continue
			}
			return at, true
		case r == want:
			c.advance(1)
			if c.style == '\'' && r == '\'' {
				c.advance(1)
			}
			return at, true
		case unicode.IsSpace(want) && unicode.IsSpace(r):
			// A folded line break.
			c.advance(1)
			return at, true
		case unicode.IsSpace(r):
			c.advance(1)
		case unicode.IsSpace(want):
			// The break was taken for an earlier character.
			return at, true
		default:
			return at, false
		}
	}
}

// escape goes behind an escape sequence; it reports true for one that stands
// for nothing, a line that is continued.
func (c *cursor) escape() (nothing bool) {
	c.advance(1)
	r, _ := c.peek()
	switch r {
	case 'x':
		c.advance(3)
	case 'u':
		c.advance(5)
	case 'U':
		c.advance(9)
	default:
		c.advance(1)
	}
	return r == '\n'
}
