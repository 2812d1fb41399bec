package config

import (
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// positionOf tells where a node begins, as a reader sees it.
func positionOf(n ast.Node) position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return positionOf(n.Values[0])
		}
	case *ast.MappingValueNode:
		return positionOf(n.Key)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

// rawText returns a scalar as it is written, so that an id of digits keeps its
// zeros.
func rawText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

func keyOf(n ast.MapKeyNode) string {
	if text, ok := rawText(n); ok {
		return text
	}
	return strings.TrimSpace(n.String())
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
		return "an anchor or alias (write the value out)"
	case *ast.TagNode:
		return "a tagged value (leave the tag out)"
	default:
		return "a single value"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fieldOf finds the member of a struct that a key fills.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag == key && tag != "-" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

const fileSuffix = "_file"

// secretOf finds the secret that a key with the suffix _file fills.
func secretOf(v reflect.Value, key string) (*Secret, bool) {
	name, ok := strings.CutSuffix(key, fileSuffix)
	if !ok {
		return nil, false
	}
	field, ok := fieldOf(v, name)
	if !ok {
		return nil, false
	}
	secret, ok := field.Addr().Interface().(*Secret)
	return secret, ok
}

// keysOf lists the keys of a struct, in its order.
func keysOf(v reflect.Value) []string {
	var keys []string
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		keys = append(keys, key)
		if v.Field(i).Type() == reflect.TypeFor[Secret]() {
			keys = append(keys, key+fileSuffix)
		}
	}
	return keys
}
