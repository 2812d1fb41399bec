package rulefile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"numwatch/rules"
)

// start is the first character of a file.
var start = rules.Place{Line: 1, Column: 1}

// maxSize bounds a rules file.
const maxSize = 1 << 20

// reader reads one rules file.
type reader struct {
	content  string
	spec     rules.Spec
	rule     string // the one being read
	problems rules.Problems
}

// newReader reports what makes a text unfit to be parsed.
func newReader(file string, data []byte) *reader {
	r := &reader{spec: rules.Spec{File: file}}
	if len(data) > maxSize {
		r.fail(start, "", "the file has %d bytes, more than %d", len(data), maxSize)
		return r
	}
	r.content = strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	r.spec.Lines = strings.Split(r.content, "\n")
	r.check()
	return r
}

func (r *reader) fail(at rules.Place, hint, format string, args ...any) {
	if len(r.problems) < rules.MaxProblems {
		r.problems = append(r.problems, r.spec.Problem(at, r.rule, hint, fmt.Sprintf(format, args...)))
	}
}

func (r *reader) line(n int) string {
	if n < 1 || n > len(r.spec.Lines) {
		return ""
	}
	return r.spec.Lines[n-1]
}

// check finds what no rules file may hold, before any parser sees it.
func (r *reader) check() {
	blank := true
	for i, line := range r.spec.Lines {
		if rest := strings.TrimLeft(line, " \t"); rest != "" {
			blank = blank && rest[0] == '#'
			r.checkIndent(i+1, line[:len(line)-len(rest)])
		}
		r.checkCharacters(i+1, line)
	}
	if blank && len(r.problems) == 0 {
		r.fail(start, "start with `version: 1`", "the file is empty")
	}
}

func (r *reader) checkIndent(n int, indent string) {
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		r.fail(rules.Place{Line: n, Column: tab + 1}, "YAML indents with spaces", "tab in the indentation")
	}
}

func (r *reader) checkCharacters(n int, line string) {
	column := 0
	for i, c := range line {
		column++
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(line[i:]); size == 1 {
				r.fail(rules.Place{Line: n, Column: column}, "save it as UTF-8", "the file is not UTF-8")
				return
			}
		}
		if c != '\t' && unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff' {
			r.fail(rules.Place{Line: n, Column: column}, "remove it", "control character %U", c)
			return
		}
	}
}

// locate finds the place of the character at offset of a scalar's value, so
// that a problem within an expression points at it. What cannot be followed
// (it is lenient: the parser has taken the scalar already) gives the scalar's
// start.
func (r *reader) locate(n *node, offset int) rules.Place {
	c := cursor{src: r, at: n.at, style: n.style}
	switch n.style {
	case '\'', '"':
		c.at.Column++
	case '|':
		c.at = rules.Place{Line: n.at.Line + 1, Column: 1}
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
	src   *reader
	at    rules.Place
	style byte
	line  []rune // of at.line, once looked at
	read  int    // the line that line is
}

func (c *cursor) peek() (rune, bool) {
	if c.at.Line > len(c.src.spec.Lines) {
		return 0, false
	}
	if c.read != c.at.Line {
		c.line, c.read = []rune(c.src.line(c.at.Line)), c.at.Line
	}
	if c.at.Column <= len(c.line) {
		return c.line[c.at.Column-1], true
	}
	return '\n', true
}

func (c *cursor) advance(n int) {
	for range n {
		if r, ok := c.peek(); !ok || r == '\n' {
			c.at = rules.Place{Line: c.at.Line + 1, Column: 1}
		} else {
			c.at.Column++
		}
	}
}

// next returns the place of the value's next character, want, and goes behind
// it.
func (c *cursor) next(want rune) (rules.Place, bool) {
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
