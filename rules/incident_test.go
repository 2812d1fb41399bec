package rules_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

func notified(a alert.Alert) bool { return a.Notified == a.Revision }

func TestAlertsOnOneSubjectAreOneIncident(t *testing.T) {
	w := newTestbed(t, red+blocked)
	out := w.see(phone.Status, "BANNED", phone.QualityRating, "RED")
	require.Equal(t, []string{"blocked opened", "red opened"}, transitions(out))
	id := out[0].Incident
	require.Equal(t, out[0].NewIncident(), id)
	require.Equal(t, id, out[1].Incident, "of one poll")

	w.see(phone.QualityRating, "GREEN")
	out = w.later(3*time.Hour).see(phone.QualityRating, "RED")
	require.Equal(t, []string{"red opened"}, transitions(out), "an alert of its own")
	require.Equal(t, id, out[0].Incident, "BANNED was open all the time")

	w.see(phone.QualityRating, "GREEN", phone.Status, "CONNECTED")
	require.Equal(t, id, one(t, w.later(time.Hour).see(phone.Status, "BANNED")).Incident, "within reopen_within")
	w.see(phone.Status, "CONNECTED")
	require.NotEqual(t, id, one(t, w.later(time.Hour+time.Second).see(phone.QualityRating, "RED")).Incident)
}

func TestIncidentsAreOfOneSubject(t *testing.T) {
	w := newTestbed(t, red)
	first := one(t, w.see(phone.QualityRating, "RED"))
	w.number.PhoneNumber = "8613800002222"
	w.number.Set(phone.QualityRating, "GREEN")
	require.NotEqual(t, first.Incident, one(t, w.see(phone.QualityRating, "RED")).Incident)
}

func TestNoticesJoinTheIncident(t *testing.T) {
	w := newTestbed(t, red+`
  - {name: renamed, on: VerifiedName, once: true, severity: warning, summary: x}
`)
	alone := one(t, w.see(phone.VerifiedName, "Acme A"))
	require.Equal(t, alone.NewIncident(), alone.Incident)
	a := one(t, w.later(time.Minute).see(phone.QualityRating, "RED"))
	require.Equal(t, alone.Incident, a.Incident, "soon after a notice")
	require.Equal(t, a.Incident, one(t, w.later(5*time.Hour).see(phone.VerifiedName, "Acme B")).Incident)
}

func TestAnIncidentLivesOnAfterWaiting(t *testing.T) {
	w := newTestbed(t, red+"  - {name: slow, on: Status, to: [PAUSED], for: 2h, severity: high, summary: x}\n")
	a := one(t, w.see(phone.QualityRating, "RED"))
	w.see(phone.QualityRating, "GREEN")
	w.later(30*time.Minute).see(phone.Status, "PAUSED")
	slow := one(t, w.later(2*time.Hour).tick())
	require.Equal(t, a.Incident, slow.Incident, "its condition came true within reopen_within")
}

// Where a reopening waits, another incident may begin: the alert opens anew, in that one.
func TestAnAlertReopensOnlyInTheIncidentThatLives(t *testing.T) {
	const slow = "  - {name: slow, on: Status, to: [PAUSED], for: 2h, severity: high, summary: x}\n"
	for name, test := range map[string]struct {
		between  func(w *testbed)
		want     string
		sameness func(t require.TestingT, expected, actual any, msgAndArgs ...any)
	}{
		"nothing else opens": {func(*testbed) {}, "slow reopened", require.Equal},
		"another opens within reopen_within": {func(w *testbed) {
			w.see(phone.QualityRating, "RED")
		}, "slow reopened", require.Equal},
		"another opens later": {func(w *testbed) {
			w.later(time.Hour).see(phone.QualityRating, "RED")
		}, "slow opened", require.NotEqual},
		"another opens later, and closes": {func(w *testbed) {
			w.later(time.Hour).see(phone.QualityRating, "RED")
			w.later(time.Minute).see(phone.QualityRating, "GREEN")
		}, "slow opened", require.NotEqual},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestbed(t, red+slow)
			w.see(phone.Status, "PAUSED")
			first := one(t, w.later(2*time.Hour).tick())
			w.see(phone.Status, "CONNECTED")
			w.later(30*time.Minute).see(phone.Status, "PAUSED")
			test.between(w)
			var living string
			for a := range w.st.All() {
				if a.Rule == "red" {
					living = a.Incident
				}
			}
			out := w.later(2 * time.Hour).tick()
			again := out[slices.IndexFunc(out, func(a alert.Alert) bool { return a.State == alert.Firing })]
			require.Equal(t, test.want, "slow "+again.Transition.String())
			test.sameness(t, first.Incident, again.Incident)
			test.sameness(t, first.ID, again.ID)
			if living != "" {
				require.Equal(t, living, again.Incident)
			}
		})
	}
}

func TestALongerReopenWithinJoinsNothingThatWasOver(t *testing.T) {
	w := newTestbed(t, red+blocked)
	w.set = parse(t, header+"defaults: {reopen_within: 5m}\nrules:\n"+red+blocked)
	first := one(t, w.see(phone.QualityRating, "RED"))
	w.see(phone.QualityRating, "GREEN")
	second := one(t, w.later(10*time.Minute).see(phone.Status, "BANNED"))
	require.NotEqual(t, first.Incident, second.Incident)
	w.set = parse(t, header+"defaults: {reopen_within: 1h}\nrules:\n"+red+blocked)
	w.step(rules.Reloaded{})
	again := one(t, w.later(time.Minute).see(phone.QualityRating, "RED"))
	require.Equal(t, alert.Opened, again.Transition)
	require.Equal(t, second.Incident, again.Incident, "that lives")
}

func TestAnIncidentLivesWhileItFlaps(t *testing.T) {
	w := newTestbed(t, red+blocked)
	w.set = parse(t, header+"defaults: {reopen_within: 5m, settle_after: 15m}\nrules:\n"+red+blocked)
	var flapping alert.Alert
	for range 3 {
		flapping = one(t, w.later(time.Minute).see(phone.QualityRating, "RED"))
		w.later(time.Minute).see(phone.QualityRating, "GREEN")
	}
	require.True(t, flapping.Flapping)
	require.Equal(t, flapping.Incident, one(t, w.later(10*time.Minute).see(phone.Status, "BANNED")).Incident)
}

func TestIncidentsOfOneTickDoNotHangOnOrder(t *testing.T) {
	const list = `
  - {name: a, on: Status, to: [PAUSED], for: 5m, severity: high, summary: x}
  - {name: b, on: QualityRating, to: [RED], for: 5m, severity: high, summary: x}
`
	ids := map[string]bool{}
	for range 20 {
		w := newTestbed(t, list)
		w.see(phone.Status, "PAUSED", phone.QualityRating, "RED")
		out := w.later(5 * time.Minute).tick()
		require.Equal(t, []string{"a opened", "b opened"}, transitions(out))
		require.Equal(t, out[0].Incident, out[1].Incident)
		ids[out[0].Incident] = true
	}
	require.Len(t, ids, 1)
}

// The third opening within reopen_within is told as flapping, and then nothing until the
// field has stayed as it is for settle_after.
func TestFlapping(t *testing.T) {
	for _, end := range []string{"RED", "GREEN"} {
		w := newTestbed(t, red)
		var a alert.Alert
		for i := range 3 {
			a = one(t, w.later(5*time.Minute).see(phone.QualityRating, "RED"))
			require.True(t, notified(a))
			require.Equal(t, i == 2, a.Flapping)
			require.Len(t, a.Flaps, i+1)
			if i < 2 {
				require.True(t, notified(one(t, w.later(5*time.Minute).see(phone.QualityRating, "GREEN"))))
			}
		}
		for range 3 {
			closed := one(t, w.later(5*time.Minute).see(phone.QualityRating, "GREEN"))
			require.False(t, notified(closed))
			require.Greater(t, closed.Revision, a.Revision, "programs hear of it")
			a = one(t, w.later(5*time.Minute).see(phone.QualityRating, "RED"))
			require.False(t, notified(a))
			require.True(t, a.Flapping)
		}
		if end == "GREEN" {
			w.see(phone.QualityRating, "GREEN")
		}
		w.restart()
		require.Empty(t, w.later(15*time.Minute-time.Second).tick())
		settled := one(t, w.later(time.Second).tick())
		require.Equal(t, alert.Settled, settled.Transition)
		require.Equal(t, end == "GREEN", settled.State.Closed())
		require.Equal(t, end, settled.Change.New)
		require.True(t, notified(settled))
		require.False(t, settled.Flapping)
		require.Empty(t, w.later(time.Hour).tick())
	}
}

func TestOpeningsLongAgoAreNoFlapping(t *testing.T) {
	w := newTestbed(t, red)
	for range 5 {
		a := one(t, w.later(25*time.Minute).see(phone.QualityRating, "RED"))
		require.False(t, a.Flapping)
		w.later(25*time.Minute).see(phone.QualityRating, "GREEN")
	}
}

// What else is said of a field that flaps is as silent, and what is said of others is not.
func TestFlappingIsOfOneField(t *testing.T) {
	w := newTestbed(t, red+blocked+`
  - {name: good, on: QualityRating, to: [GREEN], once: true, severity: info, summary: x}
`)
	w.see(phone.QualityRating, "RED")
	for range 2 {
		w.later(time.Minute).see(phone.QualityRating, "GREEN")
		w.later(time.Minute).see(phone.QualityRating, "RED")
	}
	out := w.later(time.Minute).see(phone.QualityRating, "GREEN")
	require.Equal(t, []string{"good opened", "red resolved"}, transitions(out))
	require.Zero(t, out[0].Notified)
	require.False(t, notified(out[1]))
	require.True(t, notified(one(t, w.see(phone.Status, "BANNED"))))
}

func TestAWorseValueIsToldWhileItFlaps(t *testing.T) {
	w := newTestbed(t, blocked)
	for range 3 {
		w.later(time.Minute).see(phone.Status, "CONNECTED")
		w.later(time.Minute).see(phone.Status, "RESTRICTED")
	}
	a := one(t, w.later(time.Minute).see(phone.Status, "BANNED"))
	require.True(t, a.Flapping)
	require.True(t, notified(a))
}

func TestNoticesFlap(t *testing.T) {
	w := newTestbed(t, `
  - {name: up, on: MessagingLimitTier, direction: better, once: true, severity: info, summary: x}
  - {name: down, on: MessagingLimitTier, direction: worse, once: true, severity: info, summary: x}
`)
	w.number.Set(phone.MessagingLimitTier, "TIER_1K")
	var told []string
	for i := range 8 {
		a := one(t, w.later(time.Minute).see(phone.MessagingLimitTier, []string{"TIER_10K", "TIER_1K"}[i%2]))
		if notified(a) {
			told = append(told, a.Rule)
		}
	}
	require.Equal(t, []string{"up", "down", "up", "down", "up"}, told)
	w.restart()
	settled := one(t, w.later(15*time.Minute).tick())
	require.Equal(t, "up", settled.Rule)
	require.Equal(t, "TIER_1K", settled.Change.New, "how it ended")
	require.True(t, notified(settled))
}

func TestTheEndOfAFlappingNumberIsTold(t *testing.T) {
	w := newTestbed(t, red)
	w.see(phone.QualityRating, "RED")
	for range 2 {
		w.later(time.Minute).see(phone.QualityRating, "GREEN")
		w.later(time.Minute).see(phone.QualityRating, "RED")
	}
	ended := one(t, w.presence(phone.Appeared, phone.Missing, false))
	require.Equal(t, alert.WasEnded, ended.Transition)
	require.True(t, notified(ended))
	require.Empty(t, w.later(time.Hour).tick(), "nothing to settle")
}

func TestOpeningsComeBeforeClosings(t *testing.T) {
	w := newTestbed(t, blocked+"  - {name: z-gone, on: Status, to: [DISCONNECTED], severity: high, summary: x}\n")
	w.see(phone.Status, "BANNED")
	require.Equal(t, []string{"z-gone opened", "blocked resolved"}, transitions(w.see(phone.Status, "DISCONNECTED")))
	require.Equal(t, []string{"blocked reopened", "z-gone resolved"}, transitions(w.see(phone.Status, "BANNED")))
}

func TestDroppedAlertsLeaveNoIncident(t *testing.T) {
	w := newTestbed(t, red)
	a := one(t, w.see(phone.QualityRating, "RED"))
	w.see(phone.QualityRating, "GREEN")
	w.st.Drop(a.ID)
	again := one(t, w.later(time.Minute).see(phone.QualityRating, "RED"))
	require.Equal(t, again.NewIncident(), again.Incident)
	require.NotEqual(t, a.Incident, again.Incident)
}

// restart has the state read from what was stored.
func (w *testbed) restart() {
	var stored []alert.Alert
	for a := range w.st.All() {
		stored = append(stored, a)
	}
	w.st = rules.NewState(stored)
}

// flapTo has a rating flap between GREEN and a value, RED (critical) or YELLOW (a warning).
func flapTo(t *testing.T, value string) *testbed {
	w := newTestbed(t, red+`
  - {name: yellow, on: QualityRating, to: [YELLOW], severity: warning, summary: x}
`)
	for range 3 {
		w.later(time.Minute).see(phone.QualityRating, "GREEN")
		w.later(time.Minute).see(phone.QualityRating, value)
	}
	return w
}

func TestWhatFlapsSilencesNothingWorse(t *testing.T) {
	w := flapTo(t, "YELLOW")
	out := w.later(time.Minute).see(phone.QualityRating, "RED")
	require.Equal(t, []string{"red opened", "yellow resolved"}, transitions(out))
	require.True(t, notified(out[0]), "critical")
	require.False(t, notified(out[1]))
	out = w.later(15 * time.Minute).tick()
	require.Equal(t, []string{"yellow settled"}, transitions(out))
}

func TestWhatFlappingSilencedIsToldInTheEnd(t *testing.T) {
	w := flapTo(t, "RED")
	out := w.later(time.Minute).see(phone.QualityRating, "YELLOW")
	require.Equal(t, []string{"yellow opened", "red resolved"}, transitions(out))
	require.Zero(t, out[0].Notified)
	out = w.later(15 * time.Minute).tick()
	require.Equal(t, []string{"red settled", "yellow opened"}, transitions(out))
	require.True(t, notified(out[1]), "it is still open")
	require.Equal(t, uint64(1), out[1].Revision, "which is no transition")
}
