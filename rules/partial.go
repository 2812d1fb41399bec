package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"numwatch/phone"
)

// facts is what is known of an environment while nobody has filled it: the
// texts under some names, and whether they are known.
type facts func(name string) (value string, known bool)

// factsOf is what a rule on the field can see of a change before it happens.
func factsOf(r *fieldRule, old, now string) facts {
	return func(name string) (string, bool) {
		switch name {
		case "Field":
			return r.field.String(), true
		case "Old":
			return old, true
		case "New", r.field.String():
			return now, true
		case "Direction":
			return r.field.Direction(old, now).String(), true
		case "Severity":
			return r.Severity.String(), true
		default:
			return "", absent(r.field, name)
		}
	}
}

// absent reports whether the name is empty for every subject of the field.
func absent(f phone.Field, name string) bool {
	other, isField := phone.ParseField(name)
	switch {
	case isField && other.OfNumber(), name == "PhoneNumber":
		return !f.OfNumber() && f != phone.Presence
	case name == "Space", name == "SpaceId", name == "Account":
		return f == phone.Sink
	case name == "Part":
		return f != phone.Sink
	case name == "Code", name == "Reason":
		return f.OfNumber() || f == phone.Presence
	default:
		return false
	}
}

// eval returns an expression's value, a string or bool, as far as it follows
// from what is known; else nil.
func (k facts) eval(n ast.Node) any {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.ConstantNode:
		return n.Value
	case *ast.IdentifierNode:
		if v, known := k(n.Value); known {
			return v
		}
	case *ast.UnaryNode:
		if v, ok := k.eval(n.Node).(bool); ok && (n.Operator == "not" || n.Operator == "!") {
			return !v
		}
	case *ast.BinaryNode:
		return k.binary(n)
	case *ast.ConditionalNode:
		if v, ok := k.eval(n.Cond).(bool); ok && v {
			return k.eval(n.Exp1)
		} else if ok {
			return k.eval(n.Exp2)
		}
	}
	return nil
}

func (k facts) binary(n *ast.BinaryNode) any {
	left := k.eval(n.Left)
	if n.Operator == "in" {
		return k.in(left, n.Right)
	}
	right := k.eval(n.Right)
	switch n.Operator {
	case "and", "&&":
		return decided(left, right, false)
	case "or", "||":
		return decided(left, right, true)
	case "==", "!=":
		if left == nil || right == nil {
			return nil
		}
		return plainValue(left) && plainValue(right) && (left == right) == (n.Operator == "==")
	}
	a, okA := left.(string)
	b, okB := right.(string)
	if !okA || !okB {
		return nil
	}
	switch n.Operator {
	case "contains":
		return strings.Contains(a, b)
	case "startsWith":
		return strings.HasPrefix(a, b)
	case "endsWith":
		return strings.HasSuffix(a, b)
	default:
		return nil
	}
}

func plainValue(v any) bool {
	switch v.(type) {
	case string, bool:
		return true
	default:
		return false
	}
}

// decided is what two sides make of `or` (one that is true decides) or `and`
// (one that is false does).
func decided(a, b any, by bool) any {
	switch {
	case a == by || b == by:
		return by
	case a == !by && b == !by:
		return !by
	default:
		return nil
	}
}

// in looks a value up in a list, which the compiler may have made a set.
func (k facts) in(value any, list ast.Node) any {
	v, ok := value.(string)
	if !ok {
		return nil
	}
	switch list := list.(type) {
	case *ast.ArrayNode:
		members := make([]any, len(list.Nodes))
		for i, n := range list.Nodes {
			members[i] = k.eval(n)
		}
		if slices.Contains(members, any(v)) {
			return true
		}
		if !slices.Contains(members, nil) {
			return false
		}
	case *ast.ConstantNode:
		switch set := list.Value.(type) {
		case map[string]struct{}:
			_, ok := set[v]
			return ok
		case []string:
			return slices.Contains(set, v)
		case []any:
			return slices.Contains(set, any(v))
		}
	}
	return nil
}
