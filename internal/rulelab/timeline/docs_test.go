package timeline_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
	"numwatch/internal/rulelab/timeline"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/lint"
	"numwatch/rules/rulefile"
)

// example is a block of YAML under a heading.
type example struct {
	heading, text string
	line          int
}

func examples(t *testing.T, path string) (list []example) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var heading string
	var block *example
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case block != nil && line == "```":
			list, block = append(list, *block), nil
		case block != nil:
			block.text += line + "\n"
		case line == "```yaml":
			block = &example{heading: heading, line: i + 2}
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	require.Nil(t, block, "a block is not closed")
	return list
}

// Every example of docs/rules.md is read and linted as it stands, and those with tests
// do what these say.
func TestExamplesOfTheDocumentation(t *testing.T) {
	const path = "../../../docs/rules.md"
	var set *rules.Set
	judged := 0
	for _, e := range examples(t, path) {
		t.Run(fmt.Sprintf("%s line %d", e.heading, e.line), func(t *testing.T) {
			if strings.Contains("\n"+e.text, "\ntests:") {
				require.NotNil(t, set, "tests stand below their rules")
				run(t, set, e.text)
				judged++
				return
			}
			var err error
			set, err = rulefile.Load(path, []byte(e.text))
			require.NoError(t, err)
			spaces := []phone.Space{{Labels: map[string]string{"tier": "gold", "env": "test"}}, {Labels: map[string]string{"env": "live"}}}
			for _, p := range lint.Lint(path, []byte(e.text), lint.Facts{MaxAge: 5 * time.Minute, Spaces: spaces}) {
				require.NotEqual(t, diagnostic.Error, p.Level, p.Error())
				require.NotEqual(t, diagnostic.Warning, p.Level, p.Error())
			}
		})
	}
	require.Greater(t, judged, 10)
}

func run(t *testing.T, set *rules.Set, tests string) {
	t.Helper()
	file, err := timeline.Parse("docs/rules.md", []byte(tests))
	require.NoError(t, err)
	results, err := file.Run(context.Background(), set, everyTest)
	require.NoError(t, err)
	require.NotEmpty(t, results)
	for _, r := range results {
		for _, f := range r.Failures {
			t.Errorf("%s\n%v", r.Name, f)
		}
	}
}

// The documentation lists every check as lint does.
func TestTheDocumentationListsTheChecks(t *testing.T) {
	data, err := os.ReadFile("../../../docs/rules.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(data), "| check | level | finds |\n|---|---|---|\n")
	require.True(t, found)
	var want strings.Builder
	for _, c := range lint.Checks() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", c.Name, c.Level, c.Text)
	}
	require.Equal(t, want.String(), table)
}
