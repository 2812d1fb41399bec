package rules

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
)

// The functions of the expression language that rules may call. Those that
// know the time or the machine, or make much of little when they are nested, are
// left out.
var functions = []string{
	"len", "lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix", "indexOf", "lastIndexOf",
	"split", "int", "float", "string", "any", "all", "none", "one", "count", "first", "last", "keys", "values",
}

// condition is a compiled `where`.
type condition struct {
	source  string
	program *vm.Program
	depends phone.FieldSet
}

// isTrue evaluates the condition. One that fails at run time isTrue: an alert
// too many is better than one that is lost.
func (c *condition) isTrue(m *vm.VM, e *environment) bool {
	v, err := m.Run(c.program, e)
	b, ok := v.(bool)
	return err != nil || !ok || b
}

// compileWhere compiles a condition for the fields of a rule (none for the
// defaults and channels); nil where it is absent or wrong.
func (c *compiler) compileWhere(t Text, fields []phone.Field) *condition {
	if !t.Given() {
		return nil
	}
	x := expression{compiler: c, text: t, source: t.Value, fields: fields}
	program := x.compile(expr.AsBool(), expr.WarnOnAny())
	if program == nil {
		return nil
	}
	return &condition{source: t.Value, program: program, depends: x.depends}
}

// expression is one that is being compiled.
type expression struct {
	*compiler
	text   Text
	offset int // of the source within the text
	source string
	fields []phone.Field // what Old and New are values of

	depends   phone.FieldSet
	wentWrong bool
}

// compile returns nil if the expression is wrong, which is then reported.
func (x *expression) compile(options ...expr.Option) (program *vm.Program) {
	if strings.TrimSpace(x.source) == "" {
		x.failAt(0, "", "the expression is empty")
		return nil
	}
	// The language's compiler has panicked on odd input before; a rule must
	// not take the bot down.
	defer func() {
		if p := recover(); p != nil {
			program = nil
			x.failAt(0, "", "the expression cannot be compiled: %v", p)
		}
	}()
	options = append(options, expr.Env(environment{}), expr.DisableAllBuiltins(), expr.MaxNodes(2000), expr.Patch(&checker{x: x}))
	for _, name := range functions {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(x.source, options...)
	if err != nil {
		x.failCompile(err)
		return nil
	}
	if x.wentWrong {
		return nil
	}
	return program
}

func (x *expression) place(runes int) diagnostic.Position { return x.text.locate(x.offset + runes) }

func (x *expression) failAt(runes int, hint, format string, args ...any) {
	x.wentWrong = true
	x.fail(x.place(runes), hint, format, args...)
}

func (x *expression) failCompile(err error) {
	if x.wentWrong {
		return // what the checker found says it better
	}
	var at *file.Error
	if !errors.As(err, &at) {
		x.failAt(0, "", "%v", err)
		return
	}
	hint := ""
	if name, ok := strings.CutPrefix(at.Message, "unknown name "); ok {
		hint = diagnostic.DidYouMean(name, slices.Concat(names, functions))
		if isFunction(name) {
			hint = "this function is not available in rules"
		}
	}
	x.failAt(at.From, hint, "%s", at.Message)
}

func isFunction(name string) bool {
	_, ok := builtin.Index[name]
	return ok
}

// holeValue runs a program of a hole; a value that is not text is an error.
func holeValue(m *vm.VM, p *vm.Program, e *environment) (string, error) {
	v, err := m.Run(p, e)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int, float64:
		return fmt.Sprint(v), nil
	default:
		return "", fmt.Errorf("a {…} gives %T, not text", v)
	}
}

// showable reports whether a program gives what a text can hold, as far as its
// type tells.
func showable(p *vm.Program) bool {
	switch p.Node().Type().Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64:
		return true
	case reflect.Interface:
		return !p.Node().Nature().Nil
	default:
		return false
	}
}

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
	if n.Value == "NameApproved" {
		c.x.depends = c.x.depends.With(phone.NewNameStatus)
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
		c.oneOf(value, phone.FieldNames(phone.Fields()))
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
		c.x.failAt(n.Location().From, diagnostic.DidYouMean(n.Value, known), "%q is not one of its possible values", n.Value)
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
