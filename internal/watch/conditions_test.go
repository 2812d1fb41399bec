package watch_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
)

func TestASpaceThatJoinsHasTimeToBePolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		pass := func(minutes int) {
			for range minutes {
				for _, s := range spaces {
					b.poll(s.ID)
				}
				time.Sleep(time.Minute)
			}
		}
		pass(60)
		late := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "9"}}
		b.setSpaces("main", append(spaces[:3:3], late))
		pass(14)
		require.Empty(t, b.messenger.said())
		pass(2)
		require.Equal(t, []string{"blind main/9 opened"}, b.messenger.said())
		b.poll("9")
		require.Equal(t, []string{"blind main/9 resolved"}, b.messenger.said())
		b.stop()
	})
}

// What denies a space lets the account in.
func TestADeniedAccountEndsWithTheFirstAnswerThatLetsItIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.fail("1", cams.DeniedAccount, "NoPermission")
		require.Equal(t, []string{"blind main opened"}, b.messenger.said())
		time.Sleep(10 * time.Minute)
		b.fail("2", cams.DeniedSpace, "Unknown.ResourceOwnerId")
		require.Equal(t, []string{"blind main resolved", "blind main/2 opened"}, b.messenger.said())
		b.stop()
	})
}

// Results may reach the loop in another order than the poller saw them.
func TestTheOrderOfHealthIsThatOfThePoller(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	now := time.Now()
	denied := poller.Result{Space: spaces[0].SpaceKey, Started: now, At: now, Err: &cams.Error{Class: cams.DeniedAccount, Account: "main", Code: "NoPermission"}}
	later := now.Add(time.Second)
	good := poller.Result{Space: spaces[1].SpaceKey, Started: later, At: later, Snapshot: &phone.Snapshot{Space: spaces[1].SpaceKey, At: later}}
	poller.Observe(b.healthOf("main"), denied)
	poller.Observe(b.healthOf("main"), good)
	for _, r := range []poller.Result{good, denied} {
		_, err := b.loop.Deliver(t.Context(), r)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"blind main opened", "blind main resolved"}, b.messenger.said())
}

// A space that left while it was polled still speaks for its account.
func TestASpaceThatLeftSpeaksForItsAccount(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.fail("1", cams.DeniedAccount, "NoPermission")
	require.Equal(t, []string{"blind main opened"}, b.messenger.said())
	b.setSpaces("main", spaces[1:])
	b.poll("1")
	require.Equal(t, []string{"blind main resolved"}, b.messenger.said())
}
