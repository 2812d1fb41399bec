package rulefile

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"numwatch/rules"
)

// kind is what a node of the file is.
type kind uint8

const (
	aText kind = iota
	aNumber
	aBool
	aNull
	aList
	aMapping
)

var kindNames = [...]string{"text", "a number", "true or false", "nothing", "a list", "a mapping"}

func (k kind) String() string { return kindNames[k] }

// node is a piece of the file: the little of YAML that rules need.
type node struct {
	at    rules.Place
	kind  kind
	text  string // of scalars, as written
	style byte   // of text: ' " | or 0 for plain
	pairs []pair
	again []pair // keys that were given already, without their values
	items []*node
}

type pair struct {
	key   string
	at    rules.Place
	value *node
}

// get returns the value of the first pair with the key, nil if there is none.
func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// line returns where the key stands, 0 if it does not.
func (n *node) line(key string) int {
	for _, p := range n.pairs {
		if p.key == key {
			return p.at.Line
		}
	}
	return 0
}

// parseTree reads the file's one document; nil if that failed.
func (r *reader) tree() *node {
	tokens, err := tokenize(r.content)
	if err != nil {
		r.fail(start, "", "%v", err)
		return nil
	}
	if !checkTokens(r, tokens) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		failSyntax(r, err)
		return nil
	}
	t := treeBuilder{r}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			return t.build(doc.Body, start, 0)
		}
	}
	r.fail(start, "start with `version: 1`", "the file is empty")
	return nil
}

// tokenize and parseTokens keep a fault of the YAML library from taking the
// bot down with it: a file that makes the library panic is a bad file.
func tokenize(text string) (tokens token.Tokens, err error) {
	defer recoverTo(&err)
	return lexer.Tokenize(text), nil
}

func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer recoverTo(&err)
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("not YAML that can be read: %v", p)
	}
}

func failSyntax(r *reader, err error) {
	var at interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &at) && at.GetToken() != nil {
		r.fail(place(at.GetToken()), "", "not YAML: %s", at.GetMessage())
		return
	}
	r.fail(start, "", "not YAML: %v", err)
}

func place(t *token.Token) rules.Place {
	if t == nil || t.Position == nil {
		return start
	}
	return rules.Place{Line: max(t.Position.Line, 1), Column: max(t.Position.Column, 1)}
}

// treeBuilder makes nodes of what the YAML parser built.
type treeBuilder struct{ *reader }

// build never returns nil; key is the place to name for values without one.
func (t treeBuilder) build(n ast.Node, key rules.Place, depth int) *node {
	if depth > maxDepth {
		t.fail(key, "", "nested too deeply")
		return &node{at: key, kind: aNull}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return t.mapping(n.Values, key, depth)
	case *ast.MappingValueNode:
		return t.mapping([]*ast.MappingValueNode{n}, key, depth)
	case *ast.SequenceNode:
		list := &node{at: place(n.GetToken()), kind: aList}
		for _, v := range n.Values {
			list.items = append(list.items, t.build(v, list.at, depth+1))
		}
		return list
	default:
		return t.scalar(n, key)
	}
}

func (t treeBuilder) mapping(values []*ast.MappingValueNode, at rules.Place, depth int) *node {
	m := &node{at: at, kind: aMapping}
	seen := make(map[string]bool, len(values))
	for i, v := range values {
		k := t.scalar(v.Key, at)
		if i == 0 {
			m.at = k.at
		}
		if seen[k.text] {
			m.again = append(m.again, pair{key: k.text, at: k.at})
			continue
		}
		seen[k.text] = true
		m.pairs = append(m.pairs, pair{key: k.text, at: k.at, value: t.build(v.Value, k.at, depth+1)})
	}
	return m
}

func (t treeBuilder) scalar(n ast.Node, key rules.Place) *node {
	if n == nil || n.GetToken() == nil {
		return &node{at: key, kind: aNull}
	}
	tk := n.GetToken()
	s := &node{at: place(tk), text: tk.Value}
	switch n := n.(type) {
	case *ast.StringNode:
		s.text = n.Value
		switch tk.Type {
		case token.SingleQuoteType:
			s.style = '\''
		case token.DoubleQuoteType:
			s.style = '"'
		}
	case *ast.LiteralNode:
		s.style = '|'
		s.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		s.kind = aNumber
	case *ast.BoolNode:
		s.kind = aBool
	case *ast.NullNode:
		s.kind = aNull
		if tk.Type == token.ImplicitNullType {
			s.at = key
		}
	default:
		s.kind = aNull
		t.fail(s.at, "", "%s is not read here", n.Type().YAMLName())
	}
	return s
}
