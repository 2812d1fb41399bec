package rules_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
)

// Every shipped rule can be drilled, whatever it asks for, and no drill has the
// subject of anything that there is.
func TestDrillOfEveryRule(t *testing.T) {
	data, err := os.ReadFile("../rules.yaml")
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", data)
	require.NoError(t, err)
	space := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "1001"}, Name: "Acme"}
	now := time.Unix(1_800_000_000, 0)
	for _, r := range set.Rules() {
		a, ok := set.Drill(r.Name, space, now)
		require.True(t, ok)
		require.True(t, a.Drill, r.Name)
		require.Equal(t, alert.Ended, a.State)
		require.Equal(t, alert.Opened, a.Transition)
		require.Equal(t, a.Revision, a.Notified)
		require.Equal(t, r.Severity, a.Severity)
		require.NotEmpty(t, a.Summary.Plain())
		require.Contains(t, []phone.Subject{
			{Account: "main", Space: "1001", PhoneNumber: rules.DrillNumber}, {Account: "main", Space: "drill"}, {Component: "drill"},
		}, a.Subject)
		again, _ := set.Drill(r.Name, space, now.Add(time.Second))
		require.NotEqual(t, a.ID, again.ID)
	}
	_, ok := set.Drill("no-such-rule", space, now)
	require.False(t, ok)
}
