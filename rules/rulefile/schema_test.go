package rulefile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const schemaFile = "../../docs/rules.schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	require.NoError(t, err)
	return s
}

// document decodes YAML to what the schema validates.
func document(t *testing.T, text string) any {
	t.Helper()
	var decoded any
	require.NoError(t, yaml.Unmarshal([]byte(text), &decoded))
	data, err := json.Marshal(decoded)
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	require.NoError(t, err)
	return v
}

func TestSchemaAcceptsTheShippedRules(t *testing.T) {
	data, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(data), "# yaml-language-server: $schema=docs/rules.schema.json\n"))
	require.NoError(t, schema(t).Validate(document(t, string(data))))
}

// Whatever the schema accepts or refuses here, Parse does too.
func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	const all = `
version: 1
defaults: {notify: ops, remind_every: 24h, reopen_within: 0, settle_after: 10m, mute: [nights], severity: warning, where: 'Labels.env != "test"', language: zh}
channels:
  ops: {slack: C0123456789, mention: ["<!subteam^S012>", "<@U1>", "<!here>"], mute: nights, severity: high, where: 'Severity == "high"', language: en}
  siem: {webhook: siem}
  live: {slack: "#live", mode: messages}
  daily: {slack: "#daily", mode: digest, at: ["09:00", "mon-fri 17:00"], location: Asia/Singapore}
  weekly: {slack: "#weekly", mode: digest, every: 1w}
  ding: {dingtalk: duty, mention: ["mobile:13800138000", "user:manager.4220", all], mute: nights}
  lark: {feishu: duty-cn, mention: all}
  weco: {wecom: weco, mention: "user:zhangsan"}
mute_times:
  nights: {weekdays: [mon-fri, sun], times: "22:00-07:00", location: UTC}
rules:
  - {name: a, was: b, on: Status, to: BANNED, from: ["!X", unlisted, ""], direction: worse, where: "true", severity: high,
     for: 1h30m, once: false, summary: x, action: y, runbook: "https://wiki/x", notify: [ops], mute: nights, inhibited_by: [c],
     escalate: {after: 30m, to: [ops]}, remind_every: 2h}
  - {name: c, on: [Status, Number], once: true, severity: info, mute: [], title: t, summary: {BANNED: x, "": y, default: z}}
`
	load(t, all)
	require.NoError(t, schema(t).Validate(document(t, all)))
}

func TestSchemaRefusesWhatIsMalformed(t *testing.T) {
	s := schema(t)
	for _, name := range []string{
		"bad-duration", "bad-name", "bool-as-text", "channel-bad-slack", "channel-comment", "channel-mention", "channel-robots", "channel-unknown-key",
		"channels-list", "digest", "duration-number", "duration-order", "empty-to", "escalate-incomplete", "field-wrong-case", "many", "missing-keys",
		"language", "mute-times", "never-opens", "not-a-mapping", "null-to", "number-as-text", "once-escalate", "once-for", "once-text", "rule-is-text",
		"rule-no-name", "rules-mapping", "rules-missing", "runbook", "scalar", "texts-empty", "texts-not", "unknown-direction", "unknown-field", "unknown-rule-key",
		"unknown-severity", "unknown-top-key", "value-twice", "version-2", "version-missing", "version-text",
	} {
		data, err := os.ReadFile(filepath.Join("testdata/bad", name+".yaml"))
		require.NoError(t, err)
		require.Error(t, s.Validate(document(t, string(data))), name)
	}
}
