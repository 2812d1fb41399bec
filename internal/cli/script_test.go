package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type testbedKey struct{}

func worldOf(ts *testscript.TestScript) *testbed { return ts.Value(testbedKey{}).(*testbed) }

// TestScripts runs the program as people do. Each script has a cloud of its own,
// up and well, a Slack and a NATS server that are down until it says so, and the
// files of testdata/default.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: setUp, RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cloud": cloudCommand, "space": spaceCommand, "slack": slackCommand, "nats": natsCommand,
			"await": awaitCommand, "code": codeCommand, "signal": signalCommand, "fetch": fetchCommand,
			"occupy": occupyCommand, "holds": holdsCommand, "stream": streamCommand, "narrow": narrowCommand, "within": withinCommand,
			"damage": damageCommand, "rename": renameCommand, "quick": quickCommand, "ends": endsCommand, "leakfree": leakfreeCommand, "keep": keepCommand, "free": freeCommand, "replace": replaceCommand,
		},
	})
}

func setUp(env *testscript.Env) error {
	w, err := newTestbed(env.WorkDir)
	if err != nil {
		return err
	}
	env.Defer(func() { _ = w.close() })
	env.Values[testbedKey{}] = w
	for name, value := range map[string]string{
		rootVariable: os.Getenv(rootVariable),
		"CLOUD_URL":  "http://" + w.cloudDoor.address, "CLOUD_AT": "http://" + w.cloudDoor.address, "KEY_ID": keyID, "KEY_SECRET": keySecret,
		"SLACK_URL": "http://" + w.slackDoor.address + "/api/",
		"NATS_AT":   "nats://" + w.natsDoor.address, "NATS_HOST": w.natsDoor.address,
		// The default chain of credentials must not look beyond this machine.
		"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
	} {
		env.Setenv(name, value)
	}
	if err := w.cloudDoor.serve(w.cloud); err != nil {
		return err
	}
	return defaults(env.WorkDir)
}

// defaults puts the files of testdata/default where a script has none of its own.
func defaults(dir string) error {
	files, err := filepath.Glob("testdata/default/*")
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, filepath.Base(file)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// usage ends the script where a command is called wrongly.
func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// codeCommand runs a program and wants an exit code.
func codeCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "code CODE PROGRAM ARGUMENT…")
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s\n%s%s", got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// quickCommand runs a program and wants an exit code within a time.
func quickCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 2, "quick TIME CODE PROGRAM ARGUMENT…")
	begin := time.Now()
	codeCommand(ts, false, args[1:])
	if took := time.Since(begin); took > duration(ts, args[0]) {
		ts.Fatalf("took %s, want at most %s", took, args[0])
	}
}

// endsCommand waits for a time at most for the end of a program that was started
// by: exec logged NAME … & — whose exit code wait then wants to be good.
func endsCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "ends TIME NAME")
	begin, p := time.Now(), started(ts, args[1])
	eventually(ts, func() bool { return p.Signal(syscall.Signal(0)) != nil }, func() string { return args[1] + " does not end" })
	if took := time.Since(begin); took > duration(ts, args[0]) {
		ts.Fatalf("took %s, want at most %s", took, args[0])
	}
}

// started finds a program that was started by: exec logged NAME … &
func started(ts *testscript.TestScript, name string) *os.Process {
	for _, cmd := range ts.BackgroundCmds() {
		if len(cmd.Args) > 1 && cmd.Args[1] == name {
			return cmd.Process
		}
	}
	ts.Fatalf("no program %s runs", name)
	return nil
}
