package lint_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/rules/lint"
	"numwatch/rules/rulefile"
)

const lintHeader = `version: 1
defaults: {notify: ops}
channels:
  ops: {slack: C0123456789}
`

// lintCase is the rest of a file (it begins in line 5; or a whole one), what is known beside
// it, and the findings: line:column, check, and part of the text.
type lintCase struct {
	name  string
	file  string
	facts lint.Facts
	want  []string
}

// A rule that is well, but for what is added.
func ruleWith(keys string) string {
	return "rules:\n  - {name: a, on: Status, severity: high, summary: x, " + keys + "}\n"
}

var labelled = lint.Facts{Spaces: []phone.Space{{Labels: map[string]string{"tier": "gold"}}, {Labels: map[string]string{"tier": "free"}}}}

var lintCases = []lintCase{
	{"invalid", ruleWith("to: [BANNED], severtiy: high"), lint.Facts{}, []string{`6:69 invalid unknown key "severtiy"`}},
	{"invalid", ruleWith("to: [BANNED]"), lint.Facts{}, nil},

	{"undocumented-value", ruleWith("to: [BANED, BANNED]"), lint.Facts{}, []string{`6:60 undocumented-value "BANED" is not a documented value of Status`}},
	{"undocumented-value", ruleWith("to: [TEAPOT]"), lint.Facts{Seen: map[phone.Field]map[string]bool{phone.Status: {"TEAPOT": true}}}, nil},
	{"undocumented-value", ruleWith("to: [TEAPOT]"), lint.Facts{Seen: map[phone.Field]map[string]bool{phone.NameStatus: {"TEAPOT": true}}}, []string{
		`6:60 undocumented-value "TEAPOT" is not a documented value of Status, and the log has never seen it`,
	}},

	{"impossible", ruleWith(`to: [BANNED], where: 'Status == "CONNECTED"'`), lint.Facts{}, []string{"6:12 impossible the rule can never open (where contradicts"}},
	{"impossible", ruleWith(`from: [BANNED], to: [BANNED]`), lint.Facts{}, []string{"6:12 impossible the rule can never open (to, from and direction"}},
	{"impossible", ruleWith(`from: [BANNED], direction: worse`), lint.Facts{}, []string{"6:12 impossible the rule can never open"}},
	{"impossible", "rules:\n  - {name: a, on: [Status, QualityRating], severity: high, summary: x, to: [RED]}\n", lint.Facts{}, []string{"6:20 impossible the rule can never open on Status"}},
	{"impossible", ruleWith(`to: [BANNED], where: 'Status == "CONNECTED" || Labels.tier == "gold"'`), lint.Facts{}, nil},
	{"impossible", "rules:\n  - {name: a, on: Poll, severity: high, summary: x, to: [DENIED], where: 'PhoneNumber != \"\"'}\n", lint.Facts{}, []string{"6:12 impossible"}},

	{"duplicate", twoRules("to: [BANNED]", "to: [BANNED, FLAGGED]"), lint.Facts{}, []string{`6:12 duplicate whenever it opens, rule "b" opens as well`}},
	{"duplicate", twoRules("to: [BANNED]", "to: [BANNED]"), lint.Facts{}, []string{`7:12 duplicate whenever it opens, rule "a" opens as well`}},
	{"duplicate", twoRules("to: [BANNED]", "to: [BANNED, FLAGGED], where: 'Labels.tier == \"gold\"'"), lint.Facts{}, nil},
	{"duplicate", twoRules("to: [BANNED], where: 'Labels.tier == \"gold\"'", "to: [BANNED, FLAGGED], where: 'Labels.tier == \"gold\"'"), lint.Facts{}, []string{"6:12 duplicate"}},
	{"duplicate", twoRules("to: [BANNED]", "to: [FLAGGED]"), lint.Facts{}, nil},
	{"duplicate", twoRules("to: [BANNED], for: 1h", "to: [BANNED, FLAGGED]"), lint.Facts{}, nil},

	{"no-channel", "version: 1\nrules: [{name: a, on: Status, to: [BANNED], severity: high, summary: x}]\n", lint.Facts{}, []string{"2:16 no-channel"}},
	{"no-channel", ruleWith("to: [BANNED]"), lint.Facts{}, nil},
	{"deaf-channel", "  crit: {slack: C1123456789, where: 'Severity == \"critical\"'}\n" + ruleWith("to: [BANNED], notify: [crit]"), lint.Facts{}, []string{
		`7:78 deaf-channel channel "crit" never gets this rule's alerts (its where is Severity == "critical")`,
	}},
	{"deaf-channel", "  crit: {slack: C1123456789, where: 'Severity in [\"critical\", \"high\"]'}\n" + ruleWith("to: [BANNED], notify: [crit]"), lint.Facts{}, nil},

	{"unused-channel", "  zoo: {slack: C1123456789}\n" + ruleWith("to: [BANNED]"), lint.Facts{}, []string{`5:3 unused-channel no rule notifies channel "zoo"`}},
	{"unused-channel", "  zoo: {slack: C1123456789}\n" + ruleWith("to: [BANNED], escalate: {after: 1h, to: [zoo]}"), lint.Facts{}, nil},

	{"late-channel", "  day: {slack: '#day', mode: digest, every: 1d}\n" + ruleWith("to: [BANNED], escalate: {after: 1h, to: [day]}"), lint.Facts{}, []string{`7:96 late-channel channel "day" gets digests only (every 1d UTC)`}},
	{"late-channel", "  day: {slack: '#day', mode: digest, every: 1d}\n" + ruleWith("to: [BANNED], notify: [day]"), lint.Facts{}, nil},
	{"late-channel", "version: 1\nchannels: {day: {slack: '#day', mode: digest, every: 1d}}\nrules: [{name: a, on: Status, to: [BANNED], severity: critical, summary: x, action: y, notify: [day]}]\n", lint.Facts{}, []string{
		"3:16 late-channel a critical rule that only digests report",
	}},
	{"late-channel", "version: 1\nchannels: {day: {slack: '#day', mode: digest, every: 1d}}\nrules: [{name: a, on: Status, to: [BANNED], severity: high, summary: x, action: y, notify: [day]}]\n", lint.Facts{}, nil},

	{"unused-mute-time", "mute_times: {nights: {times: '22:00-07:00'}}\n" + ruleWith("to: [BANNED]"), lint.Facts{}, []string{`5:14 unused-mute-time nothing uses mute time "nights"`}},
	{"unused-mute-time", "mute_times: {nights: {times: '22:00-07:00'}}\n" + ruleWith("to: [BANNED], mute: [nights]"), lint.Facts{}, nil},
	{"unused-mute-time", "version: 1\nchannels: {ops: {slack: '#x'}}\nmute_times: {nights: {times: '22:00-07:00'}}\ndefaults: {notify: ops, mute: [nights]}\n" + ruleWith("to: [BANNED]"), lint.Facts{}, nil},
	{"unused-mute-time", "version: 1\nmute_times: {nights: {times: '22:00-07:00'}}\nchannels: {rest: {slack: '#x', mute: [nights]}}\n" + ruleWith("to: [BANNED], notify: [rest]"), lint.Facts{}, nil},
	{"deaf-channel", "version: 1\nchannels: {loud: {slack: '#x', severity: critical}}\n" + ruleWith("to: [BANNED], notify: [loud]"), lint.Facts{}, []string{`4:78 deaf-channel channel "loud" never gets this rule's alerts`}},

	{"unused-text", "rules:\n  - {name: a, on: Status, severity: high, summary: {BANNED: x, Flagged: y, RESTRICTED: z}, to: [BANNED, FLAGGED]}\n", lint.Facts{}, []string{
		`6:76 unused-text the rule never opens for "RESTRICTED"`,
	}},
	{"unused-text", "rules:\n  - {name: a, on: VerifiedName, severity: high, summary: {Acme: x, default: y}, once: true}\n", lint.Facts{}, nil},

	{"idle-inhibition", twoRules("to: [BANNED], inhibited_by: [b]", "to: [FLAGGED], once: true"), lint.Facts{}, []string{`6:84 idle-inhibition rule "b" closes at once`}},
	{"idle-inhibition", "rules:\n  - {name: a, on: Poll, severity: high, summary: x, to: [DENIED], inhibited_by: [b]}\n  - {name: b, on: Status, severity: high, summary: x, to: [BANNED]}\n", lint.Facts{}, []string{`6:82 idle-inhibition rule "b" never fires for`}},
	{"idle-inhibition", "rules:\n  - {name: a, on: Status, severity: high, summary: x, to: [BANNED], inhibited_by: [b]}\n  - {name: b, on: Poll, severity: high, summary: x, to: [DENIED]}\n", lint.Facts{}, nil},

	{"no-action", ruleWith("to: [BANNED], severity: critical"), lint.Facts{}, []string{"6:12 no-action"}},
	{"no-action", ruleWith("to: [BANNED], severity: critical, action: stop"), lint.Facts{}, nil},

	{"short-for", ruleWith("to: [BANNED], for: 1m"), lint.Facts{MaxAge: 5 * time.Minute}, []string{"6:74 short-for for: 1m ends before the number is polled again"}},
	{"short-for", ruleWith("to: [BANNED], for: 5m"), lint.Facts{MaxAge: 5 * time.Minute}, nil},
	{"short-for", ruleWith("to: [BANNED], for: 1m"), lint.Facts{}, nil},

	{"unknown-label", ruleWith(`to: [BANNED], where: 'Labels.teir == "gold"'`), labelled, []string{`6:84 unknown-label no space has a label "teir" (did you mean "tier"?)`}},
	{"unknown-label", ruleWith(`to: [BANNED], where: 'Labels.tier in ["gold", "silver"]'`), labelled, []string{`6:101 unknown-label no space has tier "silver"`}},
	{"unknown-label", ruleWith(`to: [BANNED], where: 'Labels.tier != "free" && Labels["tier"] != ""'`), labelled, nil},
	{"unknown-label", ruleWith(`to: [BANNED], where: 'Labels.teir == "gold"'`), lint.Facts{}, nil},

	{"untranslated", chinese + ruleWith("to: [BANNED], action: y"), texts("a: {summary: 甲}"), []string{`6:12 untranslated no action in language zh, so its channels get English (add it to f.zh.yaml)`}},
	{"untranslated", chinese + ruleWith("to: [BANNED], action: y"), texts("a: {summary: 甲, action: 乙}"), nil},
	{"untranslated", ruleWith("to: [BANNED]"), texts("a: {title: 甲}"), nil},
	{"unknown-rule", chinese + ruleWith("to: [BANNED]"), texts("a: {summary: 甲}\n  aa: {summary: 乙}"), []string{`5:3 unknown-rule there is no rule "aa"`}},
	{"unknown-rule", ruleWith("to: [BANNED]"), texts("aa: {summary: 乙}"), nil},

	{"ignore", ruleWith("to: [BANNED]") + "# numwatch:ignore-file duplcate\n", lint.Facts{}, []string{`7:1 ignore no check is called "duplcate" (did you mean "duplicate"?)`}},
	{"ignore", ruleWith("to: [BANNED]") + "# numwatch:ignore-file invalid\n", lint.Facts{}, []string{`7:1 ignore what makes a file invalid cannot be ignored`}},
	{"ignore", ruleWith("to: [BANNED]") + "# numwatch:ignore-file duplicate: not yet\n", lint.Facts{}, []string{`7:1 ignore there is nothing to ignore: duplicate finds nothing here`}},
	{"ignore", "# numwatch:ignore-file no-action: they know\n" + ruleWith("to: [BANNED], severity: critical"), lint.Facts{}, nil},
	{"ignore", "rules:\n  # numwatch:ignore no-action, impossible: both\n\n  # more\n  - {name: a, on: Status, summary: x, severity: critical, from: [BANNED], to: [BANNED]}\n", lint.Facts{}, nil},
	{"ignore", "rules:\n  - {name: a, on: Status, summary: x, severity: critical, to: [BANNED]} # numwatch:ignore no-action\n  - {name: b, on: Status, summary: '# numwatch:ignore no-action', severity: critical, to: [PAUSED]}\n", lint.Facts{}, []string{"7:12 no-action"}},
}

// chinese, in place of lintHeader, has the channel speak Chinese.
const chinese = "version: 1\ndefaults: {notify: ops}\nchannels:\n  ops: {slack: C0123456789, language: zh}\n"

func texts(rules string) lint.Facts {
	return lint.Facts{Texts: []rulefile.Texts{{File: "f.zh.yaml", Data: []byte("version: 1\nlanguage: zh\nrules:\n  " + rules + "\n")}}}
}

func twoRules(a, b string) string {
	severity := "severity: high, "
	if strings.Contains(b, "severity") {
		severity = ""
	}
	return "rules:\n  - {name: a, on: Status, severity: high, summary: x, " + a + "}\n" +
		"  - {name: b, on: Status, " + severity + "summary: x, " + b + "}\n"
}

func TestLint(t *testing.T) {
	for _, c := range lintCases {
		t.Run(c.name, func(t *testing.T) {
			file := lintHeader + strings.Replace(c.file, "severity: high, summary: x, to: [BANNED], severity: critical", "severity: critical, summary: x, to: [BANNED]", 1)
			if strings.HasPrefix(c.file, "version") {
				file = c.file
			}
			found := lint.Lint("f.yaml", []byte(file), c.facts)
			for i, want := range c.want {
				require.Greater(t, len(found), i, "%s", want)
				p := found[i]
				got := fmt.Sprintf("%d:%d %s %s (%s)", p.Line, p.Column, p.Check, p.Text, p.Hint)
				require.True(t, strings.HasPrefix(got, want), "got  %s\nwant %s", got, want)
				i := slices.IndexFunc(lint.Checks(), func(c lint.Check) bool { return c.Name == p.Check })
				require.Equal(t, lint.Checks()[i].Level, p.Level)
			}
			require.Len(t, found, len(c.want), "%v", found)
		})
	}
}

func TestWorst(t *testing.T) {
	worst, any := lint.Worst(diagnostic.Problems{{Level: diagnostic.Note}, {Level: diagnostic.Warning}})
	require.True(t, any)
	require.Equal(t, diagnostic.Warning, worst)
	_, any = lint.Worst(nil)
	require.False(t, any)
}

// Each check is triggered by a case of its name, and left alone by another.
func TestEveryCheckHasItsCases(t *testing.T) {
	for _, check := range lint.Checks() {
		hits, misses := 0, 0
		for _, c := range lintCases {
			if c.name != check.Name {
				continue
			}
			if slices.ContainsFunc(c.want, func(w string) bool { return strings.Contains(w, " "+check.Name) }) {
				hits++
			} else {
				misses++
			}
		}
		require.Positive(t, hits, check.Name)
		require.Positive(t, misses, check.Name)
	}
}

func TestShippedRulesAreWithoutAFinding(t *testing.T) {
	data, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	require.Empty(t, lint.Lint("rules.yaml", data, lint.Facts{MaxAge: 5 * time.Minute, Spaces: []phone.Space{{}}}))
}

// Whatever Load refuses, lint reports as an error, and the other way round.
func TestLintAgreesWithLoad(t *testing.T) {
	files, err := os.ReadDir("../rulefile/testdata/bad")
	require.NoError(t, err)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".yaml") {
			continue
		}
		data, err := os.ReadFile("../rulefile/testdata/bad/" + f.Name())
		require.NoError(t, err)
		worst, any := lint.Worst(lint.Lint(f.Name(), data, lint.Facts{}))
		require.True(t, any && worst == diagnostic.Error, f.Name())
	}
}

func TestProblemsAsJSON(t *testing.T) {
	found := lint.Lint("f.yaml", []byte(lintHeader+ruleWith("to: [BANED, FLAGGED]")), lint.Facts{})
	data, err := json.Marshal(found)
	require.NoError(t, err)
	require.JSONEq(t, `[{"file":"f.yaml","line":6,"column":60,"rule":"a","check":"undocumented-value","level":"warning",
		"text":"\"BANED\" is not a documented value of Status","hint":"did you mean \"BANNED\"?",
		"source":"  - {name: a, on: Status, severity: high, summary: x, to: [BANED, FLAGGED]}"}]`, string(data))
}
