package deploytest

import (
	"context"
	goflag "flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rogpeppe/go-internal/testscript"

	"numwatch/internal/cli"
)

// rootVariable tells the processes that tests start where the module's root is:
// they run elsewhere.
const rootVariable = "NUMWATCH_DEPLOYTEST_ROOT"

// TestMain puts numwatch and nats-server on PATH: the test binary under these names.
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
		"nats-server": natsServer,
	})
}

// natsServer is the program of that name.
func natsServer() {
	fs := goflag.NewFlagSet("nats-server", goflag.ExitOnError)
	o, err := server.ConfigureOptions(fs, os.Args[1:], nil, nil, nil)
	var s *server.Server
	if err == nil {
		s, err = server.NewServer(o)
	}
	if err == nil {
		err = server.Run(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats-server:", err)
		os.Exit(1)
	}
	s.WaitForShutdown()
}
