package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func TestOpensAndResolves(t *testing.T) {
	w := newTestbed(t, red)
	a := one(t, w.see(phone.QualityRating, "RED"))
	require.Equal(t, alert.Alert{
		ID: alert.ID(a.Key(), start), Rule: "red", Severity: alert.Critical,
		Subject: phone.SubjectOf(w.space.SpaceKey, "8613800001111"), Field: phone.QualityRating,
		State: alert.Firing, Change: a.Change, Before: "GREEN", Incident: a.NewIncident(), Flaps: []time.Time{start},
		Transition: alert.Opened, Revision: 1, Notified: 1, Since: start, Changed: start, Openings: 1,
		Summary: alert.Text{"", "RED", " was ", "GREEN", ""},
		Action:  alert.Text{"see ", phone.Redact("https://a.example/cb?token=s3cret"), ""},
	}, a)
	require.Equal(t, "GREEN", a.Change.Old)
	require.Equal(t, "RED", a.Change.New)

	a = one(t, w.later(time.Minute).see(phone.QualityRating, "YELLOW"))
	require.Equal(t, alert.Resolved, a.State)
	require.Equal(t, alert.WasResolved, a.Transition)
	require.Equal(t, uint64(2), a.Revision)
	require.Equal(t, uint64(2), a.Notified)
	require.Equal(t, "now YELLOW", a.Closing)
	require.Equal(t, "YELLOW", a.Change.New)
	require.Equal(t, "RED was GREEN", a.Summary.Plain(), "the text tells of the opening")
	require.Equal(t, start, a.Since)
	require.Equal(t, w.now, a.Changed)
}

func TestResolvedIsNotAlwaysRecovered(t *testing.T) {
	w := newTestbed(t, `
  - {name: limited, on: Status, to: [RATE_LIMITED], severity: high, summary: x}
`)
	w.see(phone.Status, "RATE_LIMITED")
	require.Equal(t, "now BANNED", one(t, w.see(phone.Status, "BANNED")).Closing)
}

func TestOffScaleValuesNeitherOpenNorResolve(t *testing.T) {
	w := newTestbed(t, red+`
  - {name: not-connected, on: Status, to: ["!CONNECTED"], severity: high, summary: x}
  - {name: odd, on: Status, to: [unlisted, UNKNOWN], severity: info, summary: x}
  - {name: worse, on: Status, direction: worse, severity: info, summary: x}
`)
	w.see(phone.QualityRating, "RED")
	require.Empty(t, w.see(phone.QualityRating, "UNKNOWN"))
	require.Empty(t, w.see(phone.QualityRating, "SOMETHING"))
	require.Empty(t, w.see(phone.QualityRating, ""))
	require.Equal(t, []string{"red resolved"}, transitions(w.see(phone.QualityRating, "GREEN")))

	require.Equal(t, []string{"odd opened"}, transitions(w.see(phone.Status, "UNKNOWN")))
	require.Equal(t, []string{"odd better"}, transitions(w.see(phone.Status, "WEIRD")), "not listed by itself")
	require.Equal(t, []string{"not-connected opened", "odd resolved"}, transitions(w.see(phone.Status, "PAUSED")))
}

func TestFromAndDirectionLimitOpeningOnly(t *testing.T) {
	w := newTestbed(t, `
  - {name: fell, on: QualityRating, from: [GREEN], to: [YELLOW, RED], severity: high, summary: x}
  - {name: worse-to, on: QualityRating, direction: worse, to: [YELLOW, RED], severity: high, summary: x}
`)
	require.Equal(t, []string{"fell opened", "worse-to opened"}, transitions(w.see(phone.QualityRating, "RED")))
	require.Equal(t, []string{"fell better", "worse-to better"}, transitions(w.see(phone.QualityRating, "YELLOW")))
	require.Equal(t, []string{"fell resolved", "worse-to resolved"}, transitions(w.see(phone.QualityRating, "GREEN")))

	w = newTestbed(t, `
  - {name: fell, on: QualityRating, from: [GREEN], to: [YELLOW], severity: high, summary: x}
  - {name: worse-to, on: QualityRating, direction: worse, to: [YELLOW], severity: high, summary: x}
`)
	require.Empty(t, w.see(phone.QualityRating, "RED"))
	require.Empty(t, w.see(phone.QualityRating, "YELLOW"), "neither from GREEN nor for the worse")
}

func TestWorseWithoutValuesResolvesWhereItCameFromOrBetter(t *testing.T) {
	for end, want := range map[string]string{"YELLOW": "resolved", "GREEN": "resolved"} {
		w := newTestbed(t, "  - {name: w, on: QualityRating, direction: worse, severity: high, summary: x}\n")
		w.number.Set(phone.QualityRating, "YELLOW")
		a := one(t, w.see(phone.QualityRating, "RED"))
		require.Equal(t, "YELLOW", a.Before)
		require.Empty(t, w.see(phone.QualityRating, "NA"))
		require.Equal(t, []string{"w " + want}, transitions(w.see(phone.QualityRating, end)))
	}
	w := newTestbed(t, "  - {name: w, on: Status, direction: worse, severity: high, summary: x}\n")
	require.Equal(t, []string{"w opened"}, transitions(w.see(phone.Status, "FLAGGED")))
	require.Equal(t, []string{"w worse"}, transitions(w.see(phone.Status, "BANNED")))
	require.Equal(t, []string{"w better"}, transitions(w.see(phone.Status, "PENDING")))
	require.Equal(t, []string{"w resolved"}, transitions(w.see(phone.Status, "CONNECTED")))
}

func TestFromAloneStandsUntilTheOldValueIsBack(t *testing.T) {
	w := newTestbed(t, "  - {name: left, on: [Status, VerifiedName], from: [CONNECTED, Acme Shop], severity: high, summary: x}\n")
	require.Equal(t, []string{"left opened"}, transitions(w.see(phone.Status, "PAUSED")))
	require.Equal(t, []string{"left better"}, transitions(w.see(phone.Status, "FLAGGED")))
	require.Equal(t, []string{"left resolved"}, transitions(w.see(phone.Status, "CONNECTED")))
	require.Equal(t, []string{"left opened"}, transitions(w.see(phone.VerifiedName, "Other")))
	require.Equal(t, []string{"left better"}, transitions(w.see(phone.VerifiedName, "Third")))
	require.Equal(t, "now Acme Shop", one(t, w.see(phone.VerifiedName, "Acme Shop")).Closing)
}

func TestMovesWithinAnAlert(t *testing.T) {
	w := newTestbed(t, blocked)
	opened := one(t, w.see(phone.Status, "RESTRICTED"))
	opened.Ack = &alert.Ack{By: "eve", At: w.now}
	w.st.Apply(opened)

	worse := one(t, w.later(time.Minute).see(phone.Status, "BANNED"))
	require.Equal(t, alert.GotWorse, worse.Transition)
	require.Equal(t, opened.ID, worse.ID)
	require.Equal(t, uint64(2), worse.Revision)
	require.Equal(t, uint64(2), worse.Notified)
	require.Nil(t, worse.Ack, "an acknowledgement falls on worse")
	require.Equal(t, "BANNED", worse.Summary.Plain())

	better := one(t, w.see(phone.Status, "RESTRICTED"))
	require.Equal(t, alert.GotBetter, better.Transition)
	require.Equal(t, uint64(3), better.Revision)
	require.Equal(t, uint64(3), better.Notified)
	require.Equal(t, start, better.Since)
}

func TestSidewaysIsToldAnewOnlyIfListed(t *testing.T) {
	w := newTestbed(t, `
  - {name: listed, on: Status, to: [DISCONNECTED, OFFLINE], severity: high, summary: x}
  - {name: others, on: Status, to: ["!CONNECTED"], severity: high, summary: x}
`)
	w.see(phone.Status, "DISCONNECTED")
	require.Equal(t, []string{"listed worse", "others better"}, transitions(w.see(phone.Status, "OFFLINE")))
}

func TestValuesBehindAnOffScaleOneCompareWithTheLastKnown(t *testing.T) {
	w := newTestbed(t, blocked)
	w.see(phone.Status, "BANNED")
	require.Empty(t, w.see(phone.Status, "UNKNOWN"))
	require.Equal(t, []string{"blocked better"}, transitions(w.see(phone.Status, "RESTRICTED")))
	require.Empty(t, w.see(phone.Status, "UNKNOWN"))
	require.Empty(t, w.see(phone.Status, "RESTRICTED"))
}

func TestWhere(t *testing.T) {
	w := newTestbed(t, `
  - {name: w, on: QualityRating, to: [RED], where: 'Status == "connected" && Labels.tier == "gold" && Labels.none == ""', severity: high, summary: x}
`)
	require.Equal(t, []string{"w opened"}, transitions(w.see(phone.QualityRating, "RED")))
	out := one(t, w.see(phone.Status, "PAUSED"))
	require.Equal(t, alert.Resolved, out.State)
	require.Equal(t, "still RED, but the rule no longer applies", out.Closing)
	out = one(t, w.later(2*time.Hour).see(phone.Status, "CONNECTED"))
	require.Equal(t, alert.Opened, out.Transition, "a field that where looks at opens too")
	require.Equal(t, phone.QualityRating, out.Change.Field)
	require.Equal(t, "RED", out.Change.New)
	require.Equal(t, "RED", out.Change.Old, "it did not move")

	w.space.Labels = nil
	require.Equal(t, []string{"w resolved"}, transitions(w.see(phone.Status, "FLAGGED")))
}

func TestDefaultWhereHoldsForEveryRule(t *testing.T) {
	w := newTestbed(t, red)
	w.set = parse(t, header+`
defaults: {where: 'Labels.env != "test" && Status == "CONNECTED"', notify: [ops, gold, oncall]}
rules:
`+red)
	w.space.Labels = map[string]string{"env": "test"}
	require.Empty(t, w.see(phone.QualityRating, "RED"))
	w.space.Labels = map[string]string{"tier": "silver"}
	w.see(phone.Status, "PAUSED")
	a := one(t, w.see(phone.Status, "CONNECTED"))
	require.Equal(t, []string{"oncall", "ops"}, a.Channels, "each channel's where decides")
}

func TestAWhereThatFailsHolds(t *testing.T) {
	w := newTestbed(t, `
  - {name: w, on: QualityRating, to: [RED], where: 'int(VerifiedName) > 1', severity: high, summary: "{int(VerifiedName)} {New}"}
`)
	require.Equal(t, "(error) RED", one(t, w.see(phone.QualityRating, "RED")).Summary.Plain())
}

func TestOnce(t *testing.T) {
	w := newTestbed(t, `
  - {name: moved, on: [StatusCallbackUrl, UpCallbackUrl], once: true, severity: high, summary: "{Field}: {Old} to {New}"}
  - {name: bad-name, on: NameStatus, to: [DECLINED], once: true, where: 'Status != "x"', severity: high, summary: x}
`)
	a := one(t, w.see(phone.StatusCallbackUrl, ""))
	require.Equal(t, alert.Opened, a.Transition)
	require.Equal(t, alert.Ended, a.State)
	require.Equal(t, uint64(1), a.Notified)
	require.Equal(t, "StatusCallbackUrl: "+phone.Redact("https://a.example/cb?token=s3cret")+" to (none)", a.Summary.Plain())

	again := one(t, w.later(time.Minute).see(phone.StatusCallbackUrl, "https://b.example/"))
	require.Equal(t, alert.Opened, again.Transition, "a notice is not taken up again")
	require.NotEqual(t, a.ID, again.ID)

	require.Equal(t, []string{"bad-name opened"}, transitions(w.see(phone.NameStatus, "DECLINED")))
	require.Empty(t, w.see(phone.Status, "PAUSED"), "a notice needs a change of its own field")
}

func TestFor(t *testing.T) {
	w := newTestbed(t, "  - {name: slow, on: Status, to: [PAUSED, OFFLINE], for: 5m, severity: high, summary: '{New} since {Since}'}\n")
	a := one(t, w.see(phone.Status, "PAUSED"))
	require.Equal(t, alert.Pending, a.State)
	require.Equal(t, alert.NoTransition, a.Transition)
	require.Zero(t, a.Revision)
	require.Empty(t, w.later(4*time.Minute).tick())

	a = one(t, w.see(phone.Status, "OFFLINE"))
	require.Equal(t, alert.Pending, a.State, "still waiting, with the new value")
	a = one(t, w.later(time.Minute).tick())
	require.Equal(t, alert.Firing, a.State)
	require.Equal(t, alert.Opened, a.Transition)
	require.Equal(t, w.now, a.Since)
	require.Equal(t, "OFFLINE since 2026-11-23 08:00 UTC", a.Summary.Plain())
	require.Empty(t, w.later(time.Minute).tick())
}

func TestWhatPassesBeforeItsTimeIsNeverSaid(t *testing.T) {
	w := newTestbed(t, "  - {name: slow, on: Status, to: [PAUSED], for: 5m, severity: high, summary: x}\n")
	w.see(phone.Status, "PAUSED")
	a := one(t, w.see(phone.Status, "CONNECTED"))
	require.True(t, rules.Unsaid(&a))
	require.Equal(t, alert.NoTransition, a.Transition)
	require.Zero(t, w.st.Len())
	require.Empty(t, w.later(time.Hour).tick())
}

func TestAppeared(t *testing.T) {
	w := newTestbed(t, red+blocked+`
  - {name: from, on: Status, from: [CONNECTED], to: [BANNED], severity: high, summary: x}
  - {name: worse, on: Status, direction: worse, severity: high, summary: x}
  - {name: worse-to, on: Status, direction: worse, to: [BANNED], severity: high, summary: x}
  - {name: new, on: Number, to: [APPEARED], once: true, where: "not Baseline", severity: info, summary: x}
  - {name: no-callback, on: [UpCallbackUrl, StatusCallbackUrl], to: [""], severity: info, summary: x}
`)
	w.number.Set(phone.QualityRating, "RED")
	w.number.Set(phone.Status, "BANNED")
	w.number.Set(phone.StatusCallbackUrl, "")
	out := w.presence("", phone.Appeared, true)
	require.Equal(t, []string{"blocked opened", "no-callback opened", "red opened", "worse-to opened"}, transitions(out))
	for _, a := range out {
		require.True(t, a.Baseline)
		require.Empty(t, a.Change.Old)
	}
	require.Equal(t, phone.StatusCallbackUrl, out[1].Field, "a field that the answer lacks is not empty")

	w.number.PhoneNumber = "8613800002222"
	require.Contains(t, transitions(w.presence("", phone.Appeared, false)), "new opened")
}

func TestTheEndOfANumber(t *testing.T) {
	const list = red + blocked + `
  - {name: gone, on: Number, to: [MISSING], severity: high, summary: x}
  - {name: deleted, on: Status, to: [BANNED, DELETED], severity: high, summary: x}
  - {name: slow, on: QualityRating, to: [RED], for: 1h, severity: high, summary: x}
`
	t.Run("deleted", func(t *testing.T) {
		w := newTestbed(t, list)
		w.see(phone.Status, "BANNED", phone.QualityRating, "RED")
		out := w.see(phone.Status, "DELETED")
		require.Equal(t, []string{"deleted worse", "slow none", "blocked ended", "red ended"}, transitions(out))
		require.Equal(t, "the number was deleted", out[2].Closing)
		require.Equal(t, alert.Ended, out[2].State)
		require.Equal(t, phone.QualityRating, out[3].Change.Field)
		require.True(t, rules.Unsaid(&out[1]))

		require.Empty(t, w.see(phone.QualityRating, "GREEN"))
		require.Empty(t, w.see(phone.QualityRating, "RED"), "nothing opens on a number that is gone")
		out = w.later(2*time.Hour).see(phone.Status, "CONNECTED")
		require.Equal(t, []string{"red opened", "slow none", "deleted resolved"}, transitions(out), "back: what holds is told")
	})
	t.Run("missing", func(t *testing.T) {
		w := newTestbed(t, list)
		w.see(phone.Status, "BANNED")
		out := w.presence(phone.Appeared, phone.Missing, false)
		require.Equal(t, []string{"gone opened", "blocked ended", "deleted ended"}, transitions(out))
		require.Equal(t, "the number is missing from its space", out[1].Closing)
		out = w.later(3*time.Hour).presence(phone.Missing, phone.Appeared, false)
		require.Equal(t, []string{"blocked opened", "deleted opened", "gone resolved"}, transitions(out))
		require.Equal(t, "recovered, now APPEARED", out[2].Closing)
	})
	t.Run("moved", func(t *testing.T) {
		w := newTestbed(t, list)
		w.see(phone.Status, "BANNED")
		out := w.presence(phone.Appeared, phone.Moved, false)
		require.Equal(t, []string{"blocked ended", "deleted ended"}, transitions(out))
		require.Equal(t, "the number moved to another space", out[0].Closing)
	})
	t.Run("another change in the same poll", func(t *testing.T) {
		w := newTestbed(t, list)
		require.Equal(t, []string{"deleted opened"}, transitions(w.see(phone.Status, "DELETED", phone.QualityRating, "RED")))
	})
}

func TestReopens(t *testing.T) {
	w := newTestbed(t, blocked)
	first := one(t, w.see(phone.Status, "RESTRICTED"))
	w.see(phone.Status, "CONNECTED")
	again := one(t, w.later(time.Hour).see(phone.Status, "RESTRICTED"))
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, alert.Reopened, again.Transition)
	require.Equal(t, alert.Firing, again.State)
	require.Equal(t, uint64(3), again.Revision)
	require.Equal(t, uint64(3), again.Notified)
	require.Equal(t, 2, again.Openings)
	require.Equal(t, w.now, again.Since)
	require.Empty(t, again.Closing)

	w.see(phone.Status, "CONNECTED")
	worse := one(t, w.later(time.Minute).see(phone.Status, "BANNED"))
	require.Equal(t, worse.Revision, worse.Notified, "worse than at its last opening")

	w.see(phone.Status, "CONNECTED")
	fresh := one(t, w.later(time.Hour+time.Second).see(phone.Status, "BANNED"))
	require.Equal(t, alert.Opened, fresh.Transition)
	require.NotEqual(t, first.ID, fresh.ID)
	require.Equal(t, 1, fresh.Openings)
}

func TestReopensAfterWaiting(t *testing.T) {
	w := newTestbed(t, "  - {name: slow, on: Status, to: [PAUSED], for: 5m, severity: high, summary: x}\n")
	w.see(phone.Status, "PAUSED")
	first := one(t, w.later(5*time.Minute).tick())
	w.see(phone.Status, "CONNECTED")
	w.later(59*time.Minute).see(phone.Status, "PAUSED")
	out := w.later(5 * time.Minute).tick()
	require.Len(t, out, 2)
	byID := map[string]alert.Alert{out[0].ID: out[0], out[1].ID: out[1]}
	require.Equal(t, alert.Reopened, byID[first.ID].Transition)
	delete(byID, first.ID)
	for _, waiting := range byID {
		require.True(t, rules.Unsaid(&waiting))
	}
	require.Equal(t, 1, w.st.Len())
}

func TestReopenWithinZeroNeverReopens(t *testing.T) {
	w := newTestbed(t, blocked)
	w.set = parse(t, "version: 1\ndefaults: {reopen_within: 0s}\nrules:\n"+blocked)
	first := one(t, w.see(phone.Status, "BANNED"))
	w.see(phone.Status, "CONNECTED")
	require.NotEqual(t, first.ID, one(t, w.later(time.Second).see(phone.Status, "BANNED")).ID)
}

func TestSubjectsThatAreNoNumbers(t *testing.T) {
	w := newTestbed(t, `
  - {name: blind, on: Poll, to: [FAILING, DENIED], severity: high, summary: "{Account}/{Space} {New} {Code} {Reason}"}
  - {name: parked, on: Sink, direction: worse, severity: high, summary: "{Part} {Code} {PhoneNumber}"}
`)
	space := phone.Subject{Account: "main", Space: "293"}
	see := func(s phone.Subject, f phone.Field, from, to, code string) []alert.Alert {
		return w.step(rules.Seen{Space: w.space, Changes: []phone.Change{{
			Subject: s, Field: f, Old: from, New: to, Direction: f.Direction(from, to), SeenAt: w.now, Code: code, Reason: "because",
		}}})
	}
	require.Equal(t, "main/Acme FAILING Timeout because", one(t, see(space, phone.Poll, "OK", "FAILING", "Timeout")).Summary.Plain())
	require.Equal(t, []string{"blind worse"}, transitions(see(space, phone.Poll, "FAILING", "DENIED", "NoPermission")))
	require.Equal(t, "recovered, now OK", one(t, see(space, phone.Poll, "DENIED", "OK", "")).Closing)
	require.Equal(t, "main/(none) DENIED X because", one(t, see(phone.Subject{Account: "main"}, phone.Poll, "OK", "DENIED", "X")).Summary.Plain())
	part := phone.Subject{Component: "slack:ops"}
	require.Equal(t, "slack:ops not_in_channel (none)", one(t, see(part, phone.Sink, "OK", "PARKED", "not_in_channel")).Summary.Plain())
	require.Equal(t, []string{"parked resolved"}, transitions(see(part, phone.Sink, "PARKED", "OK", "")))
}

func TestStepLeavesItsStateAlone(t *testing.T) {
	w := newTestbed(t, red)
	a := one(t, w.see(phone.QualityRating, "RED"))
	w.number.Set(phone.QualityRating, "GREEN")
	w.set.Step(w.st, rules.Seen{Space: w.space, Changes: []phone.Change{w.change(phone.QualityRating, "RED", "GREEN")}}, w.now)
	kept, ok := w.st.Get(a.ID)
	require.True(t, ok)
	require.Equal(t, a, kept)
}

func TestReminders(t *testing.T) {
	const rule = "\n  - {name: %s, on: QualityRating, to: [RED], severity: high, summary: x%s}\n"
	set := func(defaults, name, keys string) *rules.Set {
		return parse(t, header+"defaults: {"+defaults+"}\nrules:"+fmt.Sprintf(rule, name, keys))
	}
	w := newTestbed(t, red)
	w.set = set("remind_every: 24h", "red", "")
	require.Equal(t, 24*time.Hour, one(t, w.see(phone.QualityRating, "RED")).RemindEvery)
	w.set = set("remind_every: 24h", "red", ", remind_every: 1h")
	require.Equal(t, time.Hour, one(t, w.step(rules.Reloaded{})).RemindEvery, "a reload reaches what is open")
	require.Empty(t, w.step(rules.Reloaded{}))
	w.set = set("remind_every: 24h", "redder", ", was: red, remind_every: 0s")
	a := one(t, w.step(rules.Reloaded{}))
	require.Equal(t, "redder", a.Rule)
	require.Zero(t, a.RemindEvery)
	w.set = set("remind_every: 24h", "once", ", once: true")
	w.see(phone.QualityRating, "GREEN")
	require.Zero(t, one(t, w.see(phone.QualityRating, "RED")).RemindEvery)
}
