package rulefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/internal/golden"
	"numwatch/rules/rulefile"
)

// Each malformed file under testdata/bad has beside it what Load says of it:
// every problem, with its place, the line and a caret.
func TestMalformedFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 30)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			set, err := rulefile.Load(filepath.Base(file), data)
			require.Nil(t, set)
			var problems diagnostic.Problems
			require.ErrorAs(t, err, &problems)
			golden.Equal(t, strings.TrimSuffix(file, ".yaml")+".golden", problems.Error()+"\n")
		})
	}
}

func TestFilesThatAreTooBig(t *testing.T) {
	_, err := rulefile.Load("big.yaml", []byte("version: 1\n"+strings.Repeat("# and so on\n", 100_000)))
	require.ErrorContains(t, err, "big.yaml:1:1: the file has 1200011 bytes")
}
