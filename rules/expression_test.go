package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/rules"
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
			tryExpression(s, strings.Repeat("x", 500))
			require.Less(t, time.Since(began), time.Minute, "what does not end takes hours")
		})
	}
}

// tryExpression has rules judge a change by the expression, as a where and in a
// text, where it can be compiled.
func tryExpression(s, reason string) {
	text := func(value string) rules.Text {
		return rules.Text{Part: rules.Part[string]{Value: value, At: diagnostic.Position{Line: 1, Column: 1}}}
	}
	rule := rules.RuleSpec{
		Name: text("a").Part, On: []rules.Part[phone.Field]{{Value: phone.Status}}, To: []rules.Part[string]{{Value: "BANNED"}}, Summary: rules.Texts{Default: text("x")},
	}
	where, hole := rule, rule
	where.Where, hole.Summary.Default = text(s), text("{"+s+"}")
	space := phone.Space{SpaceKey: phone.SpaceKey{Account: "a", ID: "s"}, Labels: map[string]string{"env": "x"}}
	c := phone.Change{Subject: phone.SubjectOf(space.SpaceKey, "86"), Field: phone.Status, Old: "CONNECTED", New: "BANNED", Reason: reason}
	for _, r := range []rules.RuleSpec{where, hole} {
		set, _ := rules.Compile(rules.Spec{Rules: []rules.RuleSpec{r}})
		if set != nil {
			set.Step(rules.NewState(nil), rules.Seen{Space: space, Changes: []phone.Change{c}}, start)
			set.Opens("a", phone.Status, "CONNECTED", "BANNED")
		}
	}
}
