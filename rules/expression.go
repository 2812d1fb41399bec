package rules

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

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

// holds evaluates the condition. One that fails at run time holds: an alert
// too many is better than one that is lost.
func (c *condition) holds(m *vm.VM, e *environment) bool {
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

func (x *expression) place(runes int) Place { return x.text.locate(x.offset + runes) }

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
		return "", fmt.Errorf("a hole gives %T, not text", v)
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
