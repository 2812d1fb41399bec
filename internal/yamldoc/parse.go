// Package yamldoc reads YAML strictly and with places: config.yaml, rules.yaml,
// tests of rules and the simulators' scenarios all go through it. A file is
// parsed into nodes that know their line and column; a Reader then takes them
// apart key by key and collects every problem, so that all of them are reported
// at once. Of numwatch it imports only diagnostic and phone, for durations.
package yamldoc

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxSize bounds a file in bytes.
	MaxSize = 1 << 20
	// maxDepth bounds nested lists and mappings.
	maxDepth = 16
)

// Options say how a file is read.
type Options struct {
	// HideValues keeps values out of every message, for files that hold
	// secrets: problems then name only the place, the key and what is wrong.
	HideValues bool
	// MayBeEmpty allows a file without content, whose root is an empty mapping.
	MayBeEmpty bool
}

// Parse reads the one document of a file; file is its name in messages. Without
// a root the file is no YAML, or YAML of a kind that is not read here (anchors,
// tags, several documents), and Problems says why.
func Parse(file string, data []byte, o Options) *Reader {
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	r := &Reader{file: file, lines: strings.Split(text, "\n"), hide: o.HideValues}
	start := Position{Line: 1, Column: 1}
	if len(data) > MaxSize {
		r.Fail(start, "", "the file has %d bytes, more than %d", len(data), MaxSize)
		return r
	}
	r.checkLines()
	if len(r.problems) > 0 {
		return r
	}
	root := r.document(text)
	switch {
	case len(r.problems) > 0:
	case root != nil:
		r.root = r.build(root, "", start, 0)
	case o.MayBeEmpty:
		r.root = &Node{At: start, Kind: Mapping}
	default:
		r.Fail(start, "", "the file is empty")
	}
	if len(r.problems) > 0 {
		r.root = nil
	}
	return r
}

// checkLines finds what no file may hold, before the parser sees it.
func (r *Reader) checkLines() {
	for i, line := range r.lines {
		if rest := strings.TrimLeft(line, " \t"); rest != "" {
			if tab := strings.IndexByte(line[:len(line)-len(rest)], '\t'); tab >= 0 {
				r.Fail(Position{Line: i + 1, Column: tab + 1}, "YAML indents with spaces", "tab in the indentation")
			}
		}
		column := 0
		for at, c := range line {
			column++
			if c == utf8.RuneError {
				if _, size := utf8.DecodeRuneInString(line[at:]); size == 1 {
					r.Fail(Position{Line: i + 1, Column: column}, "save it as UTF-8", "the file is not UTF-8")
					break
				}
			}
			if c != '\t' && unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff' {
				r.Fail(Position{Line: i + 1, Column: column}, "remove it", "control character %U", c)
				break
			}
		}
	}
}

// document returns the file's one document; nil if it has none.
func (r *Reader) document(text string) (root *yaml.Node) {
	docs, err := documents(text)
	if err != nil {
		r.failSyntax(err)
		return nil
	}
	for i := range docs {
		if root != nil {
			r.Fail(Position{Line: docs[i].Line, Column: docs[i].Column}, "put one document in a file", "a second document begins")
			return nil
		}
		if doc := &docs[i]; len(doc.Content) == 1 && !isAbsent(doc.Content[0]) {
			root = doc.Content[0]
		}
	}
	return root
}

// documents parses text. A fault of the YAML library does not end the process:
// a file that makes the library panic is a bad file.
func documents(text string) (docs []yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, err
		}
		docs = append(docs, doc)
	}
}

// quoted matches what the library quotes from the file, and not the characters
// that it expected.
var quoted = regexp.MustCompile(`["'\x60][^"'\x60\s]{2,}["'\x60]`)

// syntaxPrefix is what the library puts before its messages.
var syntaxPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)

func (r *Reader) failSyntax(err error) {
	text, _, _ := strings.Cut(syntaxPrefix.ReplaceAllString(err.Error(), ""), "\n")
	if r.hide {
		text = quoted.ReplaceAllString(text, "…")
	}
	line, hint := r.badLine(), ""
	if strings.Contains(r.Line(line), "${") {
		hint = `write "${NAME}", in quotes, within {…} and […]`
	}
	r.Fail(Position{Line: line, Column: firstColumn(r.Line(line))}, hint, "not YAML: %s", text)
}

// maxSearched bounds, in bytes, what is parsed to find where a file goes wrong.
const maxSearched = 32 << 20

// badLine returns the line behind the longest beginning of the file that is
// YAML. The library names the line on which the enclosing list or mapping
// begins, which may be far above.
func (r *Reader) badLine() int {
	searched := 0
	for n := len(r.lines) - 1; n > 0 && searched < maxSearched; n-- {
		text := strings.Join(r.lines[:n], "\n") + "\n"
		searched += len(text)
		if _, err := documents(text); err == nil {
			return n + 1
		}
	}
	return 1
}

// firstColumn is where a line's text begins.
func firstColumn(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) + 1 }

func isAbsent(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && n.Value == "" && n.Style == 0
}

// build turns the library's node into ours; key is the place of values that have
// none. It never returns nil.
func (r *Reader) build(y *yaml.Node, path string, key Position, depth int) *Node {
	n := &Node{At: Position{Line: y.Line, Column: y.Column}, Path: path, Kind: Null}
	switch {
	case depth > maxDepth:
		r.Fail(key, "", "nested too deeply")
	case y.Anchor != "" || y.Kind == yaml.AliasNode:
		r.Fail(n.At, "write the value where it is needed", "anchors and aliases are not supported")
	case y.Style&yaml.TaggedStyle != 0:
		r.Fail(n.At, "put text in quotes", "tags are not supported")
	case y.Kind == yaml.SequenceNode:
		n.Kind = List
		for i, item := range y.Content {
			n.Items = append(n.Items, r.build(item, path+"["+strconv.Itoa(i)+"]", n.At, depth+1))
		}
	case y.Kind == yaml.MappingNode:
		r.buildMapping(n, y, depth)
	default:
		r.buildScalar(n, y, key)
	}
	return n
}

func (r *Reader) buildMapping(n *Node, y *yaml.Node, depth int) {
	n.Kind = Mapping
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		at := Position{Line: k.Line, Column: k.Column}
		switch {
		case k.Kind != yaml.ScalarNode:
			r.Fail(at, "write `key: value`", "complex keys are not supported")
			return
		case k.ShortTag() == "!!merge":
			r.Fail(at, "write the keys where they are needed", "merge keys are not supported")
			return
		case k.Anchor != "":
			r.Fail(at, "write the value where it is needed", "anchors and aliases are not supported")
			return
		}
		if i == 0 {
			n.At = at
		}
		value := r.build(y.Content[i+1], join(n.Path, k.Value), at, depth+1)
		n.Pairs = append(n.Pairs, Pair{Key: k.Value, At: at, Value: value})
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (r *Reader) buildScalar(n *Node, y *yaml.Node, key Position) {
	n.Text = y.Value
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		n.Kind, n.style = Text, '"'
	case y.Style&yaml.SingleQuotedStyle != 0:
		n.Kind, n.style = Text, '\''
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n.Kind, n.style = Text, '|'
	case isAbsent(y):
		n.At = key
	default:
		n.Kind = kindOf(y.ShortTag())
	}
}

func kindOf(tag string) Kind {
	switch tag {
	case "!!int", "!!float":
		return Number
	case "!!bool":
		return Bool
	case "!!null":
		return Null
	default: // what YAML takes for a time is text here
		return Text
	}
}
