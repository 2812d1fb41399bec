package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// Expressions that are nested without end are compiled or refused in a moment,
// and give no result that takes long to find.
func TestHostileExpressions(t *testing.T) {
	for name, s := range map[string]string{
		"parentheses":  strings.Repeat("(", 480) + "1" + strings.Repeat(")", 480),
		"brackets":     strings.Repeat("[", 490) + strings.Repeat("]", 490),
		"braces":       strings.Repeat("{a:", 240) + "1" + strings.Repeat("}", 240),
		"not":          strings.Repeat("!", 990) + "true",
		"minus":        strings.Repeat("-", 990) + "1",
		"conditionals": strings.Repeat("true?1:", 140) + "1",
		"predicates":   strings.Repeat("any([1,2,3,4],{", 40) + "true" + strings.Repeat("})", 40),
		"falsehoods":   strings.Repeat("any([1,2,3,4,5,6,7,8,9],{", 12) + "New=='x'" + strings.Repeat("})", 12),
		"alternatives": "New matches '" + strings.Repeat("(a|a?)+", 100) + "'",
		"repetitions":  "New matches '((((a{100}){100}){100}){100})'",
		"shadows":      strings.Repeat("let a=1;", 120) + "1",
		"chains":       "Labels" + strings.Repeat("?.a", 300),
		"sums":         strings.Repeat("1+", 490) + "1",
		"powers":       strings.Repeat("9**", 300) + "9",
		"doubling":     "let a=Reason+Reason;" + strings.Repeat("let a=a+a;", 80) + "a",
		"joining":      strings.Repeat(`join(split(Reason,""),`, 9) + "Reason" + strings.Repeat(")", 9),
		"replacing":    strings.Repeat(`replace(Reason,"",`, 9) + "Reason" + strings.Repeat(")", 9),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r := &report{src: newSource("f.yaml", []byte(s))}
			n := &node{at: position{1, 1}, text: s}
			w := r.compileWhere(term{s, n}, []phone.Field{phone.Status})
			text := r.compileText(term{"{" + s + "}", n}, []phone.Field{phone.Status})
			e, m := environment{Reason: strings.Repeat("x", 500)}, &vm.VM{}
			if w != nil {
				w.holds(m, &e)
			}
			if len(r.errors) == 0 {
				text.render(m, &e)
			}
			require.Less(t, time.Since(began), 5*time.Second)
		})
	}
}
