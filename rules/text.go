package rules

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"numwatch/alert"
	"numwatch/phone"
)

// What holes show in place of a value, and what goes with one that shows nothing.
const (
	emptyHole  = "(none)"
	failedHole = "(error)"
	separators = " .,:;" // around what is left out
)

// text is a compiled summary or action: literals with holes between them.
type text struct {
	source   string
	literals []string // one more than holes
	holes    []hole
}

// hole is a value in a text: a member of the environment, which costs little, or
// a program.
type hole struct {
	member   int
	program  *vm.Program
	optional bool // see empty
}

// render fills the holes from an environment that people may see.
func (t *text) render(m *vm.VM, e *environment) alert.Text {
	if t.source == "" {
		return nil
	}
	out := make(alert.Text, 0, 2*len(t.holes)+1)
	for i, h := range t.holes {
		out = append(out, t.literals[i], h.render(m, e))
	}
	out = append(out, t.literals[len(t.holes)])
	for i, h := range t.holes {
		if out[2*i+1] == "" {
			h.empty(out[2*i : 2*i+3])
		}
	}
	return out
}

// empty fills a hole that has no value, between its literals. Not every failure
// has a code or a reason: that is left out with the punctuation before it, or behind it
// at the start.
func (h *hole) empty(around alert.Text) {
	if !h.optional {
		around[1] = emptyHole
		return
	}
	if around[0] == "" {
		around[2] = strings.TrimLeft(around[2], separators)
	}
	around[0] = strings.TrimRight(around[0], separators)
}

func (h *hole) render(m *vm.VM, e *environment) string {
	var v string
	if h.program == nil {
		v = reflect.ValueOf(e).Elem().Field(h.member).String()
	} else {
		var err error
		if v, err = holeValue(m, h.program, e); err != nil {
			return failedHole
		}
	}
	return v
}

// compileText never returns nil; a text that is wrong is reported.
func (c *compiler) compileText(t Text, fields []phone.Field) *text {
	out := &text{source: t.Value}
	var literal strings.Builder
	for rest := t.Value; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal.WriteString(rest)
			break
		}
		literal.WriteString(rest[:i])
		brace := rest[i]
		start := len(t.Value) - len(rest) + i // in bytes
		rest = rest[i+1:]
		switch {
		case rest != "" && rest[0] == brace:
			literal.WriteByte(brace)
			rest = rest[1:]
		case brace == '}':
			c.fail(t.locate(runes(t.Value[:start])), "write }} for a brace", "} without {")
		default:
			end := holeEnd(rest)
			if end < 0 {
				c.fail(t.locate(runes(t.Value[:start])), "write {{ for a brace", "{ without }")
				return out
			}
			out.literals = append(out.literals, literal.String())
			literal.Reset()
			out.holes = append(out.holes, c.compileHole(t, start+1, rest[:end], fields))
			rest = rest[end+1:]
		}
	}
	out.literals = append(out.literals, literal.String())
	return out
}

func (c *compiler) compileHole(t Text, start int, source string, fields []phone.Field) hole {
	name := strings.TrimSpace(source)
	if i := slices.Index(names, name); i >= 0 && reflect.TypeFor[environment]().Field(i).Type.Kind() == reflect.String {
		return hole{member: i, optional: name == "Code" || name == "Reason"}
	}
	x := expression{compiler: c, text: t, offset: runes(t.Value[:start]), source: source, fields: fields}
	program := x.compile(expr.AsAny())
	if program != nil && !showable(program) {
		x.failAt(0, "", "a {…} must give text, a number, or true or false")
	}
	return hole{program: program}
}

// holeEnd finds the brace that closes a hole: not one within quotes, nor one
// that the expression opened.
func holeEnd(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

func runes(s string) int { return utf8.RuneCountInString(s) }
