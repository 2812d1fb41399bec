package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// checker walks an expression while it is compiled: it collects the fields it
// looks at, puts constants that are compared with enum fields into canonical
// form, and reports what the types do not show.
type checker struct{ x *expression }

// Visit is called for each node, children first.
func (c *checker) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.IdentifierNode:
		c.identifier(n)
	case *ast.BinaryNode:
		c.binary(n)
	case *ast.MemberNode:
		if key, ok := labelOf(n); ok {
			c.label(Mention{Label: key}, n.Property)
		}
	case *ast.VariableDeclaratorNode:
		c.refuse(n, "write the value where it is needed", "let")
	case *ast.PredicateNode:
		if ast.Find(n.Node, isPredicate) != nil {
			c.refuse(n, "use one of them", "a predicate within a predicate")
		}
	}
}

// refuse reports what would let a short expression run for hours, or fill the
// memory.
func (c *checker) refuse(n ast.Node, hint, what string) {
	c.x.failAt(n.Location().From, hint, "%s is not available in rules", what)
}

func isPredicate(n ast.Node) bool {
	_, ok := n.(*ast.PredicateNode)
	return ok
}

func (c *checker) identifier(n *ast.IdentifierNode) {
	if f, ok := phone.ParseField(n.Value); ok && f.OfNumber() {
		c.x.depends = c.x.depends.With(f)
	}
	if n.Value == "$env" {
		c.refuse(n, "name the value", "$env")
	}
}

func (c *checker) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		c.refuse(n, "compare with < and >", "a range")
	case "==", "!=", "<", ">", "<=", ">=":
		c.compare(n.Left, n.Right)
		c.compare(n.Right, n.Left)
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, member := range list.Nodes {
				c.compare(n.Left, member)
			}
		}
	}
}

// compare looks at a constant that is compared with a name.
func (c *checker) compare(name, constant ast.Node) {
	value, ok := constant.(*ast.StringNode)
	if !ok {
		return
	}
	if key, ok := labelOf(name); ok {
		c.label(Mention{Label: key, Value: value.Value, Compared: true}, value)
	}
	id, ok := name.(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch id.Value {
	case "Severity":
		c.oneOf(value, alert.Severities())
	case "Direction":
		c.oneOf(value, []string{"none", "better", "worse", "sideways"})
	case "Field":
		c.oneOf(value, strings.Split(fieldNames(slices.Collect(phone.Fields())), ", "))
	case "Old", "New":
		c.enum(value, c.x.fields)
	default:
		if f, ok := phone.ParseField(id.Value); ok {
			c.enum(value, []phone.Field{f})
		}
	}
}

func (c *checker) label(m Mention, n ast.Node) {
	m.Rule, m.At = c.x.rule, c.x.place(n.Location().From)
	c.x.set.mentions = append(c.x.set.mentions, m)
}

// labelOf reads Labels.key and Labels["key"].
func labelOf(n ast.Node) (key string, ok bool) {
	if chain, ok := n.(*ast.ChainNode); ok {
		n = chain.Node
	}
	member, ok := n.(*ast.MemberNode)
	if !ok {
		return "", false
	}
	id, ok := member.Node.(*ast.IdentifierNode)
	if !ok || id.Value != "Labels" {
		return "", false
	}
	property, ok := member.Property.(*ast.StringNode)
	if !ok {
		return "", false
	}
	return property.Value, true
}

func (c *checker) oneOf(n *ast.StringNode, known []string) {
	if !slices.Contains(known, n.Value) {
		c.x.failAt(n.Location().From, diagnostic.DidYouMean(n.Value, known), "%q is none of the values that this can have", n.Value)
	}
}

// enum makes a constant canonical if it can only be meant for enum fields.
func (c *checker) enum(n *ast.StringNode, fields []phone.Field) {
	if len(fields) == 0 || slices.ContainsFunc(fields, func(f phone.Field) bool { return !f.IsEnum() }) {
		return
	}
	n.Value = strings.ToUpper(strings.TrimSpace(n.Value))
	c.x.mentionValue(c.x.place(n.Location().From), fields, n.Value)
}
