package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"numwatch/internal/golden"

	"github.com/stretchr/testify/require"
)

const reference = "../../docs/configuration.md"

// The tables of the reference are written from the settings that the reader
// reads: NUMWATCH_GOLDEN=write go test ./internal/config -run Reference.
func TestReference(t *testing.T) {
	r := newReader("config.yaml", nil, nil, noFiles)
	var c Config
	var a Account
	text, err := os.ReadFile(reference)
	require.NoError(t, err)
	page := string(text)
	page = replaceTable(t, page, "accounts", rows("accounts[].", r.accountSettings(&a)))
	page = replaceTable(t, page, "settings", rows("", r.settings(&c)))
	page = replaceTable(t, page, "tokens", rows("http.tokens[].", r.tokenSettings(&Token{})))
	page = replaceTable(t, page, "channels", rows("channels.NAME.", r.channelSettings(&Channel{})))
	golden.Equal(t, reference, page)
}

// replaceTable puts a table between the page's markers.
func replaceTable(t *testing.T, page, name string, rows []string) string {
	t.Helper()
	begin, end := "<!-- "+name+": written by a test -->\n", "<!-- end -->\n"
	head, rest, found := strings.Cut(page, begin)
	require.True(t, found, begin)
	_, tail, found := strings.Cut(rest, end)
	require.True(t, found, end)
	return head + begin + "\n| key | default | what |\n|---|---|---|\n" + strings.Join(rows, "") + "\n" + end + tail
}

func rows(prefix string, settings []setting) (lines []string) {
	for _, s := range settings {
		if s.below != nil {
			lines = append(lines, rows(prefix+s.name+".", s.below)...)
			continue
		}
		name, def := "`"+prefix+s.name+"`", ""
		if s.secret != nil {
			name += ", `…" + fileSuffix + "`"
		}
		if s.def != "" {
			def = "`" + s.def + "`"
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |\n", name, def, s.about))
	}
	return lines
}

// Every setting is described, and its default is one that a file might give.
func TestSettingsAreDescribed(t *testing.T) {
	r := newReader("config.yaml", nil, nil, noFiles)
	var c Config
	var a Account
	for _, settings := range [][]setting{r.settings(&c), r.accountSettings(&a), r.tokenSettings(&Token{}), r.channelSettings(&Channel{})} {
		r.setDefaults(settings)
		requireDescribed(t, settings)
	}
	require.Empty(t, r.problems)
}

func requireDescribed(t *testing.T, settings []setting) {
	t.Helper()
	for _, s := range settings {
		requireDescribed(t, s.below)
		require.True(t, s.below != nil || s.about != "" || s.name == "name" || s.name == "labels", "%s is not described", s.name)
	}
}
