package yamldoc

import "unicode"

// Locate finds the place of the character at offset of a scalar's value, so that
// a problem within an expression points at it. Folding and indentation change
// only white space: the characters between are counted in the source.
func (r *Reader) Locate(n *Node, offset int) Position {
	value := []rune(n.Text)
	if offset > 0 && (offset >= len(value) || unicode.IsSpace(value[offset])) {
		before := r.Locate(n, min(offset, len(value))-1)
		return Position{Line: before.Line, Column: before.Column + 1}
	}
	before := 0
	for _, c := range value[:offset] {
		if !unicode.IsSpace(c) {
			before++
		}
	}
	line, column := n.At.Line, n.At.Column
	switch n.style {
	case '\'', '"':
		column++
	case '|':
		line, column = line+1, 1
	}
	if offset == 0 && n.style != '|' {
		return Position{Line: line, Column: column}
	}
	for ; line <= len(r.lines); line, column = line+1, 1 {
		source := []rune(r.Line(line))
		for i := column - 1; i < len(source); {
			width, blank := sourceWidth(n.style, source[i:])
			if before == 0 && !blank {
				return Position{Line: line, Column: i + 1}
			}
			if !blank {
				before--
			}
			i += width
		}
	}
	return n.At
}

// sourceWidth is how many characters of the source stand for the value's next
// one, and whether that is white space.
func sourceWidth(style byte, source []rune) (width int, blank bool) {
	switch {
	case style == '\'' && source[0] == '\'':
		return 2, false
	case style != '"' || source[0] != '\\' || len(source) == 1:
		return 1, unicode.IsSpace(source[0]) || source[0] == '\\' && style == '"'
	}
	switch source[1] {
	case 'x':
		return 4, false
	case 'u':
		return 6, false
	case 'U':
		return 10, false
	default:
		return 2, unicode.IsSpace(source[1]) || source[1] == 'n' || source[1] == 't' || source[1] == 'r'
	}
}
