package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

func TestSilencesAreKeptUntilDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s, err := Open(path, Options{})
	require.NoError(t, err)
	silence := alert.Silence{
		ID: "s-1", Match: alert.Matcher{Rule: "banned", Labels: map[string]string{"tier": "gold"}}, By: "ada",
		From: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
	}
	require.NoError(t, s.Commit(&Commit{Silences: []alert.Silence{silence, {ID: "s-2"}}}))
	require.NoError(t, s.Commit(&Commit{DropSilences: []string{"s-2", "s-unknown"}}))
	require.NoError(t, s.Close())

	s, err = Open(path, Options{})
	require.NoError(t, err)
	all, err := s.Silences()
	require.NoError(t, err)
	require.Equal(t, []alert.Silence{silence}, all)
	require.NoError(t, s.Close())
	report, err := Verify(path)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}
