package timeline_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/rulelab/timeline"
	"numwatch/rules/rulefile"
)

func everyTest(string) bool { return true }

// The tests of the shipped rules are run as any user would run theirs.
func TestShippedRules(t *testing.T) {
	data, err := os.ReadFile("../../../rules.yaml")
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", data)
	require.NoError(t, err)
	data, err = os.ReadFile("../../../rules_test.yaml")
	require.NoError(t, err)
	file, err := timeline.Parse("rules_test.yaml", data)
	require.NoError(t, err)
	start := time.Now()
	results, err := file.Run(context.Background(), set, everyTest)
	require.NoError(t, err)
	for _, r := range results {
		for _, f := range r.Failures {
			t.Errorf("%s\n%v", r.Name, f)
		}
	}
	require.Less(t, time.Since(start), time.Minute)
}
