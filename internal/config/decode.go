package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A decoder fills typed values from YAML's syntax tree. Unlike the library's
// own decoder it goes on after a problem, substitutes variables in scalars and
// remembers where each key stands. A key's path looks like accounts[0].name.
type decoder struct {
	source
	env      map[string]string
	readFile func(string) ([]byte, error)
	at       map[string]position
	bad      map[string]bool // paths about which something was said already
	problems Problems
	warnings Problems
}

func newDecoder(file string, data []byte, environ []string, readFile func(string) ([]byte, error)) *decoder {
	return &decoder{
		source:   newSource(file, data),
		env:      environment(environ),
		readFile: readFile,
		at:       map[string]position{"": {1, 1}},
		bad:      map[string]bool{},
	}
}

// document decodes the file's only document. It reports false where the file is
// not well-formed, so that its content cannot be judged.
func (d *decoder) document(into any) bool {
	if !utf8.Valid(d.data) {
		d.problems = append(d.problems, Problem{Text: "is not UTF-8"})
		return false
	}
	file, err := parser.ParseBytes(d.data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.problems = append(d.problems, d.syntax(err))
		return false
	}
	if len(file.Docs) > 1 {
		d.problems = append(d.problems, Problem{Text: "holds more than one YAML document (---)"})
		return false
	}
	if len(file.Docs) == 1 && file.Docs[0].Body != nil {
		d.decode("", file.Docs[0].Body, reflect.ValueOf(into).Elem())
	}
	return true
}

// quoted finds what the parser quotes from the file.
var quoted = regexp.MustCompile(`"(?:\\.|[^"\\])*"`)

// syntax turns the parser's error into a problem. Nothing is known of which
// values are secret then, so that whatever may be is hidden.
func (d *decoder) syntax(err error) Problem {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil {
		return Problem{Text: "is not YAML: " + err.Error()}
	}
	p := at.GetToken().Position
	d.hideAllButKey(p.Line)
	problem := Problem{Line: p.Line, Column: p.Column, Text: "is not YAML: " + quoted.ReplaceAllString(at.GetMessage(), hidden)}
	if strings.Contains(d.line(p.Line), "{$") || strings.Contains(d.line(p.Line), "${") {
		problem.Text += ` (write "${NAME}", in quotes, within {…} and […])`
	}
	return problem
}

// setter is a scalar with a notation of its own.
type setter interface{ set(text string) error }

func (d *decoder) decode(path string, n ast.Node, v reflect.Value) {
	if _, null := n.(*ast.NullNode); null {
		return // the default stays
	}
	d.stands(path, n)
	switch v.Kind() {
	case reflect.Slice:
		d.list(path, n, v)
	case reflect.Map:
		d.labels(path, n, v)
	case reflect.Struct:
		if secret, ok := v.Addr().Interface().(*Secret); ok {
			d.secret(path, n, secret)
			return
		}
		d.mapping(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

// stands notes where a key or value is found.
func (d *decoder) stands(path string, n ast.Node) {
	if at := positionOf(n); at.line > 0 {
		d.at[path] = at
	}
}

func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.hide(positionOf(n))
		d.report(path, "must be a mapping of keys to values, not %s", kindOf(n))
		return
	}
	if a, ok := v.Addr().Interface().(interface{ setDefaults() }); ok {
		a.setDefaults()
	}
	seen := map[string]bool{}
	var files []func() // the *_file variants, once the keys beside them are known
	for each := m.MapRange(); each.Next(); {
		key, whole := shownKey(keyOf(each.Key()))
		at := join(path, key)
		d.stands(at, each.Key())
		if !whole {
			d.hide(d.at[at])
		}
		if seen[key] {
			d.hide(positionOf(each.Value()))
			d.report(at, "is there twice")
			continue
		}
		seen[key] = true
		if field, ok := fieldOf(v, key); ok {
			d.decode(at, each.Value(), field)
		} else if secret, ok := secretOf(v, key); ok {
			files = append(files, d.secretFile(at, each.Value(), secret))
		} else {
			d.unknown(path, key, each.Value(), v)
		}
	}
	for _, read := range files {
		read()
	}
}

// unknown reports a key that is not known. What it holds may be a secret, and so
// may the key itself where it holds nothing.
func (d *decoder) unknown(path, key string, value ast.Node, v reflect.Value) {
	known := keysOf(v)
	like := nearest(key, known)
	meant, _ := fieldOf(v, like)
	at := join(path, key)
	raw, isScalar := rawText(value)
	switch {
	case !isScalar:
		d.hide(positionOf(value))
	case !meant.IsValid() || meant.Type() == reflect.TypeFor[Secret]() || strings.ContainsAny(raw, " \t\n"):
		d.hideScalar(positionOf(value), raw)
	}
	if _, empty := value.(*ast.NullNode); empty && like == "" && !strings.HasSuffix(key, hidden) {
		d.hide(d.at[at])
		d.at[join(path, hidden)] = d.at[at]
		at = join(path, hidden)
	}
	d.bad[join(path, like)] = like != ""
	d.report(at, "is not a key here%s", oneOf(key, known))
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.hide(positionOf(n))
		d.report(path, "must be a list, not %s", kindOf(n))
		return
	}
	if len(s.Values) == 0 {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, item := range s.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.stands(at, item)
		if _, null := item.(*ast.NullNode); null {
			d.report(at, "is empty")
			continue
		}
		d.decode(at, item, out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) labels(path string, n ast.Node, v reflect.Value) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.report(path, "must be a mapping of names to values, not %s", kindOf(n))
		return
	}
	out := map[string]string{}
	for each := m.MapRange(); each.Next(); {
		key := keyOf(each.Key())
		at := join(path, key)
		d.stands(at, each.Key())
		if _, twice := out[key]; twice {
			d.report(at, "is there twice")
		}
		out[key], _ = d.text(at, each.Value())
	}
	v.Set(reflect.ValueOf(out))
}

// text returns a scalar's text with the variables replaced. It reports false
// where that could not be done, after saying so.
func (d *decoder) text(path string, n ast.Node) (string, bool) {
	raw, ok := rawText(n)
	if !ok {
		d.report(path, "must be a single value, not %s", kindOf(n))
		return "", false
	}
	text, err := substitute(raw, d.env)
	if err != nil {
		d.report(path, "%s", err)
		return "", false
	}
	return text, true
}

func (d *decoder) scalar(path string, n ast.Node, v reflect.Value) {
	text, ok := d.text(path, n)
	if !ok {
		return
	}
	if err := setScalar(v, text); err != nil {
		d.report(path, "%s", err)
	}
}

func setScalar(v reflect.Value, text string) (err error) {
	if s, ok := v.Addr().Interface().(setter); ok {
		return s.set(text)
	}
	switch v.Kind() {
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%s is neither true nor false", quote(text))
		}
		v.SetBool(text == "true")
	case reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s is not a whole number", quote(text))
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%s is not a number", quote(text))
		}
		v.SetFloat(f)
	default:
		v.SetString(text)
	}
	return nil
}

// report adds a problem with a key: at the key, or where that is absent at what
// should hold it. One problem for each key is enough.
func (d *decoder) report(path, format string, args ...any) {
	if d.bad[path] {
		return
	}
	d.bad[path] = true
	d.problems = append(d.problems, d.problem(path, fmt.Sprintf(format, args...)))
}

func (d *decoder) warn(path, format string, args ...any) {
	d.warnings = append(d.warnings, d.problem(path, fmt.Sprintf(format, args...)))
}

func (d *decoder) problem(path, text string) Problem {
	at, holder := d.at[path], path
	for at.line == 0 {
		holder = holder[:max(strings.LastIndexAny(holder, ".["), 0)]
		at = d.at[holder]
	}
	return Problem{Line: at.line, Column: at.column, Key: path, Text: text}
}

// finish gives problems their file and excerpts, in order.
func (d *decoder) finish(ps Problems) Problems {
	for i := range ps {
		p := &ps[i]
		if p.File == "" {
			p.File = d.file
			p.Excerpt = d.excerpt(p.Line, p.Column)
		}
	}
	ps.sort()
	return ps
}
