package cli_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"numwatch/internal/cli"
	"numwatch/internal/cli/command"
	"numwatch/internal/natstest"
)

// rootVariable tells the processes that tests start where the module's root is:
// they run elsewhere.
const rootVariable = "NUMWATCH_TEST_ROOT"

const testsAtOnce = "6"

// TestMain lets the test binary be the programs that tests start: each stands on
// PATH under its name.
func TestMain(m *testing.M) {
	natstest.Main()
	if os.Getenv(rootVariable) == "" {
		root, err := filepath.Abs("../..")
		if err != nil {
			panic(err)
		}
		os.Setenv(rootVariable, root)
	}
	testscript.Main(patient{m}, map[string]func(){
		"numwatch": func() { os.Exit(program(os.Args[1:], killer(os.Getenv(killVariable)))) },
		"logged":   func() { os.Exit(logged(os.Args[1], os.Args[2:])) },
	})
}

// patient runs more tests at once than there are processors, as most wait for leases, elections and outages to end.
type patient struct{ *testing.M }

func (m patient) Run() int {
	flag.Parse()
	_ = flag.Set("test.parallel", testsAtOnce) // it is known, and takes a number
	return m.M.Run()
}

// program is the whole program as main.go runs it.
func program(args []string, trace func(string)) int {
	p := &command.Program{
		Env: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		Samples: os.DirFS(os.Getenv(rootVariable)), Trace: trace,
	}
	return cli.Execute(context.Background(), p, args)
}

// logged is numwatch with its output in NAME.out and NAME.err, so that it can be
// read while the program runs.
func logged(name string, args []string) int {
	for path, file := range map[string]**os.File{name + ".out": &os.Stdout, name + ".err": &os.Stderr} {
		var err error
		if *file, err = os.Create(path); err != nil {
			panic(err)
		}
	}
	return program(args, nil)
}
