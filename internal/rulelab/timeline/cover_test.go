package timeline

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/rules/rulefile"
)

// Whoever adds a rule to rules.yaml adds its test: that it opens, that it worsens
// where it can, and how it closes.
func TestTheShippedTestsCoverEveryRule(t *testing.T) {
	data, err := os.ReadFile("../../../rules.yaml")
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", data)
	require.NoError(t, err)
	data, err = os.ReadFile("../../../rules_test.yaml")
	require.NoError(t, err)
	file, err := Parse("rules_test.yaml", data)
	require.NoError(t, err)

	seen := map[string]bool{}
	for _, test := range file.tests {
		for _, s := range test.steps {
			for _, e := range s.expect.list {
				seen[e.rule.Text+" "+e.transition.Text] = true
			}
		}
	}
	for _, r := range set.Rules() {
		require.True(t, seen[r.Name+" "+alert.Opened.String()], "no test opens %s", r.Name)
		if !r.Once {
			require.True(t, seen[r.Name+" "+alert.WasResolved.String()], "no test resolves %s", r.Name)
		}
	}
	for _, rule := range []string{"status-blocked", "status-disconnected", "limit-lowered"} {
		require.True(t, seen[rule+" "+alert.GotWorse.String()], "no test worsens %s", rule)
	}
}
