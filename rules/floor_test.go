package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

const floors = `
version: 1
defaults: {notify: [ops, oncall], mute: [nights], severity: warning}
channels:
  ops: {slack: "#ops", mute: [lunch]}
  oncall: {slack: "#oncall", severity: high}
mute_times:
  nights: {times: "22:00-07:00"}
  lunch: {times: "12:00-13:00"}
rules:
`

var (
	morning = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	lunch   = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)
	night   = time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)
)

// floorsTestbed has rules of which one is to see a number turn RED.
func floorsTestbed(t *testing.T, at time.Time, rule string) (*testbed, alert.Alert) {
	t.Helper()
	w := newTestbed(t, red)
	w.set, w.now = parse(t, floors+rule), at
	return w, one(t, w.see(phone.QualityRating, "RED"))
}

func TestMuteOfTheDefaultsHoldsRulesWithoutTheirOwn(t *testing.T) {
	for rule, want := range map[string][]string{
		"  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x}":                {"mute:nights"},
		"  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x, mute: []}":      nil,
		"  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x, mute: [lunch]}": nil,
	} {
		_, a := floorsTestbed(t, night, rule)
		require.Equal(t, want, a.HeldBy, rule)
	}
}

func TestSeverityFloors(t *testing.T) {
	for rule, want := range map[string][]string{
		"  - {name: a, on: QualityRating, to: [RED], severity: critical, summary: x}":               {"oncall", "ops"},
		"  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x}":                   {"oncall", "ops"},
		"  - {name: a, on: QualityRating, to: [RED], severity: warning, summary: x}":                {"ops"},
		"  - {name: a, on: QualityRating, to: [RED], severity: info, summary: x}":                   nil,
		"  - {name: a, on: QualityRating, to: [RED], severity: info, summary: x, notify: [ops]}":    {"ops"},
		"  - {name: a, on: QualityRating, to: [RED], severity: info, summary: x, notify: [oncall]}": nil,
	} {
		_, a := floorsTestbed(t, morning, rule)
		require.Equal(t, want, a.Channels, rule)
	}
}

func TestWhyAChannelGetsNothingSoMild(t *testing.T) {
	w := newTestbed(t, red)
	w.set = parse(t, floors+"  - {name: a, on: QualityRating, to: [RED], severity: info, summary: x}")
	c := w.change(phone.QualityRating, "GREEN", "RED")
	v := w.set.Verdicts(w.st, rules.Seen{Space: w.space, Changes: []phone.Change{c}}, morning)
	require.Equal(t, []rules.ChannelVerdict{
		{Channel: "oncall", Text: "it gets nothing less severe than high, and the rule is info"},
		{Channel: "ops", Text: "defaults send it nothing less severe than warning, and the rule is info and does not name it"},
	}, v[0].Channels)
}

func TestAMutedChannelGetsWhatIsStillOpen(t *testing.T) {
	const rule = "  - {name: a, on: QualityRating, to: [RED], severity: high, summary: x}"
	w, a := floorsTestbed(t, lunch, rule)
	require.Equal(t, []string{"oncall"}, a.Channels)
	require.Empty(t, a.HeldBy, "the other channel has it at once")
	require.Empty(t, w.later(29*time.Minute).tick())
	awake := one(t, w.later(time.Minute).tick())
	require.Equal(t, []string{"oncall", "ops"}, awake.Channels)
	require.Empty(t, awake.Later)
	require.Equal(t, a.Revision, awake.Revision, "no transition")
	require.Empty(t, w.later(time.Hour).tick())

	w, _ = floorsTestbed(t, lunch, rule)
	over := one(t, w.see(phone.QualityRating, "GREEN"))
	require.Equal(t, []string{"oncall"}, over.Channels)
	require.Empty(t, w.later(time.Hour).tick(), "what came and went meanwhile")

	w, _ = floorsTestbed(t, morning, rule)
	w.later(3*time.Hour + 30*time.Minute)
	over = one(t, w.see(phone.QualityRating, "GREEN"))
	require.Equal(t, []string{"oncall", "ops"}, over.Channels, "what it shows goes on")
}

func TestAMutedChannelAndARuleThatWaits(t *testing.T) {
	w, a := floorsTestbed(t, lunch.Add(-45*time.Minute), "  - {name: a, on: QualityRating, to: [RED], for: 30m, severity: high, summary: x}")
	require.Equal(t, alert.Pending, a.State)
	fired := one(t, w.later(30*time.Minute).tick())
	require.Equal(t, alert.Firing, fired.State)
	require.Equal(t, []string{"oncall"}, fired.Channels)
	require.Equal(t, []string{"oncall", "ops"}, one(t, w.later(45*time.Minute).tick()).Channels)
}
