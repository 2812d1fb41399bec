package watch_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestADrillTouchesNoRealAlert(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "BANNED", "GREEN"))
	before := b.open()
	b.messenger.said()

	a, err := b.loop.Drill(t.Context(), "banned", "1", "ada")
	require.NoError(t, err)
	require.True(t, a.Drill)
	require.Equal(t, "1", a.Subject.Space)
	after := b.open()
	require.Equal(t, before, after)
	require.Len(t, b.messenger.said(), 1, "it goes to the sinks")
	stored, err := b.store.Alerts()
	require.NoError(t, err)
	require.Len(t, stored, 2)
	require.Contains(t, b.log(), "drill")
	events, err := b.store.ReadLog(b.store.LastSeq()-1, 1)
	require.NoError(t, err)
	require.Equal(t, alert.KindAlert, events[0].Kind)
	require.True(t, events[0].Alert.Drill)

	for rule, space := range map[string]string{"no-such": "1", "banned": "no-such"} {
		_, err = b.loop.Drill(t.Context(), rule, space, "ada")
		require.ErrorIs(t, err, alert.ErrNotFound)
	}
}

// Two accounts may have a space of the same id: which is meant is asked, not guessed.
func TestADrillAsksWhichAccountIsMeant(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	require.NoError(t, b.loop.SetSpaces(t.Context(), "main", []phone.Space{{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}}}))
	require.NoError(t, b.loop.SetSpaces(t.Context(), "other", []phone.Space{{SpaceKey: phone.SpaceKey{Account: "other", ID: "1"}, Name: "Other"}}))
	_, err := b.loop.Drill(t.Context(), "banned", "1", "ada")
	require.ErrorIs(t, err, alert.ErrRejected)
	require.ErrorContains(t, err, "several accounts have a space 1: give one as in --space main/1 (there are main/1, other/1)")
	a, err := b.loop.Drill(t.Context(), "banned", "other/1", "ada")
	require.NoError(t, err)
	require.Equal(t, "other", a.Subject.Account)
}
