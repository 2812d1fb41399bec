package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"numwatch/phone"
)

// OtherValue stands for any value that is not documented, or any text. It is
// none that a rule can name: those are in upper case.
const OtherValue = "unlisted value"

// Opens returns the clause that keeps a rule from opening on a change of one of
// its fields; sure if it opens regardless of anything else.
func (s *Set) Opens(rule string, f phone.Field, old, now string) (clause Clause, sure bool) {
	r := s.fieldRule(rule, f)
	switch {
	case r == nil:
		return On, false
	case !r.opensFor(now):
		return To, false
	case !r.fromFits(old):
		return From, false
	case !r.directionFits(f.Direction(old, now)):
		return Direction, false
	}
	known := factsOf(r, old, now)
	sure = true
	for _, c := range r.where {
		switch known.eval(c.program.Node()) {
		case false:
			return Where, false
		case nil:
			sure = false
		}
	}
	return None, sure
}

// Deaf reports whether the named channel's where is sure to be false on a change,
// for a rule that notifies the channel.
func (s *Set) Deaf(name, rule string, f phone.Field, old, now string) bool {
	r := s.fieldRule(rule, f)
	i := slices.IndexFunc(r.channels, func(c *channel) bool { return c.Name == name && c.where != nil })
	return i >= 0 && factsOf(r, old, now).eval(r.channels[i].where.program.Node()) == false
}

// Values lists the values that a field may have: those documented, best first,
// those that the named rules name, and OtherValue.
func (s *Set) Values(f phone.Field, rules ...string) []string {
	values := f.Values()
	if !f.IsEnum() {
		values = []string{""}
	}
	for _, rule := range rules {
		if r := s.fieldRule(rule, f); r != nil {
			values = slices.Concat(values, r.named(r.to), r.named(r.from))
		}
	}
	seen := map[string]bool{}
	values = slices.DeleteFunc(values, func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
	if f.IsEnum() && !f.OfNumber() {
		return slices.DeleteFunc(values, func(v string) bool { return v == "" }) // numwatch's own: nobody adds to them
	}
	return append(values, OtherValue)
}

// named lists the values that the matcher names, also those with "!", less
// those that are meant for another of the rule's fields.
func (r *fieldRule) named(m *matcher) []string {
	if m == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(m.named, m.except), func(v string) bool {
		return !r.field.Listed(v) && slices.ContainsFunc(r.On, func(f phone.Field) bool { return f.IsEnum() && f.Listed(v) })
	})
}

// facts is what is known about an environment that is not filled yet: the texts
// under some names, and whether they are known.
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
		return f.OfBot()
	case name == "Part":
		return !f.OfBot()
	case name == "MovedFrom", name == "Away":
		return f != phone.Presence
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
		if left != nil && right != nil {
			return (left == right) == (n.Operator == "==")
		}
	}
	return nil
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

// in looks a value up in a list of constants, which the compiler has made a set.
func (k facts) in(value any, list ast.Node) any {
	v, known := value.(string)
	constant, _ := list.(*ast.ConstantNode)
	if !known || constant == nil {
		return nil
	}
	set, ok := constant.Value.(map[string]struct{})
	if !ok {
		return nil
	}
	_, found := set[v]
	return found
}
