package yamldoc_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"numwatch/internal/yamldoc"
)

// read takes a file apart that has a name, words, a flag, a duration and named
// lists.
func read(data string, o yamldoc.Options) (*yamldoc.Reader, sample) {
	r := yamldoc.Parse("f.yaml", []byte(data), o)
	var s sample
	if r.Root() == nil {
		return r, s
	}
	r.Object(r.Root(), "the file",
		yamldoc.Key{Name: "name", Required: true, Read: r.Text("name", 20, &s.name)},
		yamldoc.Key{Name: "words", Read: r.Texts("words", false, &s.words)},
		yamldoc.Key{Name: "on", Read: r.Flag("on", &s.on)},
		yamldoc.Key{Name: "after", Read: r.Duration("after", &s.after)},
		yamldoc.Key{Name: "groups", Read: func(n *yamldoc.Node) {
			r.Named(n, "groups", func(name, value *yamldoc.Node) {
				r.List(value, "group "+name.Text, func(item *yamldoc.Node) {
					s.paths = append(s.paths, item.Path)
				})
			})
		}},
	)
	return r, s
}

type sample struct {
	name  *yamldoc.Node
	words []*yamldoc.Node
	on    bool
	after time.Duration
	paths []string
}

func TestReader(t *testing.T) {
	r, s := read("# a comment\nname: \"x # y\"\nwords: [b, 'a']\non: true\nafter: 1h30m\ngroups:\n  one: [1, 2]\n  two:\n    - {a: b}\n", yamldoc.Options{})
	require.Empty(t, r.Problems())
	require.Equal(t, "x # y", s.name.Text)
	require.Equal(t, yamldoc.Position{Line: 2, Column: 7}, s.name.At)
	require.Len(t, s.words, 2)
	require.Equal(t, yamldoc.Position{Line: 3, Column: 12}, s.words[1].At)
	require.True(t, s.on)
	require.Equal(t, 90*time.Minute, s.after)
	require.Equal(t, []string{"groups.one[0]", "groups.one[1]", "groups.two[0]"}, s.paths)
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"unknown key":        {"name: a\nword: b", `f.yaml:2:1: unknown key "word" in the file (did you mean "words"?)`},
		"key twice":          {"name: a\nname: b", `f.yaml:2:1: key "name" is given twice (first on line 1)`},
		"missing key":        {"on: true", `f.yaml:1:1: the file lacks the key "name"`},
		"number as text":     {"name: 5", `f.yaml:1:7: name must be text, not a number (put it in quotes)`},
		"empty":              {"name:\non: true", `f.yaml:1:1: name is empty (text that begins with #`},
		"too long":           {"name: " + strings.Repeat("x", 21), `f.yaml:1:7: name has 21 bytes, more than 20`},
		"not a mapping":      {"[a]", `f.yaml:1:1: the file must be a mapping, not a list`},
		"member twice":       {"name: a\nwords: [b, b]", `f.yaml:2:12: "b" is given twice in words`},
		"member is a list":   {"name: a\nwords: [b, [c]]", `f.yaml:2:12: words must be text or a list of texts`},
		"no members":         {"name: a\nwords: []", `f.yaml:2:8: words has no members`},
		"flag":               {"name: a\non: maybe", `f.yaml:2:5: on must be true or false, not text`},
		"duration":           {"name: a\nafter: 5 minutes", `f.yaml:2:8: after is not a duration (write 90s, 5m, 1h30m, 7d, 2w or 1y)`},
		"names":              {"name: a\ngroups: [b]", `f.yaml:2:9: groups must be a mapping of names, not a list`},
		"anchor":             {"name: &x a", `f.yaml:1:7: anchors and aliases are not supported`},
		"alias":              {"name: &x a\nwords: *x", `f.yaml:1:7: anchors and aliases are not supported`},
		"tag":                {"name: !!str 5", `f.yaml:1:7: tags are not supported`},
		"merge":              {"<<: {name: a}", `f.yaml:1:1: merge keys are not supported`},
		"complex key":        {"? [a]\n: b", `f.yaml:1:3: complex keys are not supported`},
		"second document":    {"name: a\n---\nname: b", `f.yaml:2:1: a second document begins`},
		"nothing":            {"# only a comment\n", `f.yaml:1:1: the file is empty`},
		"tab":                {"groups:\n\tone: []", `f.yaml:2:1: tab in the indentation`},
		"control character":  {"name: a\x07b", `f.yaml:1:8: control character U+0007`},
		"not UTF-8":          {"name: \xff", `f.yaml:1:7: the file is not UTF-8`},
		"syntax":             {"name: a\nwords: [b", `f.yaml:`},
		"syntax on its line": {"name: a\non: true: false", `f.yaml:2:1: not YAML: `},
		"syntax far below":   {"groups:\n  one:\n    - a\n    - b\n   - c\nname: d", `f.yaml:5:4: not YAML: `},
		"unclosed quote":     {"name: a\nwords: [b, \"c]\non: true", `f.yaml:2:1: not YAML: `},
		"nested":             {"name: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), `nested too deeply`},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := read(c.data, yamldoc.Options{})
			require.Contains(t, r.Problems().Error(), c.want)
		})
	}
}

func TestProblemShowsTheLine(t *testing.T) {
	r, _ := read("name: a\nwords: [b, b]\n", yamldoc.Options{})
	require.Equal(t, "f.yaml:2:12: \"b\" is given twice in words\n    2 | words: [b, b]\n      |            ^", r.Problems().Error())
}

func TestEveryProblemIsReported(t *testing.T) {
	r, _ := read("nam: a\non: 5\nafter: x\n", yamldoc.Options{})
	require.Len(t, r.Problems(), 4, "an unknown key, a missing one, and two bad values")
	require.Equal(t, 1, r.Problems()[0].Line)
	require.Equal(t, 3, r.Problems()[3].Line)
}

func TestAProblemNamesItsRule(t *testing.T) {
	r := yamldoc.Parse("f.yaml", []byte("a: b"), yamldoc.Options{})
	r.Rule = "rule x"
	r.FailAt(r.Root(), "", "wrong")
	require.Equal(t, "rule x", r.Problems()[0].Rule)
}

func TestHiddenValuesStayHidden(t *testing.T) {
	for _, data := range []string{
		"name: TOPSECRET and much more than that",
		"words: [TOPSECRET, TOPSECRET]",
		"name TOPSECRET: x",
		"TOPSECRET: x\nTOPSECRET: y",
		"name: \"TOPSECRET",
		"name: TOPSECRET: x",
		"name: *TOPSECRET",
		"name: [TOPSECRET",
		"name: 'a' TOPSECRET",
		"on: TOPSECRET",
		"groups: TOPSECRET",
		"name:\tTOPSECRET\n\tTOPSECRET",
		"nameTOPSECRET: x",
	} {
		r, _ := read(data, yamldoc.Options{HideValues: true})
		require.NotEmpty(t, r.Problems(), data)
		require.NotContains(t, r.Problems().Error(), "TOPSECRET", data)
	}
}

func TestMayBeEmpty(t *testing.T) {
	r := yamldoc.Parse("f.yaml", nil, yamldoc.Options{MayBeEmpty: true})
	require.Empty(t, r.Problems())
	require.Equal(t, yamldoc.Mapping, r.Root().Kind)
}

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		data   string
		offset int
		want   yamldoc.Position
	}{
		{"a: b == c", 2, yamldoc.Position{Line: 1, Column: 6}},
		{"a: 'it''s b'", 3, yamldoc.Position{Line: 1, Column: 9}},
		{`a: "x\u0041y"`, 2, yamldoc.Position{Line: 1, Column: 12}},
		{"a: |\n  one\n  two", 4, yamldoc.Position{Line: 3, Column: 3}},
		{"a: >-\n  one\n  two", 4, yamldoc.Position{Line: 3, Column: 3}},
	} {
		r := yamldoc.Parse("f.yaml", []byte(c.data), yamldoc.Options{})
		require.Empty(t, r.Problems(), c.data)
		require.Equal(t, c.want, r.Locate(r.Root().Get("a"), c.offset), c.data)
	}
}

// Whatever a file holds, reading it ends without a panic, and problems point
// into it.
func FuzzParse(f *testing.F) {
	f.Add([]byte("name: a\nwords: [b, 'c']\nafter: 5m\ngroups:\n  one:\n    - |\n      text\n"), false)
	f.Add([]byte("name: &a [*a]\n---\n? x\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, hide bool) {
		r, s := read(string(data), yamldoc.Options{HideValues: hide})
		for _, p := range r.Problems() {
			require.NotEmpty(t, p.Text)
			require.True(t, utf8.ValidString(p.Error()) || !utf8.Valid(data))
			require.LessOrEqual(t, p.Line, len(r.Lines())+1)
			require.Positive(t, p.Column)
		}
		if s.name != nil {
			r.Locate(s.name, len(s.name.Text)/2)
		}
	})
}
