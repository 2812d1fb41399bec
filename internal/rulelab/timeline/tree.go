package timeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// kind is what a node is.
type kind string

const (
	aScalar  kind = "a single value"
	aNull    kind = "nothing"
	aList    kind = "a list"
	aMapping kind = "a mapping"
)

// node is a piece of the file with its place.
type node struct {
	at    position
	kind  kind
	text  string // of scalars, as written
	pairs []pair
	items []*node
}

type pair struct {
	key   *node
	value *node
}

const maxDepth = 20

// parseTree reads the file's one document; nil where that failed.
func (r *report) parseTree(data []byte) *node {
	file, err := parseBytes(data)
	if err != nil {
		var at interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &at) && at.GetToken() != nil {
			r.fail(place(at.GetToken()), "not YAML: %s", at.GetMessage())
		} else {
			r.fail(position{1, 1}, "not YAML: %v", err)
		}
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		r.fail(position{1, 1}, "the file must hold one document: start with `version: 1`")
		return nil
	}
	return r.build(file.Docs[0].Body, position{1, 1}, 0)
}

// parseBytes turns a fault of the YAML library into an error.
func parseBytes(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

func place(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// build never returns nil; at is the place to name for values without one.
func (r *report) build(n ast.Node, at position, depth int) *node {
	if depth > maxDepth {
		r.fail(at, "nested too deeply")
		return &node{at: at, kind: aNull}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle {
			at = place(n.GetToken())
		}
		return r.mapping(n.Values, at, depth)
	case *ast.MappingValueNode:
		return r.mapping([]*ast.MappingValueNode{n}, at, depth)
	case *ast.SequenceNode:
		list := &node{at: place(n.GetToken()), kind: aList}
		for _, v := range n.Values {
			list.items = append(list.items, r.build(v, list.at, depth+1))
		}
		return list
	default:
		return r.scalar(n, at)
	}
}

func (r *report) mapping(values []*ast.MappingValueNode, at position, depth int) *node {
	m := &node{at: at, kind: aMapping}
	for i, v := range values {
		k := r.scalar(v.Key, at)
		if i == 0 {
			m.at = k.at
		}
		if first := m.get(k.text); first != nil {
			r.fail(k.at, "%q is given twice, first on line %d", k.text, first.key.at.line)
			continue
		}
		m.pairs = append(m.pairs, pair{k, r.build(v.Value, k.at, depth+1)})
	}
	return m
}

func (r *report) scalar(n ast.Node, at position) *node {
	if n == nil || n.GetToken() == nil {
		return &node{at: at, kind: aNull}
	}
	s := &node{at: place(n.GetToken()), kind: aScalar, text: n.GetToken().Value}
	switch n := n.(type) {
	case *ast.StringNode:
		s.text = n.Value
	case *ast.LiteralNode:
		s.text = n.Value.Value
	case *ast.NullNode:
		s.kind = aNull
		if n.GetToken().Type == token.ImplicitNullType {
			s.at = at
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
	default:
		s.kind = aNull
		r.fail(s.at, "%s is not read here", n.Type().YAMLName())
	}
	return s
}

// get returns the pair with the key, nil if there is none.
func (n *node) get(key string) *pair {
	for i := range n.pairs {
		if n.pairs[i].key.text == key {
			return &n.pairs[i]
		}
	}
	return nil
}

// key is a key that a mapping may have, and what reads its value.
type key struct {
	name     string
	required bool
	read     func(*node)
}

// object reads a mapping that has these keys and no others.
func (r *report) object(n *node, what string, keys ...key) {
	if n.kind != aMapping {
		r.fail(n.at, "%s must be a mapping, not %s", what, n.kind)
		return
	}
	names := make([]string, len(keys))
	readers := make(map[string]func(*node), len(keys))
	for i, k := range keys {
		names[i], readers[k.name] = k.name, k.read
	}
	for _, p := range n.pairs {
		if read := readers[p.key.text]; read != nil {
			read(p.value)
		} else {
			r.fail(p.key.at, "unknown key %q in %s%s", p.key.text, what, oneOf(names))
		}
	}
	for _, k := range keys {
		if k.required && n.get(k.name) == nil {
			r.fail(n.at, "%s lacks the key %q", what, k.name)
		}
	}
}

// list reads each member of a list.
func (r *report) list(n *node, what string, each func(*node)) {
	if n.kind != aList {
		r.fail(n.at, "%s must be a list, not %s", what, n.kind)
		return
	}
	for _, item := range n.items {
		each(item)
	}
}

// text reads a scalar.
func (r *report) text(what string, to **node) func(*node) {
	return func(n *node) {
		if n.kind != aScalar {
			r.fail(n.at, "%s must be a text, not %s", what, n.kind)
			return
		}
		*to = n
	}
}

// texts reads one scalar or a list of them.
func (r *report) texts(what string, to *[]*node) func(*node) {
	return func(n *node) {
		items := []*node{n}
		if n.kind == aList {
			items, *to = n.items, []*node{}
		}
		for _, item := range items {
			var one *node
			if r.text("a member of "+what, &one)(item); one != nil {
				*to = append(*to, one)
			}
		}
	}
}

func (r *report) flag(what string, to **bool) func(*node) {
	return func(n *node) {
		if n.kind != aScalar || n.text != "true" && n.text != "false" {
			r.fail(n.at, "%s must be true or false", what)
			return
		}
		v := n.text == "true"
		*to = &v
	}
}

// duration reads a time span, which is not negative.
func (r *report) duration(what string, to *time.Duration) func(*node) {
	return func(n *node) {
		d, err := parseDuration(n.text)
		if n.kind != aScalar || err != nil {
			r.fail(n.at, "%s must be a duration like 30s, 5m, 1h30m or 7d", what)
			return
		}
		*to = d
	}
}
