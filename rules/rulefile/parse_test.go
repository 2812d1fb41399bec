package rulefile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
)

func load(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, err := rulefile.Load("rules.yaml", []byte(text))
	require.NoError(t, err)
	return set
}

func TestDurations(t *testing.T) {
	remind := func(s string) (time.Duration, error) {
		set, err := rulefile.Load("f.yaml", fmt.Appendf(nil, "version: 1\nrules: [{name: a, on: Status, to: [BANNED], severity: high, summary: x, remind_every: %q}]", s))
		if err != nil {
			return 0, err
		}
		return set.Rules()[0].Remind, nil
	}
	for s, want := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "400d": 9600 * time.Hour, "1w2d": 216 * time.Hour, "5ms": 5 * time.Millisecond,
	} {
		d, err := remind(s)
		require.NoError(t, err, s)
		require.Equal(t, want, d, s)
	}
	for _, s := range []string{"", "5", "m", "-5m", "5M", "1m1h", "1m1m", "1.5h", "5 m", "5m ", "9999999999999w", "15250w15250w", "99999999999999999999s", "é"} {
		_, err := remind(s)
		require.ErrorContains(t, err, "remind_every is not a duration", s)
	}
}

func TestRulesInEveryStyleOfYAML(t *testing.T) {
	for name, text := range map[string]string{
		"flow":    "{version: 1, rules: [{name: a, on: Status, to: [BANNED], severity: high, summary: 'it''s {New}'}]}",
		"crlf":    "version: 1\r\nrules:\r\n  - name: a\r\n    on: Status\r\n    to: BANNED\r\n    severity: high\r\n    summary: it's {New}\r\n",
		"folded":  "---\nversion: 1\nrules:\n- name: a\n  on: Status\n  to:\n  - BANNED\n  severity: high\n  summary: >-\n    it's\n    {New}\n...\n",
		"bom":     "\ufeffversion: 1\nrules:\n- {name: a, on: Status, to: [banned], severity: high, summary: \"it's\\u0020{New}\"}",
		"literal": "version: 1\nrules:\n- name: a\n  on: Status\n  to: [BANNED]\n  severity: high\n  summary: |-\n    it's {New}\n",
	} {
		t.Run(name, func(t *testing.T) {
			set, err := rulefile.Load("f.yaml", []byte(text))
			require.NoError(t, err)
			subject := phone.SubjectOf(phone.SpaceKey{Account: "main", ID: "293"}, "8613800001111")
			c := phone.Change{Subject: subject, Field: phone.Status, Old: "CONNECTED", New: "BANNED", Number: &phone.Number{}}
			out := set.Step(rules.NewState(nil), rules.Seen{Changes: []phone.Change{c}}, time.Unix(0, 0))
			require.Len(t, out, 1)
			require.Equal(t, "it's BANNED", out[0].Summary.Plain())
		})
	}
}

// Files that are made to keep a parser busy are refused, or read, in reasonable time.
func TestHostileFiles(t *testing.T) {
	var keys, rules, names strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&keys, "key%d: x\n", i)
	}
	for i := range 9_000 {
		fmt.Fprintf(&rules, "- {name: r%d, on: Status, to: [BANNED], severity: high, summary: \"{New}\", was: o%d}\n", i, i)
	}
	for i := range 12_000 {
		fmt.Fprintf(&names, "- {name: r%d, inhibited_by: [r%d, r%d]}\n", i, (i+1)%12_000, (i+2)%12_000)
	}
	for name, text := range map[string]string{
		"keys":      keys.String(),
		"rules":     "version: 1\nrules:\n" + rules.String(),
		"cycles":    "version: 1\nrules:\n" + names.String(),
		"same key":  strings.Repeat("a: b\n", 1<<17),
		"flow":      "version: 1\nrules: [" + strings.Repeat("a, ", 1<<16) + "]",
		"values":    "version: 1\nrules: [{name: a, to: [" + strings.Repeat("a, ", 1<<18) + "]}]",
		"spaces":    "version: 1\nrules: [{name: a, where: 'x" + strings.Repeat(" ", 1<<19) + "\n\n + Foo'}]",
		"pairs":     "version: 1\nrules: [" + strings.Repeat("a: b, ", 1<<15) + "]",
		"flow keys": "{" + strings.ReplaceAll(keys.String(), ": x\n", ", ") + "}",
		"quotes":    "a: \"" + strings.Repeat(`\n`, 1<<18),
		"literal":   "version: 1\nrules:\n- name: a\n  summary: |\n" + strings.Repeat("    {\n", 1<<17),
		"colons":    strings.Repeat("a:", 1<<18),
		"commas":    "[" + strings.Repeat(",", 1<<18),
		"columns":   strings.Repeat("- ", 1<<18),
		"stairs":    stairs(1200),
	} {
		t.Run(name, func(t *testing.T) {
			require.LessOrEqual(t, len(text), 1<<20)
			began := time.Now()
			_, err := rulefile.Load("f.yaml", []byte(text))
			if err != nil {
				require.LessOrEqual(t, len(err.Error()), 1<<20)
			}
			require.Less(t, time.Since(began), time.Minute, "what a parser takes badly takes hours")
		})
	}
}

// stairs nests block mappings, one column deeper a line.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
