package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/yamldoc"
)

const reference = "../../docs/configuration.md"

// The tables of the reference are written from the settings that the reader
// reads: go test ./internal/config -run Reference -update.
func TestReference(t *testing.T) {
	r := newReader("config.yaml", nil, nil, noFiles)
	c, a := defaults(), newAccount()
	text, err := os.ReadFile(reference)
	require.NoError(t, err)
	page := string(text)
	page = replaceTable(t, page, "accounts", rows("accounts[].", r.accountSettings(&a)))
	page = replaceTable(t, page, "settings", rows("", r.settings(&c)))
	if *update {
		require.NoError(t, os.WriteFile(reference, []byte(page), 0o644))
	}
	require.Equal(t, page, string(text), "run go test ./internal/config -run Reference -update")
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

// The defaults that the reference names are those that hold.
func TestDefaultsOfTheReference(t *testing.T) {
	r := newReader("config.yaml", nil, nil, noFiles)
	c, a := Config{Poll: Poll{MissingAfter: 1}}, Account{}
	readDefaults(t, r, r.settings(&c))
	readDefaults(t, r, r.accountSettings(&a))
	require.Empty(t, r.problems)
	require.Equal(t, defaults(), c)
	require.Equal(t, newAccount(), a)
}

func readDefaults(t *testing.T, r *reader, settings []setting) {
	t.Helper()
	for _, s := range settings {
		switch {
		case s.below != nil:
			readDefaults(t, r, s.below)
		case s.def != "" && s.def != "[]":
			s.read(&yamldoc.Node{Kind: yamldoc.Text, Text: s.def, Path: s.name})
		}
		require.True(t, s.below != nil || s.about != "" || s.name == "name" || s.name == "labels", "%s is not described", s.name)
	}
}
