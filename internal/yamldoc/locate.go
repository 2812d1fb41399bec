package yamldoc

import "unicode"

// Locate finds the place of the character at offset of a scalar's value, so that
// a problem within an expression points at it. What cannot be followed gives the
// scalar's own place.
func (r *Reader) Locate(n *Node, offset int) Position {
	c := cursor{r: r, at: n.At, style: n.style}
	switch n.style {
	case '\'', '"':
		c.at.Column++
	case '|':
		c.at = Position{n.At.Line + 1, 1}
	}
	for i, want := range []rune(n.Text) {
		at, ok := c.next(want)
		if !ok {
			return n.At
		}
		if i == offset {
			return at
		}
	}
	return c.at
}

// cursor follows a scalar's value through the source.
type cursor struct {
	r     *Reader
	at    Position
	style byte
	line  []rune // of at.Line, once looked at
	read  int    // the number of that line
}

func (c *cursor) peek() (rune, bool) {
	if c.at.Line > len(c.r.lines) {
		return 0, false
	}
	if c.read != c.at.Line {
		c.line, c.read = []rune(c.r.Line(c.at.Line)), c.at.Line
	}
	if c.at.Column <= len(c.line) {
		return c.line[c.at.Column-1], true
	}
	return '\n', true
}

func (c *cursor) advance(n int) {
	for range n {
		if r, ok := c.peek(); !ok || r == '\n' {
			c.at = Position{c.at.Line + 1, 1}
		} else {
			c.at.Column++
		}
	}
}

// next returns the place of the value's next character, want, and goes behind
// it.
func (c *cursor) next(want rune) (Position, bool) {
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
			c.advance(1) // a folded line break
			return at, true
		case unicode.IsSpace(r):
			c.advance(1)
		case unicode.IsSpace(want):
			return at, true // the break was taken for an earlier character
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
