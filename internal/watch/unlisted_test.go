package watch_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/store"
)

func TestASpaceThatLeavesEndsItsAlerts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	b.poll("1", number("86", "BANNED", "GREEN"))
	b.poll("2", number("87", "BANNED", "GREEN"))
	b.messenger.said()
	b.setSpaces("main", spaces[1:])
	require.Equal(t, []string{"banned main/1/86 ended"}, b.messenger.said())
	b.poll("1", number("86", "BANNED", "GREEN"))
	require.Empty(t, b.messenger.said(), "a late answer for a space that left counts for nothing")
	b.setSpaces("main", spaces)
	b.poll("1", number("86", "CONNECTED", "GREEN"))
	require.Contains(t, b.log(), "Number →APPEARED")
	require.NotContains(t, b.log(), "Status BANNED→CONNECTED", "what was known of it is gone")
}

func TestASpaceThatLeftWhileTheBotWasDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	b.poll("1", number("86", "BANNED", "GREEN"))
	b.setSpaces("main", append(spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "9"}}))
	b.poll("9", number("99", "BANNED", "GREEN"))
	b.stop()
	b = start(t, path)
	require.Equal(t, []string{"banned main/9/99 ended"}, b.messenger.said())
}

func TestAnAccountThatLeftWhileTheBotWasDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	k := phone.SpaceKey{Account: "other", ID: "9"}
	b.setSpaces("other", []phone.Space{{SpaceKey: k}})
	b.deliver(poller.Result{
		Space: k, Started: time.Now(), At: time.Now(), Err: &cams.Error{Class: cams.DeniedAccount, Account: "other", Code: "NoPermission"},
	})
	parked := alert.SinkReport{Component: "slack:ops", Value: phone.Parked, At: time.Now()}
	require.NoError(t, b.loop.Record(t.Context(), alert.DeliveryUpdate{Sink: &parked}))
	require.Equal(t, []string{"blind other opened", "parked slack:ops opened"}, b.messenger.said())
	b.stop()

	b = start(t, path)
	require.Equal(t, []string{"blind other ended"}, b.messenger.said())
	require.NotContains(t, b.log(), "Poll DENIED→OK", "nobody knows that")
	alerts, err := b.store.Alerts()
	require.NoError(t, err)
	closing := map[string]string{}
	for _, a := range alerts {
		closing[a.Rule] = a.Closing
	}
	require.Equal(t, map[string]string{"blind": alert.ClosedAccountLeft, "parked": ""}, closing)
	conditions, err := b.store.Conditions()
	require.NoError(t, err)
	require.Len(t, conditions, 1, "only that of the sink")
}

var ninth = phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "9"}}

// knows reports whether something is stored of a space.
func (b *bench) knows(k phone.SpaceKey) bool {
	b.t.Helper()
	r, err := b.store.SpaceState(k)
	require.NoError(b.t, err)
	return r != nil
}

// What is stored of a space that left counts for nothing from the start on, and
// is then forgotten, alert or not.
func TestASpaceThatLeftWhileTheBotWasDownIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		b := start(t, path)
		b.setSpaces("main", append(spaces[:3:3], ninth))
		b.poll("9", connected("86", "90")...)
		b.poll("1", connected("86", "87", "88")...)
		b.stop()

		b = start(t, path)
		for range 2 {
			b.poll("1", connected("87", "88")...)
			time.Sleep(time.Minute)
		}
		require.Equal(t, []string{"missing main/1/86 opened"}, b.messenger.said(), "nobody knows whether the ninth still has it")
		b.poll("2", connected("90")...)
		events, err := b.store.ReadLog(b.store.LastSeq(), 1)
		require.NoError(t, err)
		require.Empty(t, events[0].Change.MovedFrom)
		require.True(t, b.knows(ninth.SpaceKey))
		forgotten, err := b.loop.ForgetUnlisted(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, forgotten)
		require.False(t, b.knows(ninth.SpaceKey))
		require.True(t, b.knows(spaces[0].SpaceKey))
		homes, err := b.store.SpacesOf("90")
		require.NoError(t, err)
		require.Equal(t, []phone.SpaceKey{spaces[1].SpaceKey}, homes)
		b.stop()
	})
}

func TestASpaceThatWasBlindWhenItLeftIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	b.setSpaces("main", append(spaces[:3:3], ninth))
	b.fail("9", cams.DeniedSpace, "X")
	b.stop()
	b = start(t, path)
	require.Equal(t, []string{"blind main/9 ended"}, b.messenger.said())
	conditions, err := b.store.Conditions()
	require.NoError(t, err)
	require.Empty(t, conditions)
}

// A space that no list names is kept while there are lists that cannot be had.
func TestASpaceThatMayStillBeWatchedIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	ctx := t.Context()
	gold := ninth
	gold.Labels = map[string]string{"tier": "gold"}
	b.setSpaces("main", append(spaces[:3:3], gold))
	b.poll("9", number("90", "BANNED", "GREEN"))
	s, err := b.loop.Silence(ctx, alert.Silence{Match: alert.Matcher{Labels: gold.Labels}, By: "ada", Until: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	b.stop()

	b = run(t, path)
	forget := func() int {
		forgotten, err := b.loop.ForgetUnlisted(ctx)
		require.NoError(t, err)
		return forgotten
	}
	require.NoError(t, b.loop.SetPartialSpaces(ctx, "main", spaces))
	b.polled("main", spaces)
	require.NoError(t, b.loop.Started(ctx))
	require.Zero(t, forget())
	require.True(t, b.knows(ninth.SpaceKey))
	require.Empty(t, b.messenger.said())
	require.Equal(t, []string{"silence:" + s.ID}, b.held()["banned"], "it may well be gold")
	require.NoError(t, b.loop.EndSilence(ctx, s.ID, "ada"))
	require.Empty(t, b.held()["banned"])
	b.messenger.said()

	b.setSpaces("main", spaces)
	require.Equal(t, 1, forget())
	require.False(t, b.knows(ninth.SpaceKey))
	require.Equal(t, []string{"banned main/9/90 ended"}, b.messenger.said())
}

func TestManySpacesLeaveAFewACommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := run(t, path)
	var c store.Commit
	for i := range 1000 {
		k := phone.SpaceKey{Account: "gone", ID: fmt.Sprint(i)}
		c.SpaceStates = append(c.SpaceStates, phone.SpaceState{Space: k, Numbers: []phone.TrackedNumber{{Number: number("86", "CONNECTED", "GREEN")}}})
	}
	require.NoError(t, b.store.Commit(&c))
	require.NoError(t, b.loop.Started(t.Context()))
	forgotten, err := b.loop.ForgetUnlisted(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1000, forgotten)
	require.Less(t, b.store.drops, 500)
	stats, err := b.store.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats.Spaces)
}

// The loop may still be forgetting when the caller has given up waiting. Run with
// the race detector, this finds a result that both write.
func TestForgettingThatIsInterrupted(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	for i := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(i%40)*time.Microsecond, cancel)
		_, _ = b.loop.ForgetUnlisted(ctx)
	}
}
