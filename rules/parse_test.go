package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "400d": 9600 * time.Hour, "1w2d": 216 * time.Hour, "5ms": 5 * time.Millisecond,
	} {
		d, ok := parseDuration(s)
		require.True(t, ok, s)
		require.Equal(t, want, d, s)
	}
	for _, s := range []string{"", "5", "m", "-5m", "5M", "1m1h", "1m1m", "1.5h", "5 m", "5m ", "9999999999999w", "15250w15250w", "99999999999999999999s", "é"} {
		_, ok := parseDuration(s)
		require.False(t, ok, s)
	}
}

func TestWhatASetTells(t *testing.T) {
	set := parse(t, `
version: 1
defaults: {notify: [ops], reopen_within: 2h}
channels:
  zoo: {slack: C0123456789}
  ops: {slack: "#wa-ops", mention: "<!here>"}
rules:
  - {name: b, on: [Status, Number], to: [BANNED], for: 5m, severity: high, summary: "{New}", action: do, runbook: "https://wiki/x", notify: [zoo, ops]}
  - {name: a, on: Poll, once: true, severity: info, summary: x}
`)
	require.Equal(t, []Channel{{Name: "ops", Slack: "#wa-ops", Mention: []string{"<!here>"}}, {Name: "zoo", Slack: "C0123456789"}}, set.Channels())
	require.Equal(t, []Rule{
		{Name: "a", On: []phone.Field{phone.Poll}, Severity: alert.Info, Once: true, Summary: "x", Channels: []string{"ops"}},
		{
			Name: "b", On: []phone.Field{phone.Status, phone.Presence}, To: []string{"BANNED"}, Severity: alert.High, For: 5 * time.Minute,
			Summary: "{New}", Action: "do", Runbook: "https://wiki/x", Channels: []string{"ops", "zoo"},
		},
	}, set.Rules())
	require.Equal(t, 2*time.Hour+5*time.Minute, set.KeepClosed())
	require.Empty(t, set.Warnings())
}

func TestRulesInEveryStyleOfYAML(t *testing.T) {
	for name, text := range map[string]string{
		"flow":    "{version: 1, rules: [{name: a, on: Status, to: [BANNED], severity: high, summary: 'it''s {New}'}]}",
		"crlf":    "version: 1\r\nrules:\r\n  - name: a\r\n    on: Status\r\n    to: BANNED\r\n    severity: high\r\n    summary: it's {New}\r\n",
		"header":  "%YAML 1.2\n---\nversion: 1\nrules: []\n",
		"folded":  "---\nversion: 1\nrules:\n- name: a\n  on: Status\n  to:\n  - BANNED\n  severity: high\n  summary: >-\n    it's\n    {New}\n...\n",
		"bom":     "\ufeffversion: 1\nrules:\n- {name: a, on: Status, to: [banned], severity: high, summary: \"it's\\u0020{New}\"}",
		"literal": "version: 1\nrules:\n- name: a\n  on: Status\n  to: [BANNED]\n  severity: high\n  summary: |-\n    it's {New}\n",
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Parse("f.yaml", []byte(text))
			if name == "header" {
				require.ErrorContains(t, err, "f.yaml:1:1: directives are not read")
				return
			}
			require.NoError(t, err)
			w := newWorld(t, red)
			w.set = set
			require.Equal(t, "it's BANNED", one(t, w.see(phone.Status, "BANNED")).Summary.Plain())
		})
	}
}

// What Old and New are compared with in upper case only where they are surely
// values of an enum.
func TestConstantsOfSeveralFieldsAreComparedAsWritten(t *testing.T) {
	w := newWorld(t, red)
	w.set = parse(t, `
version: 1
channels:
  ops: {slack: "#ops", where: 'New == "Acme"'}
defaults: {notify: ops}
rules: [{name: a, on: [VerifiedName, Status], once: true, severity: high, summary: x, where: 'New != "banned"'}]
`)
	require.Empty(t, w.set.Warnings())
	require.Len(t, w.see(phone.Status, "BANNED"), 1)
	require.Equal(t, []string{"ops"}, one(t, w.see(phone.VerifiedName, "Acme")).Channels)
}

// Files that are made to keep a parser busy are refused, or read, in a moment.
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
		"circles":   "version: 1\nrules:\n" + names.String(),
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
			require.LessOrEqual(t, len(text), maxSize)
			began := time.Now()
			_, err := Parse("f.yaml", []byte(text))
			if err != nil {
				require.LessOrEqual(t, len(err.Error()), 1<<20)
			}
			require.Less(t, time.Since(began), 10*time.Second)
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
