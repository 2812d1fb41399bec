package cli

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README lists every command, in the order of `numwatch --help`.
func TestReadmeListsTheCommands(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^numwatch ([a-z]+)  `).FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, m[1])
	}
	var grammar []string
	for f := range reflect.TypeFor[commands]().Fields() {
		_, command := f.Tag.Lookup("cmd")
		_, hidden := f.Tag.Lookup("hidden")
		name := f.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		if command && !hidden {
			grammar = append(grammar, name)
		}
	}
	require.Equal(t, grammar, listed)
}
