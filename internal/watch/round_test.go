package watch_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/poller/cams"
)

func TestTheFirstRoundEndsWhenEverySpaceWasPolled(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1")
	b.fail("2", cams.Transient, "")
	b.poll("1")
	require.Empty(t, b.messenger.rounds)
	b.poll("3")
	require.Equal(t, []string{"main"}, b.messenger.rounds)
	b.poll("3")
	require.Equal(t, []string{"main"}, b.messenger.rounds)
}

func TestARoundIsWhatItLackedAndWhatJoined(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	set := func(list ...phone.Space) { b.setSpaces("main", list) }
	b.poll("1")
	b.fail("2", cams.DeniedSpace, "")
	set(spaces...)
	require.Empty(t, b.messenger.rounds, "it still lacks the third")
	set(spaces[:2]...)
	require.Equal(t, []string{"main"}, b.messenger.rounds, "which left")
	b.poll("1")
	set(spaces[1], spaces[0])
	b.poll("1")
	require.Equal(t, []string{"main"}, b.messenger.rounds, "nothing joined, so there is no other")
	set(spaces...)
	b.poll("1")
	require.Len(t, b.messenger.rounds, 1)
	b.poll("3")
	require.Len(t, b.messenger.rounds, 2, "the second was refused before, and is no reason to wait")
}
