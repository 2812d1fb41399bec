package diagnostic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/diagnostic"
)

// excerpt is what a problem shows of the line.
func excerpt(source string, line, column int) string {
	p := diagnostic.Problem{Position: diagnostic.Position{Line: line, Column: column}, Source: source}
	return p.Error()[len(fmt.Sprintf(":%d:%d: ", line, column)):]
}

func TestNearest(t *testing.T) {
	known := []string{"max_age", "min_interval", "timeout"}
	for word, want := range map[string]string{
		"max_age": "max_age", "maxAge": "max_age", "max-age": "max_age", "timeuot": "timeout", "timeou": "timeout", "TIMEOUT": "timeout",
		"time": "timeout", "ma": "", "m": "", "": "", "tmt": "", "something else": "", strings.Repeat("timeout", 1000): "",
	} {
		require.Equal(t, want, diagnostic.Nearest(word, known), word)
	}
}

func TestDidYouMean(t *testing.T) {
	require.Equal(t, `did you mean "timeout"?`, diagnostic.DidYouMean("timout", []string{"timeout"}))
	require.Equal(t, "one of a, b", diagnostic.DidYouMean("something", []string{"a", "b"}))
	require.Equal(t, "for example x1, x2, x3, x4, x5, x6, x7, x8", diagnostic.DidYouMean("something",
		[]string{"x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21"}))
	require.Empty(t, diagnostic.DidYouMean("something", nil))
}

func TestExcerpt(t *testing.T) {
	require.Equal(t, "\n   12 | ab: c\n      |     ^", excerpt("ab: c  ", 12, 5))
	require.Equal(t, "\n    1 | a \ufffd\ufffdb\n      |      ^", excerpt("a\t\x1b\u202eb", 1, 9), "nothing steers a terminal")
	require.Empty(t, excerpt("  ", 1, 1))
	long := excerpt(strings.Repeat("x", 500)+"y"+strings.Repeat("z", 500), 1, 501)
	lines := strings.Split(long, "\n")
	require.Len(t, lines, 3)
	require.LessOrEqual(t, len(lines[1]), 130)
	require.Equal(t, byte('y'), lines[1][strings.Index(lines[2], "^")], "the caret is below the column")
}
