package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func TestWhatASetTells(t *testing.T) {
	set := parse(t, `
version: 1
defaults: {notify: [ops], reopen_within: 2h, settle_after: 10m}
channels:
  zoo: {slack: C0123456789}
  ops: {slack: "#wa-ops", mention: "<!here>"}
rules:
  - {name: b, on: [Status, Number], to: [BANNED], for: 5m, severity: high, summary: "{New}", action: do, runbook: "https://wiki/x", notify: [zoo, ops]}
  - {name: a, on: Poll, once: true, severity: info, summary: x}
`)
	require.Equal(t, []rules.Channel{{Name: "ops", Kind: rules.Slack, Target: "#wa-ops", Mention: []string{"<!here>"}}, {Name: "zoo", Kind: rules.Slack, Target: "C0123456789"}}, set.Channels())
	require.Equal(t, []rules.Rule{
		{Name: "a", On: []phone.Field{phone.Poll}, Severity: alert.Info, Once: true, Summary: "x", Channels: []string{"ops"}},
		{
			Name: "b", On: []phone.Field{phone.Status, phone.Presence}, To: []string{"BANNED"}, Severity: alert.High, For: 5 * time.Minute,
			Summary: "{New}", Action: "do", Runbook: "https://wiki/x", Channels: []string{"ops", "zoo"},
		},
	}, set.Rules())
	require.Equal(t, 2*time.Hour+5*time.Minute, set.KeepClosed())
	require.Equal(t, 10*time.Minute, set.SettleAfter())
	require.Equal(t, 15*time.Minute, parse(t, "version: 1\nrules: []").SettleAfter(), "where the file does not say")
	require.Empty(t, set.Warnings())
}

// What Old and New are compared with in upper case only where they are surely
// values of an enum.
func TestConstantsOfSeveralFieldsAreComparedAsWritten(t *testing.T) {
	w := newTestbed(t, red)
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
