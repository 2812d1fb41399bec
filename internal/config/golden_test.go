package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/internal/golden"
)

var (
	goldenEnviron = []string{"EMPTY=", "FIVE=5", "KEY_ID=LTAI"}
	goldenFiles   = files(map[string]string{"empty": "\n", "token": "TOPSECRET"})
)

// Every malformed file gives exactly the problems beside it, and none of them
// shows a secret.
func TestMalformedFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			_, problems := Parse(filepath.Base(name), data, goldenEnviron, goldenFiles)
			require.Error(t, problems)
			require.NotContains(t, strings.ReplaceAll(problems.Error(), "TOPSECRET_NOT_SET", ""), "TOPSECRET")

			golden.Equal(t, strings.TrimSuffix(name, ".yaml")+".golden", problems.Error()+"\n")
		})
	}
}

// Whatever the file holds, parsing ends without a panic, problems point into
// the file, and what is accepted keeps the rules that others rely on.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(f, err)
	for _, name := range append(names, "testdata/full.yaml", "../../config.yaml") {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("config.yaml", data, goldenEnviron, goldenFiles)
		if err != nil {
			var problems diagnostic.Problems
			require.ErrorAs(t, err, &problems)
			for _, p := range problems {
				require.NotEmpty(t, p.Text)
				require.LessOrEqual(t, p.Line, strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+1)
			}
			return
		}
		require.NotEmpty(t, c.Accounts)
		require.LessOrEqual(t, c.Poll.MinInterval, c.Poll.MaxAge)
		for _, a := range c.Accounts {
			require.Regexp(t, accountName, a.Name)
			require.Positive(t, a.RequestsPerSecond)
		}
	})
}
