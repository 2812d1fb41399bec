package watch_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/rules/rulefile"
)

// held returns what holds back each open alert, by rule.
func (b *bench) held() map[string][]string {
	b.t.Helper()
	open := b.open()
	out := map[string][]string{}
	for _, a := range open {
		out[a.Rule] = a.HeldBy
	}
	return out
}

func TestASilenceHoldsBackWhatItMatchesUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		b := start(t, path)
		ctx := t.Context()
		b.poll("1", number("86", "BANNED", "GREEN"))
		b.poll("2", number("87", "CONNECTED", "RED"))
		s, err := b.loop.Silence(ctx, alert.Silence{Match: alert.Matcher{Space: "1"}, By: "ada", Reason: "moving", Until: time.Now().Add(2 * time.Hour)})
		require.NoError(t, err)
		require.Regexp(t, `^s-[a-z2-7]{10}$`, s.ID)
		b.poll("1", number("86", "BANNED", "RED"))
		require.Equal(t, map[string][]string{"banned": {"silence:" + s.ID}, "quality-red": {"silence:" + s.ID}}, restrict(b, "1"))
		require.Empty(t, restrict(b, "2")["quality-red"])
		b.stop()

		b = start(t, path)
		require.Equal(t, []string{"silence:" + s.ID}, restrict(b, "1")["banned"], "it is known over the restart")
		b.messenger.said()
		time.Sleep(110 * time.Minute)
		require.Equal(t, []string{"blind main opened", "ending silence:" + s.ID + " opened"}, b.messenger.said(), "people hear before it ends, once")
		require.Contains(t, b.summary("ending"), "and 2 alerts under it still fire")
		time.Sleep(11 * time.Minute)
		require.Empty(t, restrict(b, "1")["banned"])
		said := b.messenger.said()
		require.Contains(t, said, "ending silence:"+s.ID+" resolved")
		require.Len(t, said, 3, "what still fires is shown now")
		silences, err := b.store.Silences()
		require.NoError(t, err)
		require.Empty(t, silences)
		require.Contains(t, b.log(), "silenced")
		require.Contains(t, b.log(), "silence-ended")
		b.stop()
	})
}

// What the store cannot write must not get there: the loop would try for ever, and do nothing else.
func TestASilenceThatEndsTooFarAwayIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		for _, until := range []time.Time{
			time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Add(time.Minute),
			time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)).UTC(),
			time.Now().AddDate(101, 0, 0),
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := b.loop.Silence(ctx, alert.Silence{Match: alert.Matcher{Space: "1"}, By: "ada", From: until.Add(-time.Hour), Until: until})
			cancel()
			require.ErrorIs(t, err, alert.ErrRejected)
		}
		_, err := b.loop.Silence(t.Context(), alert.Silence{Match: alert.Matcher{Space: "1"}, By: "ada", Until: time.Now().AddDate(50, 0, 0)})
		require.NoError(t, err)
		b.stop()
	})
}

// A silence that was planned holds back nothing before it begins, also over restarts.
func TestAPlannedSilenceHoldsBackNothingBeforeItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		b := start(t, path)
		b.poll("1", number("86", "BANNED", "GREEN"))
		now := time.Now()
		plan := func(from, until time.Duration) alert.Silence {
			s, err := b.loop.Silence(t.Context(), alert.Silence{Match: alert.Matcher{Space: "1"}, By: "ada", From: now.Add(from), Until: now.Add(until)})
			require.NoError(t, err)
			return s
		}
		_, err := b.loop.Silence(t.Context(), alert.Silence{Match: alert.Matcher{Space: "1"}, By: "ada", From: now.Add(2 * time.Hour), Until: now.Add(time.Hour)})
		require.ErrorIs(t, err, alert.ErrRejected)
		s := plan(2*time.Hour, 4*time.Hour)
		require.True(t, s.Planned)
		missed := plan(5*time.Hour, 6*time.Hour)
		require.Contains(t, b.log(), "silenced")
		require.False(t, plan(-time.Hour, time.Minute).Planned, "what should have begun begins now")
		time.Sleep(2 * time.Minute)
		b.poll("1", number("86", "BANNED", "RED"))
		require.Equal(t, map[string][]string{"banned": nil, "quality-red": nil}, restrict(b, "1"))
		b.setSpaces("main", spaces)
		require.Empty(t, restrict(b, "1")["banned"])
		b.stop()

		b = start(t, path)
		require.Empty(t, restrict(b, "1")["banned"])
		time.Sleep(118*time.Minute + time.Second)
		held := []string{"silence:" + s.ID}
		require.Equal(t, map[string][]string{"banned": held, "quality-red": held}, restrict(b, "1"))
		require.Contains(t, b.log(), "silence-begun")
		stored, err := b.store.Silences()
		require.NoError(t, err)
		require.Len(t, stored, 2)
		for _, one := range stored {
			require.Equal(t, one.ID == missed.ID, one.Planned, one.ID)
		}
		b.stop()

		b = start(t, path)
		require.Equal(t, held, restrict(b, "1")["banned"], "once")
		time.Sleep(118 * time.Minute)
		require.NotEmpty(t, b.summary("ending"))
		time.Sleep(3 * time.Minute)
		require.Empty(t, restrict(b, "1")["banned"])
		require.NoError(t, b.loop.EndSilence(t.Context(), missed.ID, "bob"))
		b.stop()
	})
}

// summary is what the open alert of a rule says; "" where none is open.
func (b *bench) summary(rule string) string {
	b.t.Helper()
	for _, a := range b.open() {
		if a.Rule == rule {
			return a.Summary.Plain()
		}
	}
	return ""
}

func TestASilenceIsReportedWhileAlertsWouldComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		b := start(t, path)
		silence := func(m alert.Matcher, length time.Duration) {
			_, err := b.loop.Silence(t.Context(), alert.Silence{Match: m, By: "ada", Until: time.Now().Add(length)})
			require.NoError(t, err)
		}
		b.poll("1", number("86", "BANNED", "GREEN"))
		silence(alert.Matcher{Severity: "critical,warning"}, 2*time.Hour)
		time.Sleep(105*time.Minute + 2*time.Second)
		require.Contains(t, b.summary("ending"), "and 1 alert under it still fires")
		require.Empty(t, b.held()["ending"], "no silence holds back the word of its own end")
		b.messenger.said()
		b.poll("1", number("86", "BANNED", "RED"))
		time.Sleep(2 * time.Second)
		require.Contains(t, b.summary("ending"), "and 2 alerts under it still fire", "the number is that of now")
		require.NotContains(t, b.log(), "ending worse")
		b.stop()

		b = start(t, path)
		time.Sleep(2 * time.Second)
		require.Contains(t, b.summary("ending"), "2 alerts", "it is known over the restart")
		silence(alert.Matcher{Rule: "banned"}, 12*time.Hour)
		time.Sleep(2 * time.Second)
		require.Contains(t, b.summary("ending"), "1 alert", "another silence holds back the rest for longer")
		b.poll("1", number("86", "BANNED", "GREEN"))
		time.Sleep(2 * time.Second)
		require.Empty(t, b.summary("ending"), "nothing comes back")
		b.poll("1", number("86", "BANNED", "RED"))
		time.Sleep(2 * time.Second)
		require.NotEmpty(t, b.summary("ending"))
		b.stop()
	})
}

// Whoever sets a silence of minutes has not forgotten it.
func TestAShortSilenceIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.poll("1", number("86", "BANNED", "GREEN"))
		_, err := b.loop.Silence(t.Context(), alert.Silence{Match: alert.Matcher{Rule: "banned"}, By: "ada", Until: time.Now().Add(15 * time.Minute)})
		require.NoError(t, err)
		time.Sleep(14 * time.Minute)
		require.Empty(t, b.summary("ending"))
		b.stop()
	})
}

// restrict is held, of the alerts in one space.
func restrict(b *bench, space string) map[string][]string {
	b.t.Helper()
	out := map[string][]string{}
	for _, a := range b.open() {
		if a.Subject.Space == space {
			out[a.Rule] = a.HeldBy
		}
	}
	return out
}

func TestASilenceThatIsEndedOrRefused(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	ctx := t.Context()
	later := time.Now().Add(time.Hour)
	for _, s := range []alert.Silence{
		{By: "ada", Until: later},
		{By: "ada", Match: alert.Matcher{Rule: "banned"}},
		{Match: alert.Matcher{Rule: "banned"}, Until: later},
	} {
		_, err := b.loop.Silence(ctx, s)
		require.ErrorIs(t, err, alert.ErrRejected)
	}
	require.ErrorIs(t, b.loop.EndSilence(ctx, "s-none", "ada"), alert.ErrNotFound)

	b.poll("1", number("86", "BANNED", "GREEN"))
	s, err := b.loop.Silence(ctx, alert.Silence{By: "ada", Match: alert.Matcher{Rule: "banned"}, Until: later})
	require.NoError(t, err)
	require.NotEmpty(t, b.held()["banned"])
	all, err := b.store.Silences()
	require.NoError(t, err)
	require.Equal(t, s.ID, all[0].ID)
	second, err := b.loop.Silence(ctx, alert.Silence{By: "ada", Match: alert.Matcher{Space: "1,2"}, Until: later})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"silence:" + s.ID, "silence:" + second.ID}, b.held()["banned"])
	require.NoError(t, b.loop.EndSilence(ctx, s.ID, "bob"))
	require.Equal(t, []string{"silence:" + second.ID}, b.held()["banned"], "the other one goes on")
	require.NoError(t, b.loop.EndSilence(ctx, second.ID, "bob"))
	require.Empty(t, b.held()["banned"])
}

// Labels change while the bot runs, and while it does not.
func TestASilenceGoesByTheLabelsAsTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	ctx := t.Context()
	gold := slices.Clone(spaces)
	gold[0].Labels = map[string]string{"tier": "gold"}
	b.poll("1", number("86", "BANNED", "GREEN"))
	s, err := b.loop.Silence(ctx, alert.Silence{Match: alert.Matcher{Labels: gold[0].Labels}, By: "ada", Until: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Empty(t, b.held()["banned"])
	b.setSpaces("main", gold)
	require.Equal(t, []string{"silence:" + s.ID}, b.held()["banned"])
	b.stop()

	b = run(t, path)
	other := phone.Space{SpaceKey: phone.SpaceKey{Account: "another", ID: "1"}}
	b.setSpaces("another", []phone.Space{other})
	b.setSpaces("main", gold)
	require.NoError(t, b.loop.Started(ctx))
	require.Empty(t, b.messenger.said(), "it is held all the time, also while not all spaces are known yet")
	b.stop()

	b = start(t, path)
	require.Empty(t, b.held()["banned"], "the space is not gold any more")
}

func TestAnAcknowledgementEndsWithItsAlertOrWhenItGetsWorse(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	ctx := t.Context()
	b.fail("1", cams.Transient, "X")
	b.fail("1", cams.Transient, "X")
	b.fail("1", cams.Transient, "X")
	open := b.open()
	require.Len(t, open, 1)
	acked, err := b.loop.Ack(ctx, open[0].ID, "ada")
	require.NoError(t, err)
	require.Equal(t, "ada", acked.Ack.By)
	stored, err := b.store.Alerts()
	require.NoError(t, err)
	require.Equal(t, "ada", stored[0].Ack.By)
	require.Contains(t, b.log(), "acknowledged")

	b.fail("1", cams.DeniedSpace, "X")
	open = b.open()
	require.Equal(t, "DENIED", open[0].Change.New)
	require.Nil(t, open[0].Ack, "it falls when the alert gets worse")
	_, err = b.loop.Ack(ctx, open[0].ID, "")
	require.ErrorIs(t, err, alert.ErrRejected)
	_, err = b.loop.Ack(ctx, "a-none", "ada")
	require.ErrorIs(t, err, alert.ErrNotFound)
	b.poll("1")
	_, err = b.loop.Ack(ctx, open[0].ID, "ada")
	require.ErrorIs(t, err, alert.ErrRejected)
}

func TestAnAcknowledgementIsTakenBack(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "BANNED", "GREEN"))
	open := b.open()
	_, err := b.loop.Ack(t.Context(), open[0].ID, "ada")
	require.NoError(t, err)
	a, err := b.loop.Unack(t.Context(), open[0].ID, "ada")
	require.NoError(t, err)
	require.Nil(t, a.Ack)
}

// An Alertmanager is not told of what is silenced before it is told of it, and knows it
// from then on.
func TestASilencedAlertBeginsAtAnAlertmanagerOnceItIsNotSilenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		set, err := rulefile.Load("rules.yaml", []byte(`
version: 1
channels: {pager: {alertmanager: prod}}
rules:
  - {name: banned, on: Status, to: [BANNED], severity: critical, summary: "{PhoneNumber}", notify: [pager]}
`))
		require.NoError(t, err)
		require.NoError(t, b.loop.Reload(t.Context(), set))
		followers := func() (all []string) {
			for _, a := range b.open() {
				all = append(all, a.Followers...)
			}
			return all
		}
		silence := func() alert.Silence {
			s, err := b.loop.Silence(t.Context(), alert.Silence{Match: alert.Matcher{Space: "1"}, By: "ada", Until: time.Now().Add(time.Hour)})
			require.NoError(t, err)
			return s
		}
		s := silence()
		b.poll("1", number("86", "BANNED", "GREEN"))
		require.Len(t, b.open(), 1)
		require.Empty(t, followers())
		require.NoError(t, b.loop.EndSilence(t.Context(), s.ID, "ada"))
		require.Equal(t, []string{"prod"}, followers())
		silence()
		require.Equal(t, []string{"prod"}, followers())
		b.stop()
	})
}
