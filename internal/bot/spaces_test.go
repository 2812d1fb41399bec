package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/config"
	"numwatch/phone"
)

// Spaces that no list names are forgotten: only by a list that is known to name
// all.
func TestWhichListsAreComplete(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	listed := []phone.Space{{SpaceKey: phone.SpaceKey{Account: "main", ID: "1"}}}
	a := &account{name: "main"}
	require.True(t, a.complete(listed, now))
	require.False(t, a.complete(nil, now), "a file that names none is being written")

	a.discovery = &discovery{wanted: &config.Discover{Enabled: true}}
	require.False(t, a.complete(listed, now), "it was not asked yet")
	require.NoError(t, a.discovery.take(listed, now))
	require.True(t, a.complete(nil, now.Add(time.Minute)))
	require.False(t, a.complete(listed, now.Add(2*time.Hour)), "the list is of a run long ago")
	require.Error(t, a.discovery.decode([]byte(`{"at":"2026-11-25T12:00:00Z","spaces":[{"id":"7"},{"id":8}]}`)))
	require.Equal(t, []foundSpace{{ID: "1"}}, a.discovery.last.Spaces, "half a list is none")
}
