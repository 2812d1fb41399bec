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
	emptyValue = "(empty)"
	failedHole = "(error)"
	separators = " .,:;，。：；" // around what is left out
)

// translation is the texts of a rule in another language; a text that it lacks is empty.
type translation struct {
	language               phone.Language
	title, summary, action *texts
}

// optionalHoles are left out where they are empty.
var optionalHoles = []string{"Code", "Reason", "Was", "MovedFrom", "Away", "VerifiedName"}

// texts is a compiled title, summary or action.
type texts struct {
	byValue map[string]*text // by the values, canonical, that have one of their own
	other   *text
}

// of returns the text for a value of the alert's field.
func (t *texts) of(value string) *text {
	if own, ok := t.byValue[value]; ok {
		return own
	}
	return t.other
}

// compileTexts compiles the texts under a key of a rule.
func (c *compiler) compileTexts(key string, s *RuleSpec, t *Texts) *texts {
	out := c.compileSome(key, s, t)
	if len(t.ByValue) > 0 && !t.Default.Given() && len(s.On) > 0 {
		c.checkCovered(key, s, t, out)
	}
	return out
}

// compileSome compiles texts of which there need not be one for every value.
func (c *compiler) compileSome(key string, s *RuleSpec, t *Texts) *texts {
	fields := values(s.On)
	out := &texts{byValue: map[string]*text{}, other: c.compileText(t.Default, fields)}
	for _, v := range t.ByValue {
		c.checkTextValue(key, fields, v.Value)
		compiled := c.compileText(v.Text, fields)
		for _, f := range fields {
			value := f.Canonical(v.Value.Value)
			if earlier := out.byValue[value]; earlier != nil && earlier != compiled {
				c.fail(v.Value.At, "", "%s has two texts for %q", key, value)
			}
			out.byValue[value] = compiled
		}
	}
	return out
}

// checkCovered reports values that a rule may open for and that have no text.
func (c *compiler) checkCovered(key string, s *RuleSpec, t *Texts, compiled *texts) {
	others := func(v Part[string]) bool { return v.Value == unlisted || strings.HasPrefix(v.Value, "!") }
	if len(s.To) == 0 || slices.ContainsFunc(s.To, others) {
		c.fail(t.At, "add "+DefaultText, "%s has no text for other values, and the rule may open for those", key)
		return
	}
	for _, v := range s.To {
		has := func(f phone.Field) bool { return compiled.byValue[f.Canonical(v.Value)] != nil }
		if !slices.ContainsFunc(values(s.On), has) {
			c.fail(t.At, "add one, or "+DefaultText, "%s has no text for %q", key, v.Value)
		}
	}
}

// checkTextValue looks at a value that has a text of its own.
func (c *compiler) checkTextValue(key string, fields []phone.Field, v Part[string]) {
	if v.Value == unlisted || strings.HasPrefix(v.Value, "!") {
		c.fail(v.At, "name a value, or write "+DefaultText+" for all others", "%q has no meaning in %s", v.Value, key)
	} else if len(fields) > 0 {
		c.mentionValue(v.At, fields, v.Value)
	}
}

// text is a compiled text: literals with holes between them.
type text struct {
	source   string
	language phone.Language
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
			h.empty(t.language, out[2*i:2*i+3])
		}
	}
	return out
}

// empty fills a hole that has no value, between its literals. Not every failure
// has a code or a reason: that is left out with the punctuation before it, or behind it
// at the start, and with brackets around it.
func (h *hole) empty(l phone.Language, around alert.Text) {
	if !h.optional {
		around[1] = emptyHole
		if l == phone.Chinese {
			around[1] = "（无）"
		}
		return
	}
	for _, brackets := range [...][2]string{{"(", ")"}, {"（", "）"}} {
		before, opens := strings.CutSuffix(around[0], brackets[0])
		if after, closes := strings.CutPrefix(around[2], brackets[1]); opens && closes {
			around[0], around[2] = before, after
		}
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
	out := &text{source: t.Value, language: c.language}
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
		return hole{member: i, optional: slices.Contains(optionalHoles, name)}
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

// textKeys are the keys of a rule that have texts.
var textKeys = [...]string{"title", "summary", "action"}

// text returns the texts of a rule under a key.
func (s *RuleSpec) text(key string) *Texts {
	return [...]*Texts{&s.Title, &s.Summary, &s.Action}[slices.Index(textKeys[:], key)]
}

// texts returns those of a rule under a key, nil if there are none, or if they were made
// of something else than what the rule says.
func (t *TranslationSpec) texts(s *RuleSpec, key string) *Texts {
	i := slices.IndexFunc(t.Rules, func(r TranslatedSpec) bool { return r.Name.Value == s.Name.Value })
	if i < 0 {
		return nil
	}
	r := &t.Rules[i]
	found := (&RuleSpec{Title: r.Title, Summary: r.Summary, Action: r.Action}).text(key)
	if !found.Given() {
		return nil
	}
	if t.Original != nil {
		original := t.Original[s.Name.Value]
		if original == nil || original.text(key).String() != s.text(key).String() {
			return nil
		}
	}
	return found
}

// Untranslated lists the keys under which a rule has texts, but none in a language.
func (s *Spec) Untranslated(l phone.Language, r *RuleSpec) (keys []string) {
	for _, key := range textKeys {
		in := func(t TranslationSpec) bool { return t.Language == l && t.texts(r, key) != nil }
		if r.text(key).Given() && !slices.ContainsFunc(s.Translations, in) {
			keys = append(keys, key)
		}
	}
	return keys
}

// translate compiles the texts of rules in the languages that channels speak.
func (c *compiler) translate() {
	for _, l := range c.spec.Languages() {
		for _, r := range c.set.rules {
			if t, some := c.translation(l, c.rules[r.Name]); some {
				r.translated = append(r.translated, t)
			}
		}
	}
}

// translation compiles the texts of a rule in a language, each from the first file that
// has it.
func (c *compiler) translation(l phone.Language, s *RuleSpec) (t translation, some bool) {
	compiled := [len(textKeys)]*texts{}
	for i, key := range textKeys {
		compiled[i] = &texts{other: &text{}}
		for j := range c.spec.Translations {
			file := &c.spec.Translations[j]
			found := file.texts(s, key)
			if file.Language != l || found == nil {
				continue
			}
			in := compiler{spec: &Spec{File: file.File, Lines: file.Lines}, set: &Set{}, rule: s.Name.Value, language: l}
			compiled[i], some = in.compileSome(key, s, found), true
			c.problems = append(c.problems, in.problems...)
			break
		}
	}
	return translation{l, compiled[0], compiled[1], compiled[2]}, some
}
