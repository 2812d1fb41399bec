package lint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/rules/lint"
	"numwatch/rules/rulefile"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../rulefile/testdata/bad/*.yaml")
	require.NoError(f, err)
	for _, file := range append(files, "../../rules.yaml") {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte("version: 1 # numwatch:ignore\nrules: [] # numwatch:ignore-file duplicate, x : y\n"))
	f.Add([]byte("a: |2\n   x\n  y\nb: \"\\x41\\\n  \\u00e9{\"\n"))
	f.Add([]byte("? - - a\n: {b: [c, {d: e}]}\n"))
	f.Add([]byte("version: 1\r\nrules:\r\n- {name: 'a''b', where: >+\r\n  x\r\n\r\n }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := rulefile.Load("f.yaml", data)
		worst, any := lint.Worst(lint.Lint("f.yaml", data, lint.Facts{}))
		require.Equal(t, err != nil, any && worst == diagnostic.Error)
		if err == nil {
			lint.Cover(set)
			require.NotNil(t, set)
			set.Rules()
			set.Channels()
			return
		}
		var problems diagnostic.Problems
		require.ErrorAs(t, err, &problems)
		require.NotEmpty(t, problems)
		for _, p := range problems {
			require.Positive(t, p.Line)
			require.Positive(t, p.Column)
			require.NotEmpty(t, p.Text)
			require.NotEmpty(t, p.Error())
		}
	})
}
