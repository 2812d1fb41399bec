// Package golden compares what a test got with a file that holds what is wanted.
// It imports nothing of numwatch; tests use it.
package golden

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Equal fails the test unless the file holds got. NUMWATCH_GOLDEN=write writes
// the file first.
func Equal(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("NUMWATCH_GOLDEN") == "write" {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is what it should be: NUMWATCH_GOLDEN=write go test, and look at the difference")
}
