package timeline

import (
	"bytes"
	"context"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/rules"
	"numwatch/rules/rulefile"
)

const rulesFile = `
version: 1
defaults: {notify: [ops]}
channels: {ops: {slack: "#ops"}, oncall: {slack: "#oncall"}, gold: {slack: "#gold", where: 'Labels.tier == "gold"'}}
mute_times:
  nights: {times: ["22:00-07:00"]}
rules:
  - {name: red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}", action: "Pause", notify: [gold], mute: [nights]}
  - {name: yellow, on: QualityRating, to: [YELLOW], for: 10m, severity: warning, summary: "{PhoneNumber} is {New}", inhibited_by: [banned]}
  - {name: banned, on: Status, to: [BANNED], severity: high, summary: "{PhoneNumber} is {New}", escalate: {after: 30m, to: [oncall]}}
`

func testRules(t testing.TB) *rules.Set {
	t.Helper()
	s, err := rulefile.Load("rules.yaml", []byte(rulesFile))
	require.NoError(t, err)
	return s
}

// run runs one test with these steps.
func run(t *testing.T, steps string) Result {
	t.Helper()
	f, err := Parse("t.yaml", []byte("version: 1\ntests:\n- name: it\n  steps:\n"+steps))
	require.NoError(t, err)
	results, err := f.Run(context.Background(), testRules(t), func(string) bool { return true })
	require.NoError(t, err)
	require.Len(t, results, 1)
	return results[0]
}

func TestWhatTimeDoes(t *testing.T) {
	for name, steps := range map[string]string{
		"for": `
  - set: {QualityRating: YELLOW}
    expect: [{rule: yellow, transition: pending}]
  - after: 9m
  - after: 1m
    expect: [{rule: yellow, transition: opened}]
`,
		"for that passes": `
  - set: {QualityRating: YELLOW}
  - after: 9m
    set: {QualityRating: GREEN}
  - after: 1h
`,
		"mute": `
  - after: 14h
    set: {QualityRating: RED}
    expect: [{rule: red, transition: opened, held_by: "mute:nights"}]
  - after: 8h59m
  - after: 1m
    expect: [{rule: red, transition: released, held_by: []}]
  - after: 15h
    expect: [{rule: red, transition: held}]
`,
		"inhibition": `
  - set: {Status: BANNED, QualityRating: YELLOW}
    expect: [{rule: banned, transition: opened}]
  - after: 10m
    expect: [{rule: yellow, transition: opened, held_by: ["rule:banned"]}]
  - set: {Status: CONNECTED}
    expect:
      - {rule: yellow, transition: released}
      - {rule: banned, transition: resolved}
`,
		"escalation": `
  - set: {Status: BANNED}
    expect: [{rule: banned, transition: opened, channels: ops}]
  - after: 29m
  - after: 1m
    expect: [{rule: banned, transition: escalated, channels: [oncall, ops]}]
`,
		"any": `
  - set: {Status: BANNED}
    expect: any
`,
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, steps)
			for _, f := range r.Failures {
				t.Error(f)
			}
		})
	}
}

// A text is what the rule says in any language that a channel speaks.
func TestTextsInEveryLanguage(t *testing.T) {
	const file = `
version: 1
defaults: {notify: [ops, duty]}
channels: {ops: {slack: "#ops"}, duty: {dingtalk: duty, language: zh}}
rules:
  - {name: red, on: QualityRating, to: [RED], severity: critical, summary: "{PhoneNumber} is {New}"}
`
	set, err := rulefile.Load("rules.yaml", []byte(file), rulefile.Texts{File: "rules.zh.yaml", Data: []byte("version: 1\nlanguage: zh\nrules:\n  red: {summary: \"{PhoneNumber} 的质量为 {New}\"}\n")})
	require.NoError(t, err)
	for text, passes := range map[string]bool{"8613800001111 is RED": true, "8613800001111 的质量为 RED": true, "的质量为 GREEN": false} {
		f, err := Parse("t.yaml", []byte("version: 1\ntests:\n- name: it\n  steps:\n  - set: {QualityRating: RED}\n    expect: [{rule: red, transition: opened, text: "+text+"}]\n"))
		require.NoError(t, err)
		results, err := f.Run(context.Background(), set, func(string) bool { return true })
		require.NoError(t, err)
		require.Equal(t, passes, results[0].Passed, results[0].Failures)
	}
}

func TestWhatDiffersIsListed(t *testing.T) {
	r := run(t, `
  - set: {QualityRating: RED, Status: BANNED}
    expect:
      - {rule: red, transition: opened, severity: high, channels: [ops, gold], text: is AMBER}
      - {rule: yellow, transition: opened}
`)
	require.Len(t, r.Failures, 1)
	require.Equal(t, `t.yaml:6: step 1, at Mon 2026-11-23 08:01:00:
  expected: red opened  (line 8)
  got:      red opened  main/1001/8613800001111 QualityRating
      severity: high, got: critical
      channels: [gold, ops], got: [ops]
      text: …is AMBER…, got: 8613800001111 is RED
  did not happen: yellow opened  (line 9)
  not expected: banned opened  main/1001/8613800001111 Status
      high, channels [ops]: "8613800001111 is BANNED"`, r.Failures[0])
}

func TestASilentStepMustBeSilent(t *testing.T) {
	r := run(t, "\n  - set: {QualityRating: RED}\n")
	require.Len(t, r.Failures, 1)
	require.Contains(t, r.Failures[0], "not expected: red opened")
	f, err := Parse("t.yaml", []byte("version: 1\nnumber: {QualityRating: RED}\ntests: [{name: first look, steps: []}]\n"))
	require.NoError(t, err)
	results, err := f.Run(context.Background(), testRules(t), func(string) bool { return true })
	require.NoError(t, err)
	require.Len(t, results[0].Failures, 1)
	require.Contains(t, results[0].Failures[0], "t.yaml:3: the baseline, ")
}

// An expectation that says little must not take what another one needs.
func TestExpectationsShareWhatHappened(t *testing.T) {
	r := run(t, `
  - add: {"86": {QualityRating: RED}, "87": {QualityRating: RED}}
    expect:
      - {rule: red, transition: opened}
      - {rule: red, transition: opened, number: "86"}
`)
	require.Empty(t, r.Failures)
}

func TestOnlyWhatIsWantedRuns(t *testing.T) {
	f, err := Parse("t.yaml", []byte("version: 1\ntests: [{name: a, steps: []}, {name: b, steps: []}]\n"))
	require.NoError(t, err)
	results, err := f.Run(context.Background(), testRules(t), func(name string) bool { return name == "b" })
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Equal(t, "b", results[0].Name)
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "t.yaml:1:1: the file is empty"},
		{"version: 2\ntests: []", "t.yaml:1:10: version must be 1"},
		{"tests: []", `t.yaml:1:1: the file lacks the key "version"`},
		{"version: 1", `t.yaml:1:1: the file lacks the key "tests"`},
		{"version: 1\ntests: {}", "t.yaml:2:8: tests must be a list, not a mapping"},
		{"version: 1\ntests:\n- name: x\n  stepz: []", `t.yaml:4:3: unknown key "stepz" in a test (did you mean "steps"?)`},
		{"version: 1\ntests:\n- {name: x, steps: [{}]}\n- {name: x, steps: []}", "t.yaml:4:10: another test has this name"},
		{"version: 1\ntests:\n- {name: x, steps: [{set: {Qualty: RED}}]}", `t.yaml:3:28: "Qualty" is not a field of a number`},
		{"version: 1\ntests:\n- {name: x, steps: [{set: {Poll: OK}}]}", `t.yaml:3:28: "Poll" is not a field of a number`},
		{"version: 1\ntests:\n- {name: x, steps: [{set: {Status: [A]}}]}", "t.yaml:3:36: Status must be a single value, not a list"},
		{"version: 1\ntests:\n- {name: x, steps: [{after: soon}]}", "t.yaml:3:29: after is not a duration"},
		{"version: 1\ntests:\n- {name: x, steps: [{after: -5m}]}", "t.yaml:3:29: after is not a duration"},
		{"version: 1\ntests:\n- {name: x, steps: [{after: 100d}]}", "a step may cover at most 60 days"},
		{"version: 1\ntests:\n- {name: x, start: today, steps: []}", "t.yaml:3:20: start must be a time like"},
		{"version: 1\ntests:\n- {name: x, steps: [{sink: {part: nats, value: BROKEN}}]}", "t.yaml:3:48: Sink is OK or PARKED"},
		{"version: 1\ntests:\n- {name: x, steps: [{fail: {code: A, status: 1}}]}", "t.yaml:3:46: status must be a number from 200 to 599"},
		{"version: 1\ntests:\n- {name: x, steps: [{heal: yes}]}", "t.yaml:3:28: heal must be true or false"},
		{"version: 1\ntests:\n- {name: x, steps: [{expect: nothing}]}", "t.yaml:3:30: expectations must be a list"},
		{"version: 1\ntests:\n- {name: x, steps: [{expect: [{rule: red}]}]}", `an expectation lacks the key "transition"`},
		{"version: 1\ntests:\n- {name: x, steps: [{expect: [{rule: red, transition: open}]}]}", `t.yaml:3:55: unknown transition "open" (did you mean "opened"?)`},
		{"version: 1\ntests:\n- {name: x, steps: [{expect: [{rule: red, transition: opened, severity: bad}]}]}", `unknown severity "bad"`},
		{"version: 1\npoll: {missing_after: 0}\ntests: []", "t.yaml:2:23: missing_after must be a number from 1 to 1000"},
		{"version: 1\npoll: {every: 0s}\ntests: []", "every must be at least 1s"},
		{"version: 1\nspaces: []\ntests: []", "t.yaml:2:9: name at least one space"},
		{"version: 1\nspaces: [{id: a, numbers: {}}, {id: a, numbers: {}}]\ntests: []", `another space has the id "a"`},
		{"version: 1\nversion: 1\ntests: []", `t.yaml:2:1: key "version" is given twice (first on line 1)`},
		{"version: 1\ntests: &x []\n", "t.yaml:2:8:"},
		{"version: 1\ntests: [", "t.yaml:2:1: not YAML"},
	} {
		_, err := Parse("t.yaml", []byte(c.text))
		var problems diagnostic.Problems
		require.ErrorAs(t, err, &problems, c.text)
		require.Contains(t, err.Error(), c.want, c.text)
	}
}

func TestNamesThatTheRulesDoNotHave(t *testing.T) {
	f, err := Parse("t.yaml", []byte(`version: 1
tests:
- name: x
  baseline: [{rule: blue, transition: opened}]
  steps:
  - {space: "9", expect: [{rule: red, transition: opened, channels: [nowhere]}]}
`))
	require.NoError(t, err)
	_, err = f.Run(context.Background(), testRules(t), func(string) bool { return true })
	var problems diagnostic.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 3)
	require.ErrorContains(t, err, `t.yaml:4:21: unknown rule "blue" (one of banned, red, yellow)`)
	require.ErrorContains(t, err, `t.yaml:6:13: unknown space "9" (one of all, 1001)`)
	require.ErrorContains(t, err, `unknown channel "nowhere"`)
	require.ErrorContains(t, err, "    6 |   - {space: \"9\",")
}

func TestANumberThatIsNotThere(t *testing.T) {
	f, err := Parse("t.yaml", []byte("version: 1\ntests: [{name: x, steps: [{remove: \"86\"}]}]"))
	require.NoError(t, err)
	_, err = f.Run(context.Background(), testRules(t), func(string) bool { return true })
	require.ErrorContains(t, err, `space 1001 has no number "86"`)
}

func TestJUnit(t *testing.T) {
	results := []Result{
		{Name: "good", File: "a.yaml", Line: 3, Passed: true, Seconds: 0.0126},
		{Name: "bad <&> \x1b", File: "a.yaml", Line: 9, Steps: 1, Failures: []string{"a.yaml:10: step 1: ≠ <x> ]]>"}},
		{Name: "other", File: "b.yaml", Line: 3, Passed: true, Seconds: 1},
	}
	var b bytes.Buffer
	require.NoError(t, WriteJUnit(&b, results))
	var back junitSuites
	require.NoError(t, xml.Unmarshal(b.Bytes(), &back))
	require.Equal(t, 3, back.Tests)
	require.Equal(t, 1, back.Failures)
	require.Len(t, back.Suites, 2)
	require.Contains(t, b.String(), `<testsuites tests="3" failures="1" time="1.013">`)
	require.Contains(t, b.String(), `<testsuite name="b.yaml" tests="1" failures="0" time="1.000">`)
	require.Nil(t, back.Suites[0].Cases[0].Failure)
	require.Contains(t, back.Suites[0].Cases[1].Failure.Text, "≠ <x> ]]>")
}

func FuzzParse(f *testing.F) {
	f.Add("version: 1\ntests: [{name: x, steps: [{set: {Status: BANNED}, expect: [{rule: red, transition: opened}]}]}]")
	f.Add("version: 1\npoll: {every: 1m}\nspaces: [{id: a, labels: {a: b}, numbers: {\"8\": }}]\ntests:\n- {name: x, start: 2026-11-23T08:00:00Z, steps: [{after: 1d2h, fail: X}]}")
	f.Add("a: [b\n\t- c")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("t.yaml", []byte(text))
		if (file == nil) == (err == nil) {
			t.Fatal("a file or an error, not both")
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Fatal("an error that says nothing")
		}
	})
}

func TestWhatSlackIsSent(t *testing.T) {
	const steps = `
  - set: {QualityRating: RED}
    expect: [{rule: red, transition: opened}]
    slack: {ops: post, gold: []}
  - set: {Status: BANNED}
    expect: [{rule: banned, transition: opened}]
    slack: {ops: reply}
  - set: {Status: CONNECTED, QualityRating: GREEN}
    expect: any
    slack: {ops: [reply]}
  - set: {QualityRating: RED}
    expect: any
    slack: {ops: broadcast}
  - slack: {}
`
	r := run(t, steps)
	require.Empty(t, r.Failures)
	r = run(t, strings.Replace(steps, "slack: {ops: broadcast}", "slack: {ops: [reply], oncall: post}", 1))
	require.Len(t, r.Failures, 1)
	require.Contains(t, r.Failures[0], "slack, channel oncall: expected [post]  (line 17), got []")
	require.Contains(t, r.Failures[0], "slack, channel ops: expected [reply]  (line 17), got [broadcast]")

	_, err := Parse("t.yaml", []byte("version: 1\ntests:\n- name: it\n  steps:\n  - slack: {ops: posts}\n"))
	require.ErrorContains(t, err, `unknown way to notify people "posts"`)
	f, err := Parse("t.yaml", []byte("version: 1\ntests:\n- name: it\n  steps:\n  - slack: {opps: post}\n"))
	require.NoError(t, err)
	_, err = f.Run(t.Context(), testRules(t), func(string) bool { return true })
	require.ErrorContains(t, err, `unknown channel "opps"`)
}
