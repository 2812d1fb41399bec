package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A small fleet goes all the way, so that the measuring itself is known to work.
func TestMeasureASmallFleet(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "numwatch")
	out, err := exec.Command("go", "build", "-o", binary, "numwatch").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, outside := range []bool{false, true} {
		p := plan{binary: binary, shape: shape{2, 8, 3, 10}, changes: 20, span: 3 * time.Second, outside: outside}
		f, err := measure(t.Context(), p)
		require.NoError(t, err)
		require.Positive(t, f.toPoll)
		require.Positive(t, f.toCounted)
		require.Positive(t, f.calm.polls)
		require.Positive(t, f.calm.cpu)
		require.Zero(t, f.calm.events, "nothing changes in the calm span")
		require.NotEmpty(t, f.delays)
		require.Greater(t, f.calm.memory.own, int64(5<<20))
		require.Positive(t, f.calm.memory.mapped)
		require.Positive(t, size(f.buckets, "spaces", "numbers"))
		var report strings.Builder
		print(&report, []figures{f})
		require.Contains(t, report.String(), "| numbers | 24 |")
	}
}

func TestReport(t *testing.T) {
	require.Equal(t, "-", short(0))
	require.Equal(t, "1.25s", short(1249*time.Millisecond))
	require.Equal(t, time.Duration(0), quantile(nil, 0.5))
	require.Equal(t, 3*time.Second, quantile([]time.Duration{1, 2, 3 * time.Second}, 1))
	_, err := fleets(shape{}, "colours")
	require.ErrorContains(t, err, "want numbers or accounts")
}
