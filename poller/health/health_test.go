package health

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// life is an account with three spaces, at a time of its own.
type life struct {
	*Account
	now time.Time
}

func newLife(stored ...phone.Condition) *life {
	l := &life{New("main", stored), epoch}
	l.SetSpaces([]string{"1", "2", "3"}, l.now)
	return l
}

// poll reports a poll that takes a second, and lets a minute pass.
func (l *life) poll(space string, v Verdict) {
	l.now = l.now.Add(time.Minute)
	l.answer(space, v, l.now.Add(-time.Second))
}

// answer reports a poll that was sent at a time.
func (l *life) answer(space string, v Verdict, sent time.Time) {
	p := Poll{Space: space, Verdict: v, Started: sent, At: l.now}
	if v != Succeeded {
		p.Code, p.Err = "Code", errors.New("the reason")
	}
	l.Polled(p)
}

// changed lists what has changed since it was called last.
func (l *life) changed() []string {
	out := []string{}
	for _, c := range l.Changes() {
		out = append(out, fmt.Sprintf("%s %s→%s %s", c.Subject, c.Old, c.New, c.Direction))
	}
	return out
}

func TestThreeFailuresMakeASpaceFailing(t *testing.T) {
	l := newLife()
	l.poll("1", Failed)
	l.poll("1", Unusable)
	require.Empty(t, l.changed())
	l.poll("1", Throttled)
	require.Empty(t, l.changed(), "throttled means nothing")
	l.poll("1", Failed)
	require.Equal(t, []string{"main/1 OK→FAILING worse"}, l.changed())
	l.poll("1", Failed)
	require.Empty(t, l.changed())
	require.Equal(t, 4, l.Failing()[0].Failures)
	require.Equal(t, epoch.Add(time.Minute), l.Failing()[0].Since)
	l.poll("1", Succeeded)
	require.Equal(t, []string{"main/1 FAILING→OK better"}, l.changed())
	require.Empty(t, l.Failing())
}

func TestADeniedSpaceStaysSoUntilItSucceeds(t *testing.T) {
	l := newLife()
	l.poll("1", SpaceDenied)
	require.Equal(t, []string{"main/1 OK→DENIED worse"}, l.changed())
	for range 5 {
		l.poll("1", Failed)
	}
	require.Empty(t, l.changed())
	require.Zero(t, l.ProbeAt(), "the account is well")
	l.poll("1", Succeeded)
	require.Equal(t, []string{"main/1 DENIED→OK better"}, l.changed())
}

func TestFailuresOfSeveralSpacesAreTheAccounts(t *testing.T) {
	l := newLife()
	for range 2 {
		for _, id := range []string{"1", "2", "3"} {
			require.Empty(t, l.changed())
			l.poll(id, Failed)
		}
	}
	require.Equal(t, []string{"main OK→FAILING worse"}, l.changed())
	for range 5 {
		l.poll("1", Failed)
	}
	l.poll("2", Unusable)
	require.Empty(t, l.changed(), "the account speaks for its spaces")
	require.Zero(t, l.ProbeAt(), "it is polled as before")
	l.poll("1", Succeeded)
	require.Equal(t, []string{"main FAILING→OK better"}, l.changed())
	l.poll("2", Failed)
	require.Equal(t, []string{"main/2 OK→FAILING worse"}, l.changed(), "this one never answered")
}

func TestADeniedAccountEndsWithTheFirstAnswerThatLetsItIn(t *testing.T) {
	for _, v := range []Verdict{Succeeded, SpaceDenied, Unusable} {
		l := newLife()
		l.poll("1", AccountDenied)
		require.Equal(t, []string{"main OK→DENIED worse"}, l.changed())
		why, denied := l.Unwell()
		require.Equal(t, "Code", why.Code)
		require.True(t, denied)
		for range 3 {
			for _, id := range []string{"1", "2", "3"} {
				l.poll(id, Failed)
				l.poll(id, Throttled)
			}
		}
		require.Empty(t, l.changed(), "that no answer came says nothing of the denial")
		l.poll("2", v)
		require.Contains(t, l.changed(), "main DENIED→OK better")
		_, denied = l.Unwell()
		require.False(t, denied)
		require.Zero(t, l.ProbeAt())
	}
}

// A poll that was under way when the account was found unwell, or well again, does
// not speak for it.
func TestPollsThatWereUnderWay(t *testing.T) {
	l := newLife()
	early := l.now
	l.poll("1", AccountDenied)
	denied := l.now
	l.changed()
	probe := l.ProbeAt()
	l.now = l.now.Add(time.Second)
	l.answer("2", Succeeded, early)
	l.answer("3", AccountDenied, early)
	require.Empty(t, l.changed())
	require.Equal(t, probe, l.ProbeAt(), "nor does it lengthen the wait")
	l.answer("2", Succeeded, denied)
	require.Equal(t, []string{"main DENIED→OK better"}, l.changed())
	l.now = l.now.Add(time.Second)
	l.answer("3", AccountDenied, denied)
	for range 3 {
		for _, id := range []string{"1", "2", "3"} {
			l.answer(id, Failed, denied)
		}
	}
	require.NotContains(t, l.changed(), "main OK→FAILING worse")
	require.False(t, l.unwell())
}

func TestTheWaitBetweenProbesGrows(t *testing.T) {
	l := newLife()
	var waits []time.Duration
	for range 7 {
		l.answer("1", AccountDenied, l.now)
		waits = append(waits, l.ProbeAt().Sub(l.now))
		l.now = l.ProbeAt()
		l.Sending(l.now)
		require.Equal(t, l.now.Add(waits[len(waits)-1]), l.ProbeAt(), "one probe at a time")
		l.now = l.now.Add(time.Second)
	}
	require.Equal(t, []time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute,
	}, waits)
	l.answer("1", Succeeded, l.now)
	l.Sending(l.now)
	require.Zero(t, l.ProbeAt())
	l.answer("1", AccountDenied, l.now)
	require.Equal(t, firstWait, l.ProbeAt().Sub(l.now))
}

const longest = 5 * time.Minute

func TestASpaceWithoutAnAnswerForTooLongIsFailing(t *testing.T) {
	l := newLife()
	pass := func(minutes int, polled ...string) {
		for range minutes {
			for _, id := range polled {
				l.answer(id, Succeeded, l.now)
			}
			l.poll("2", Throttled)
			l.FindBlind(l.now, longest)
		}
	}
	pass(7, "1", "3")
	l.SetSpaces([]string{"1", "2", "9"}, l.now)
	pass(7, "1", "9")
	require.Empty(t, l.changed())
	l.FindBlind(l.now, 0)
	pass(1, "1", "9")
	require.Equal(t, []string{"main/2 OK→FAILING worse"}, l.changed())
	l.poll("2", Succeeded)
	require.Equal(t, []string{"main/2 FAILING→OK better"}, l.changed())
}

func TestASpaceThatJoinsHasTimeToBePolled(t *testing.T) {
	l := newLife()
	l.now = l.now.Add(time.Hour)
	for _, id := range []string{"1", "2", "3"} {
		l.answer(id, Succeeded, l.now)
	}
	l.SetSpaces([]string{"1", "2", "3", "8", "9"}, l.now)
	l.FindBlind(l.now.Add(longest), longest)
	require.Empty(t, l.changed())
}

// Whatever makes many spaces wait too long is one alert of the account.
func TestAnAccountWhoseSpacesWaitTooLongIsFailing(t *testing.T) {
	l := newLife()
	pass := func(minutes int, polled ...string) {
		for range minutes {
			for _, id := range polled {
				l.answer(id, Succeeded, l.now)
			}
			l.poll("2", Throttled)
			l.FindBlind(l.now, longest)
		}
	}
	pass(6, "1")
	require.Empty(t, l.changed())
	l.FindBlind(l.now.Add(15*time.Second), longest)
	changes := l.Changes()
	require.Len(t, changes, 1)
	require.Equal(t, phone.Subject{Account: "main"}, changes[0].Subject)
	require.Equal(t, phone.Failing, changes[0].New)
	require.Equal(t, "NotPolled", changes[0].Code)
	require.Equal(t, "2 of 3 spaces have had no successful poll since 2026-03-01T00:00:00Z; the cloud throttles the account: the reason", changes[0].Reason)
	why, denied := l.Unwell()
	require.Equal(t, "NotPolled", why.Code)
	require.False(t, denied)

	pass(20, "1")
	require.Empty(t, l.changed(), "it speaks for its spaces, and that some are polled does not end it")
	for range 3 {
		l.poll("1", Failed)
	}
	require.Equal(t, []string{"main/1 OK→FAILING worse"}, l.changed(), "but not for one whose own polls fail")
	l.answer("1", Succeeded, l.now)
	pass(1, "1", "3")
	require.Equal(t, []string{"main/1 FAILING→OK better", "main FAILING→OK better"}, l.changed())

	pass(9, "1")
	require.Equal(t, []string{"main OK→FAILING worse"}, l.changed(), "it begins anew")
	l.poll("2", AccountDenied)
	l.poll("3", AccountDenied)
	require.Equal(t, []string{"main FAILING→DENIED worse"}, l.changed())
	l.poll("3", Succeeded)
	require.Equal(t, []string{"main DENIED→OK better"}, l.changed(), "and they have time to be polled")
}

func TestAnAccountThatIsLateStaysSoOverARestart(t *testing.T) {
	l := newLife(phone.Condition{Subject: phone.Subject{Account: "main"}, Field: phone.Poll, Value: phone.Failing, Code: "NotPolled"})
	l.poll("1", Succeeded)
	require.Empty(t, l.changed())
	l.now = l.now.Add(longest)
	l.FindBlind(l.now, longest)
	require.Empty(t, l.changed())
	l.poll("2", Succeeded)
	l.poll("3", Succeeded)
	l.FindBlind(l.now, longest)
	require.Equal(t, []string{"main FAILING→OK better"}, l.changed())
}

func TestAnAccountThatIsNotWellSpeaksForItsSpaces(t *testing.T) {
	l := newLife()
	l.poll("1", AccountDenied)
	l.now = l.now.Add(time.Hour)
	l.FindBlind(l.now, longest)
	require.Equal(t, []string{"main OK→DENIED worse"}, l.changed())
	l.poll("1", Succeeded)
	l.FindBlind(l.now, longest)
	require.Equal(t, []string{"main DENIED→OK better"}, l.changed(), "the others need time to be polled")
	l.now = l.now.Add(longest)
	l.FindBlind(l.now, longest)
	require.Empty(t, l.changed())
	l.FindBlind(l.now.Add(longest/4), longest)
	require.Equal(t, []string{"main OK→FAILING worse"}, l.changed())
}

func TestHealthGoesOnAfterARestart(t *testing.T) {
	stored := []phone.Condition{
		{Subject: phone.Subject{Account: "main"}, Field: phone.Poll, Value: phone.Denied, Code: "NoPermission", Reason: "as it was", Since: epoch.Add(-time.Hour)},
		{Subject: phone.Subject{Account: "main", Space: "1"}, Field: phone.Poll, Value: phone.Failing},
		{Subject: phone.Subject{Account: "main", Space: "later"}, Field: phone.Poll, Value: phone.Failing},
		{Subject: phone.Subject{Account: "other"}, Field: phone.Poll, Value: phone.Denied},
		{Subject: phone.Subject{Component: "nats"}, Field: phone.Sink, Value: phone.Parked},
	}
	l := newLife(stored...)
	why, _ := l.Unwell()
	require.Equal(t, "as it was", why.Reason)
	require.Zero(t, l.ProbeAt(), "it is tried at once")
	l.Sending(l.now)
	require.Equal(t, l.now.Add(firstWait), l.ProbeAt(), "but once")
	l.poll("1", AccountDenied)
	require.Empty(t, l.changed(), "it is known")
	l.now = l.ProbeAt()
	l.poll("1", Succeeded)
	require.Equal(t, []string{"main DENIED→OK better", "main/1 FAILING→OK better"}, l.changed())
	l.SetSpaces([]string{"1", "later"}, l.now)
	l.poll("later", Succeeded)
	require.Equal(t, []string{"main/later FAILING→OK better"}, l.changed())
}

func TestWhatLeftIsForgotten(t *testing.T) {
	l := newLife()
	l.poll("1", SpaceDenied)
	l.SetSpaces([]string{"2", "3"}, l.now)
	require.Empty(t, l.Failing())
	l.changed()
	l.poll("1", SpaceDenied)
	require.Empty(t, l.changed(), "it was under way")
	l.poll("2", SpaceDenied)
	l.Forget("2")
	require.Empty(t, l.Failing())
	l.SetSpaces([]string{"2"}, l.now)
	l.changed()
	l.poll("2", Succeeded)
	require.Empty(t, l.changed(), "it starts anew")
}

func TestAnAccountThatCannotAskFailsAsAWhole(t *testing.T) {
	l := newLife()
	l.poll("1", AccountFailed)
	l.poll("1", AccountFailed)
	l.poll("1", Failed)
	l.poll("2", AccountFailed)
	l.poll("2", AccountFailed)
	require.Empty(t, l.changed(), "never three in a row")
	l.poll("3", AccountFailed)
	require.Equal(t, []string{"main OK→FAILING worse"}, l.changed())
	for range 6 {
		l.poll("2", AccountFailed)
	}
	require.Empty(t, l.changed())
	require.Len(t, l.Failing(), 1, "only the failure that was the space's own")
	why, denied := l.Unwell()
	require.Equal(t, "the reason", why.Reason)
	require.False(t, denied)
	l.poll("3", Succeeded)
	require.Equal(t, []string{"main FAILING→OK better"}, l.changed())
}

func TestAClockThatIsOffIsAConditionOfTheAccount(t *testing.T) {
	l := newLife()
	l.ClockOff("an hour behind")
	l.poll("1", Failed)
	require.Empty(t, l.changed(), "it counts once polls succeed by the cloud's time")
	l.poll("1", Succeeded)
	l.poll("2", Succeeded)
	changes := l.Changes()
	require.Len(t, changes, 1)
	require.Equal(t, "CLOCK_OFF", changes[0].New)
	require.Equal(t, "an hour behind", changes[0].Reason)
	require.False(t, l.unwell())
	for range 3 {
		l.poll("1", Failed)
	}
	require.Equal(t, []string{"main/1 OK→FAILING worse"}, l.changed(), "its spaces are judged as ever")
	l.poll("2", AccountDenied)
	l.ClockOff("")
	l.poll("2", Succeeded)
	require.Equal(t, []string{"main CLOCK_OFF→DENIED worse", "main DENIED→OK better"}, l.changed())

	l = newLife(phone.Condition{Subject: phone.Subject{Account: "main"}, Field: phone.Poll, Value: phone.ClockOff})
	l.poll("1", Succeeded)
	require.Equal(t, []string{"main CLOCK_OFF→OK better"}, l.changed(), "set while the bot did not run")
}

// Lists that cannot be used are no news of the space, though its polls succeed.
func TestASpaceWhoseListsAreInDoubtIsFailing(t *testing.T) {
	l := newLife()
	list := func(doubt error) {
		l.poll("1", Succeeded)
		l.Listed("1", doubt, l.now)
	}
	empty := errors.New("the list is empty")
	list(empty)
	list(empty)
	list(nil)
	list(empty)
	list(empty)
	require.Empty(t, l.changed())
	list(empty)
	list(empty)
	changes := l.Changes()
	require.Len(t, changes, 1)
	require.Equal(t, "FAILING", changes[0].New)
	require.Equal(t, ListInDoubt, changes[0].Code)
	require.Equal(t, "the list is empty", changes[0].Reason)
	require.Equal(t, 4, l.Failing()[0].Failures)
	list(nil)
	require.Equal(t, []string{"main/1 FAILING→OK better"}, l.changed())
	require.Empty(t, l.Failing())
}

// A code that denies the account, answered to one space while others are let in, is
// that space's own.
func TestADenialOfOneSpaceIsNotTheAccounts(t *testing.T) {
	l := newLife()
	l.poll("2", Succeeded)
	l.poll("1", AccountDenied)
	require.Empty(t, l.changed(), "the next answer settles it")
	require.Zero(t, l.ProbeAt())
	l.poll("1", AccountDenied)
	l.poll("3", Succeeded)
	require.Equal(t, []string{"main/1 OK→DENIED worse"}, l.changed())
	for range 5 {
		l.poll("1", AccountDenied)
		l.poll("2", Succeeded)
	}
	require.Empty(t, l.changed())
	l.poll("1", AccountDenied)
	l.poll("3", AccountDenied)
	require.Empty(t, l.changed(), "what is known of the first is no evidence")
	l.poll("2", AccountDenied)
	require.Equal(t, []string{"main OK→DENIED worse"}, l.changed())
	require.NotZero(t, l.ProbeAt())
	l.poll("2", Succeeded)
	l.poll("1", Succeeded)
	require.Equal(t, []string{"main DENIED→OK better", "main/1 DENIED→OK better"}, l.changed())
}
