package replica

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// The page for operators has a row for every metric, with its type and labels.
func TestMetricsAreDescribed(t *testing.T) {
	n := New(Options{Lease: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	registry := prometheus.NewRegistry()
	RegisterMetrics(registry, n)
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string][]string{}
	for _, f := range families {
		kind := map[string]string{"GAUGE": "gauge", "COUNTER": "counter"}[f.GetType().String()]
		labels := ""
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = l.GetName()
		}
		got[f.GetName()] = []string{kind, labels}
	}
	page, err := os.ReadFile("../../docs/replicas.md")
	require.NoError(t, err)
	want := map[string][]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| `+"`(numwatch_[a-z_]+)`"+` \| (\w+) \| (\w*) ?\| (.*) \|$`).FindAllStringSubmatch(string(page), -1) {
		want[row[1]] = row[2:4]
		if row[1] == "numwatch_replica_appends_total" {
			for _, outcome := range outcomes {
				require.Contains(t, row[4], "`"+outcome+"`")
			}
		}
	}
	require.Equal(t, want, got)
	require.False(t, slices.Contains(outcomes[:], ""))
}
