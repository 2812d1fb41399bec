package rules

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/expr-lang/expr/vm"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(f, err)
	for _, file := range append(files, "../rules.yaml") {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte("version: 1 # numwatch:ignore\nrules: [] # numwatch:ignore-file duplicate, x : y\n"))
	f.Add([]byte("a: |2\n   x\n  y\nb: \"\\x41\\\n  \\u00e9{\"\n"))
	f.Add([]byte("? - - a\n: {b: [c, {d: e}]}\n"))
	f.Add([]byte("version: 1\r\nrules:\r\n- {name: 'a''b', where: >+\r\n  x\r\n\r\n }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := Parse("f.yaml", data)
		worst, any := Lint("f.yaml", data, Facts{}).Worst()
		require.Equal(t, err != nil, any && worst == Error)
		if err == nil {
			set.Coverage()
			require.NotNil(t, set)
			set.Rules()
			set.Channels()
			return
		}
		var problems Problems
		require.ErrorAs(t, err, &problems)
		require.NotEmpty(t, problems)
		for _, p := range problems {
			require.Positive(t, p.Line)
			require.Positive(t, p.Column)
			require.NotEmpty(t, p.Text)
			require.NotEmpty(t, p.Error())
		}
	})
}

func FuzzExpressions(f *testing.F) {
	for _, s := range []string{
		`Status == "CONNECTED"`, `Labels.env != "test" && (New in ["RED"] or not Baseline)`, `any(values(Labels), # contains "x")`,
		`VerifiedName matches "^a(b|c)*$"`, `let x = Old; x + New == "ab"`, `{"a": 1}["a"] > 0.5 ? true : false`, `1 / 0 > 2`, `VerifiedName[3:1] == ""`,
		`split(VerifiedName, "")[99] == "é"`, `Labels?.x ?? "y" == "y"`, `{New} and {{x}}`, `if true { 1 } else { 2 }`, `"\u{1F600}" == New`, `-int(New) ** 9 > 1`, `$env`, `1..9`,
		`len(join(split(New, ""), New)) > 1; 2`, "`raw` == New", `Since < "x" // c`, `/* c */ Old`, `#`, `.x`, `a?.b?.c()`, `nil == New`, `0x1F + 1_000`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxExpression {
			return
		}
		r := &report{src: newSource("f.yaml", []byte(s))}
		n := &node{at: position{1, 1}, text: s}
		w := r.compileWhere(term{s, n}, []phone.Field{phone.Status})
		text := r.compileText(term{s, n}, []phone.Field{phone.Status})
		var e environment
		space := phone.Space{SpaceKey: phone.SpaceKey{Account: "a", ID: "s"}, Labels: map[string]string{"env": "x"}}
		e.setSubject(space, phone.SubjectOf(space.SpaceKey, "86"), nil)
		m := &vm.VM{}
		if w != nil {
			w.holds(m, &e)
		}
		if len(r.errors) == 0 {
			text.render(m, &e)
		}
	})
}
