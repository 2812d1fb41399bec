package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func holdTestbed(t *testing.T, rules string) *testbed {
	w := newTestbed(t, red)
	w.set = parse(t, header+`
mute_times:
  nights: {weekdays: [mon-fri], times: ["22:00-07:00"], location: Asia/Singapore}
  weekend: {weekdays: [sat, sun]}
rules:
`+rules)
	return w
}

func TestMuteTimesHoldWithoutATransition(t *testing.T) {
	w := holdTestbed(t, `
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x, mute: [nights, weekend]}
`)
	w.now = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC) // Monday, 22:00 in Singapore
	a := one(t, w.see(phone.QualityRating, "RED"))
	require.Equal(t, []string{"mute:nights"}, a.HeldBy)
	require.Equal(t, alert.Opened, a.Transition, "the alert itself is not held")
	require.Empty(t, w.later(9*time.Hour-time.Minute).tick())

	free := one(t, w.later(time.Minute).tick())
	require.Empty(t, free.HeldBy)
	require.Equal(t, a.Revision, free.Revision, "no transition")
	require.Empty(t, w.later(time.Hour).tick())
}

func TestMuteWindows(t *testing.T) {
	set := parse(t, `
version: 1
mute_times:
  nights: {weekdays: [fri-sun], times: ["22:00-07:00", "12:00-13:00"]}
  all-day: {weekdays: [wed]}
  daily: {times: ["00:00-24:00"]}
rules:
  - {name: a, on: Status, to: [BANNED], severity: high, summary: x, mute: [nights, all-day, daily]}
`)
	w := newTestbed(t, red)
	w.set = set
	held := func(now time.Time) []string {
		w.now = now
		w.st = rules.NewState(nil)
		return one(t, w.step(rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.Status, "CONNECTED", "BANNED")}})).HeldBy
	}
	for at, want := range map[string]bool{
		"2026-11-20T21:59:00Z": false, // a Friday
		"2026-11-20T22:00:00Z": true,
		"2026-11-20T06:00:00Z": false, // Thursday's night is not listed
		"2026-11-21T06:59:00Z": true,
		"2026-11-21T07:00:00Z": false,
		"2026-11-21T12:30:00Z": true,
		"2026-11-23T06:59:00Z": true, // Sunday's night
		"2026-11-23T12:30:00Z": false,
	} {
		now, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		want := map[bool][]string{true: {"mute:daily", "mute:nights"}, false: {"mute:daily"}}[want]
		require.Equal(t, want, held(now), at)
	}
	require.Contains(t, held(time.Date(2026, 11, 25, 23, 59, 0, 0, time.UTC)), "mute:all-day")
	require.NotContains(t, held(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)), "mute:all-day")
}

func TestInhibition(t *testing.T) {
	w := holdTestbed(t, `
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x, inhibited_by: [banned, blind]}
  - {name: banned, on: Status, to: [BANNED], severity: high, summary: x}
  - {name: blind, on: Poll, to: [FAILING], severity: high, summary: x}
`)
	out := w.see(phone.Status, "BANNED", phone.QualityRating, "RED")
	require.Equal(t, []string{"banned opened", "red opened"}, transitions(out))
	require.Equal(t, []string{"rule:banned"}, out[1].HeldBy, "both in one poll")

	held, _ := w.st.Get(out[1].ID)
	held.HeldBy = []string{"rule:banned", "silence:s1"}
	w.st.Apply(held)
	out = w.see(phone.Status, "CONNECTED")
	require.Equal(t, []string{"red opened", "banned resolved"}, transitions(out))
	require.Equal(t, []string{"silence:s1"}, out[0].HeldBy, "what others hold stays")
	require.Equal(t, uint64(1), out[0].Revision)

	w.step(rules.Seen{Space: w.space, Changes: []phone.Change{{Subject: phone.Subject{Account: "main", Space: "293"}, Field: phone.Poll, Old: "OK", New: "FAILING"}}})
	require.Equal(t, []string{"rule:blind", "silence:s1"}, one(t, w.tick()).HeldBy, "its space's alert too, at the next tick")
}

// A notice is held back as an alert is, and nothing releases it.
func TestNoticesAreHeldBack(t *testing.T) {
	w := holdTestbed(t, `
  - {name: renamed, on: VerifiedName, once: true, severity: high, summary: x, mute: [weekend]}
  - {name: limit, on: MessagingLimitTier, once: true, severity: info, summary: x, inhibited_by: [banned]}
  - {name: banned, on: Status, to: [BANNED], severity: high, summary: x}
`)
	require.Empty(t, one(t, w.see(phone.VerifiedName, "Acme A")).HeldBy, "on a Monday")
	require.Empty(t, one(t, w.see(phone.MessagingLimitTier, "TIER_1K")).HeldBy)
	out := w.see(phone.Status, "BANNED", phone.MessagingLimitTier, "TIER_10K")
	require.Equal(t, []string{"banned opened", "limit opened"}, transitions(out))
	require.Equal(t, []string{"rule:banned"}, out[1].HeldBy, "both in one poll")
	require.Empty(t, out[0].HeldBy)
	require.Equal(t, []string{"banned resolved"}, transitions(w.see(phone.Status, "CONNECTED")))

	w.now = time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	require.Equal(t, []string{"mute:weekend"}, one(t, w.see(phone.VerifiedName, "Acme B")).HeldBy)
	require.Empty(t, w.later(48*time.Hour).tick(), "nothing is open when the mute time ends")
}

func TestEscalation(t *testing.T) {
	w := holdTestbed(t, `
  - {name: red, on: QualityRating, to: [RED], severity: high, summary: x, notify: [ops], escalate: {after: 30m, to: [oncall]}}
`)
	a := one(t, w.see(phone.QualityRating, "RED"))
	require.Equal(t, []string{"ops"}, a.Channels)
	require.Empty(t, w.later(29*time.Minute).tick())
	a.Ack = &alert.Ack{By: "eve"}
	w.st.Apply(a)
	require.Empty(t, w.later(time.Hour).tick(), "somebody takes care")
	a.Ack = nil
	w.st.Apply(a)
	escalated := one(t, w.tick())
	require.Equal(t, []string{"oncall", "ops"}, escalated.Channels)
	require.Equal(t, uint64(1), escalated.Revision)
	require.Empty(t, w.later(time.Hour).tick())
	require.Equal(t, []string{"oncall", "ops"}, one(t, w.see(phone.QualityRating, "GREEN")).Channels, "who was told hears the end")
}
