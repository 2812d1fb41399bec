package rules

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func shipped(t testing.TB) *Set {
	t.Helper()
	data, err := os.ReadFile("../rules.yaml")
	require.NoError(t, err)
	set, err := Parse("rules.yaml", data)
	require.NoError(t, err)
	return set
}

func TestShippedRulesHaveNoWarnings(t *testing.T) {
	require.Empty(t, shipped(t).Warnings())
}
