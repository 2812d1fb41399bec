package rules_test

import "testing"

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
		if len(s) <= 1000 {
			tryExpression(s, "x")
		}
	})
}
