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

	wanted := &config.Discover{Enabled: true}
	var err error
	a.discovery, err = newDiscovery(wanted, nil)
	require.NoError(t, err)
	require.False(t, a.complete(listed, now), "it was not asked yet")
	saved, err := a.discovery.take(listed, now)
	require.NoError(t, err)
	require.True(t, a.complete(nil, now.Add(time.Minute)))
	require.False(t, a.complete(listed, now.Add(2*time.Hour)), "the list is of a run long ago")

	again, err := newDiscovery(wanted, saved)
	require.NoError(t, err)
	require.Equal(t, listed, again.add("main", nil), "the list outlives a restart")
	broken, err := newDiscovery(wanted, []byte(`{"at":"2026-11-25T12:00:00Z","spaces":[{"id":"7"},{"id":8}]}`))
	require.Error(t, err)
	require.Empty(t, broken.add("main", nil), "half a list is none")
}
