package deploytest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"numwatch/internal/cli"
)

// rootVariable tells the processes that tests start where the module's root is:
// they run elsewhere.
const rootVariable = "NUMWATCH_DEPLOYTEST_ROOT"

// TestMain puts numwatch on PATH: the test binary under that name.
func TestMain(m *testing.M) {
	if os.Getenv(rootVariable) == "" {
		root, err := filepath.Abs("../..")
		if err != nil {
			panic(err)
		}
		os.Setenv(rootVariable, root)
	}
	testscript.Main(m, map[string]func(){
		"numwatch": func() {
			samples := os.DirFS(os.Getenv(rootVariable))
			os.Exit(cli.Run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr, samples))
		},
	})
}
