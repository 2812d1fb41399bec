package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// webhookRules has a rule that notifies a webhook by way of a channel, and another one once
// nobody takes care of its alert.
func webhookRules(channel, webhook string) string {
	return `
version: 1
channels:
  ops: {slack: "#ops"}
  ` + channel + `: {webhook: ` + webhook + `}
  late: {webhook: pager}
rules:
  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x, notify: [ops, ` + channel + `], escalate: {after: 30m, to: [late]}}
`
}

func TestAlertsKeepTheirWebhooksWhateverBecomesOfTheChannel(t *testing.T) {
	w := newTestbed(t, red)
	w.set = parse(t, webhookRules("audit", "siem"))
	require.Equal(t, []string{"siem"}, one(t, w.see(phone.QualityRating, "RED")).Followers)

	w.set = parse(t, webhookRules("security", "siem"))
	require.Empty(t, w.step(rules.Reloaded{}), "renamed: nothing changes for the alert")
	w.set = parse(t, webhookRules("audit", "other"))
	require.Equal(t, []string{"other", "siem"}, one(t, w.step(rules.Reloaded{})).Followers, "the channel leads elsewhere")
	require.Equal(t, []string{"other", "pager", "siem"}, one(t, w.later(time.Hour).tick()).Followers, "escalated")

	w.set = parse(t, "\nversion: 1\nchannels: {ops: {slack: \"#ops\"}}\nrules:\n  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x, notify: [ops]}\n")
	resolved := one(t, w.see(phone.QualityRating, "GREEN"))
	require.Equal(t, alert.WasResolved, resolved.Transition)
	require.Equal(t, []string{"other", "pager", "siem"}, resolved.Followers, "who heard of it hears how it ends")
	reopened := one(t, w.later(time.Minute).see(phone.QualityRating, "RED"))
	require.Equal(t, alert.Reopened, reopened.Transition)
	require.Equal(t, []string{"other", "pager", "siem"}, reopened.Followers)
}

func TestDrillsGoToWebhooks(t *testing.T) {
	set := parse(t, webhookRules("audit", "siem"))
	a, ok := set.Drill("a", phone.Space{SpaceKey: phone.SpaceKey{Account: "drill", ID: "drill"}}, start)
	require.True(t, ok)
	require.Equal(t, []string{"siem"}, a.Followers)
}

// What is held back is begun only for those that take events; who knows an alert goes on.
func TestAnAlertmanagerIsNotToldOfWhatIsHeldBack(t *testing.T) {
	set := parse(t, `
version: 1
channels:
  audit: {webhook: siem}
  pager: {alertmanager: prod}
rules:
  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x, notify: [audit, pager]}
`)
	a := alert.Alert{Rule: "a", Channels: []string{"audit", "pager"}, HeldBy: []string{"silence:s-1"}}
	set.Address(&a)
	require.Equal(t, []string{"siem"}, a.Followers)
	a.HeldBy = nil
	set.Address(&a)
	require.Equal(t, []string{"prod", "siem"}, a.Followers)
	a.HeldBy = []string{"mute:nights"}
	set.Address(&a)
	require.Equal(t, []string{"prod", "siem"}, a.Followers)
}
