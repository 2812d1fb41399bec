package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func TestLeft(t *testing.T) {
	w := newTestbed(t, red+`
  - {name: blind, on: Poll, to: [FAILING], severity: high, summary: x}
  - {name: slow, on: Status, to: [PAUSED], for: 1h, severity: high, summary: x}
`)
	w.see(phone.QualityRating, "RED", phone.Status, "PAUSED")
	w.step(rules.Seen{Space: w.space, Changes: []phone.Change{{Subject: phone.Subject{Account: "main", Space: "293"}, Field: phone.Poll, Old: "OK", New: "FAILING"}}})
	w.step(rules.Seen{Space: w.space, Changes: []phone.Change{{Subject: phone.Subject{Account: "main"}, Field: phone.Poll, Old: "OK", New: "FAILING"}}})
	other := phone.SpaceKey{Account: "other", ID: "293"}
	require.Empty(t, w.step(rules.Left{Spaces: []phone.SpaceKey{other, {Account: "other"}}}))
	out := w.step(rules.Left{Spaces: []phone.SpaceKey{other, w.space.SpaceKey}, Reason: "taken out of the configuration"})
	require.Equal(t, []string{"slow none", "blind ended", "red ended"}, transitions(out))
	require.Equal(t, "taken out of the configuration", out[1].Closing)
	require.Empty(t, w.step(rules.Left{Spaces: []phone.SpaceKey{w.space.SpaceKey}}))
	require.Equal(t, []string{"blind ended"}, transitions(w.step(rules.Left{Spaces: []phone.SpaceKey{{Account: "main"}}})), "the account's own")
}

func TestReloaded(t *testing.T) {
	w := newTestbed(t, red+blocked)
	w.see(phone.QualityRating, "RED", phone.Status, "BANNED")
	require.Empty(t, w.step(rules.Reloaded{}), "the same rules")

	w.set = parse(t, header+"rules:\n"+`
  - {name: crimson, was: red, on: QualityRating, to: [RED], severity: info, summary: y}
`)
	out := w.step(rules.Reloaded{})
	require.Equal(t, []string{"crimson opened", "blocked ended"}, transitions(out))
	require.Equal(t, "rule removed", out[1].Closing)
	require.Equal(t, uint64(1), out[0].Revision, "a new name is no transition")
	require.Equal(t, alert.Critical, out[0].Severity, "fixed at opening")
	require.Equal(t, "red", out[0].OpenedAs)
	require.Empty(t, w.step(rules.Reloaded{}))
	require.Equal(t, []string{"crimson resolved"}, transitions(w.see(phone.QualityRating, "GREEN")))

	w.later(2*time.Hour).see(phone.QualityRating, "RED")
	w.set = parse(t, header+"rules:\n"+`
  - {name: crimson, on: Status, to: [BANNED], severity: info, summary: y}
`)
	require.Equal(t, "the rule no longer watches QualityRating", one(t, w.step(rules.Reloaded{})).Closing)
}

func TestOneHeirTakesOneAlert(t *testing.T) {
	for range 20 {
		w := newTestbed(t, red+`
  - {name: rot, on: QualityRating, to: [RED], severity: high, summary: x}
  - {name: slow, on: QualityRating, to: [RED], for: 1h, severity: high, summary: x}
`)
		w.see(phone.QualityRating, "RED")
		w.set = parse(t, header+"rules:\n"+`
  - {name: new, was: [red, rot], on: QualityRating, to: [RED], severity: high, summary: x}
  - {name: later, was: slow, on: QualityRating, to: [RED], for: 1h, severity: high, summary: x}
`)
		out := w.step(rules.Reloaded{})
		require.Equal(t, []string{"later none", "new opened", "rot ended"}, transitions(out))
		require.Equal(t, alert.ID(alert.Key{Rule: "red", Subject: out[1].Subject, Field: out[1].Field}, start), out[1].ID)
		require.Equal(t, "rule removed: new has an alert of its own", out[2].Closing)
		require.Equal(t, []string{"later opened"}, transitions(w.later(time.Hour).tick()))
	}
}

func TestRulesThatNowSpeakOnceEndTheirAlerts(t *testing.T) {
	w := newTestbed(t, red)
	w.see(phone.QualityRating, "RED")
	w.set = parse(t, "version: 1\nrules:\n  - {name: red, on: QualityRating, to: [RED], once: true, severity: high, summary: x}\n")
	require.Equal(t, []string{"red ended"}, transitions(w.step(rules.Reloaded{})))
}

func TestHoldsGoWithTheRulesThatMadeThem(t *testing.T) {
	w := holdTestbed(t, `
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x, inhibited_by: [banned]}
  - {name: banned, on: Status, to: [BANNED], severity: high, summary: x}
`)
	w.see(phone.Status, "BANNED", phone.QualityRating, "RED")
	w.set = parse(t, header+"rules:\n"+red)
	out := w.step(rules.Reloaded{})
	require.Equal(t, []string{"red opened", "banned ended"}, transitions(out))
	require.Empty(t, out[0].HeldBy)
	require.Equal(t, uint64(1), out[0].Revision)
}
