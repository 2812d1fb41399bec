package cli_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waiting is a program that waits for something, in a folder with a pipe that
// nobody writes to and with the address of a server that does not answer.
type waiting struct {
	t       *testing.T
	dir     string
	silent  net.Listener
	command *exec.Cmd
	said    strings.Builder
	ended   chan struct{}
}

func newWaiting(t *testing.T, args ...string) *waiting {
	w := &waiting{t: t, dir: t.TempDir(), ended: make(chan struct{})}
	require.NoError(t, syscall.Mkfifo(filepath.Join(w.dir, "pipe"), 0o600))
	var err error
	w.silent, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { w.silent.Close() })
	config := `
accounts:
  - {name: main, endpoint: "http://` + w.silent.Addr().String() + `", spaces: [{id: "1"}], credentials: {type: access_key, access_key_id: a, access_key_secret: b}}
poll: {timeout: 1m}
nats: {listen: ""}
http: {listen: "127.0.0.1:0"}
`
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "config.yaml"), []byte(config), 0o600))
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "SILENT", w.silent.Addr().String())
	}
	w.command = exec.Command("numwatch", args...)
	w.command.Dir, w.command.Stderr, w.command.Stdout = w.dir, &w.said, &w.said
	require.NoError(t, w.command.Start())
	go func() {
		defer close(w.ended)
		_ = w.command.Wait() // ProcessState tells how it ended
	}()
	t.Cleanup(func() {
		_ = w.command.Process.Kill() // it may have ended
		<-w.ended
	})
	return w
}

// reads waits until the program has opened the pipe, and keeps it open.
func (w *waiting) reads() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		f, err := os.OpenFile(filepath.Join(w.dir, "pipe"), os.O_WRONLY|syscall.O_NONBLOCK, 0) // fails while nobody reads
		if err != nil {
			return false
		}
		w.t.Cleanup(func() { f.Close() })
		return true
	}, startsWithin, 10*time.Millisecond, "nobody reads the pipe")
}

// asks waits until the program has connected to the server, and answers nothing.
func (w *waiting) asks() {
	w.t.Helper()
	require.NoError(w.t, w.silent.(*net.TCPListener).SetDeadline(time.Now().Add(startsWithin)))
	conn, err := w.silent.Accept()
	require.NoError(w.t, err)
	w.t.Cleanup(func() { conn.Close() })
}

func (w *waiting) signal() { require.NoError(w.t, w.command.Process.Signal(syscall.SIGINT)) }

// ends wants the program to end in time, with an exit code and not by a signal.
func (w *waiting) ends(within time.Duration) {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(within):
		w.t.Fatalf("it does not end within %s: %s", within, w.said.String())
	}
	require.Equal(w.t, 1, w.command.ProcessState.ExitCode(), w.said.String())
	require.Equal(w.t, "numwatch: interrupted\n", w.said.String())
}

// endsSoon is a second, and as much again for a busy machine as keeps it below every
// time-out of what these commands wait for.
const endsSoon = 5 * time.Second

func TestAnInterruptEndsWhateverWaits(t *testing.T) {
	for name, args := range map[string][]string{
		"a file of rules":          {"rules", "lint", "pipe"},
		"the bot's configuration":  {"run", "--config", "pipe"},
		"the bot's rules":          {"run", "--rules", "pipe"},
		"the configuration, check": {"check", "--config", "pipe", "--rules", "pipe"},
		"a scenario":               {"sim", "cams", "--scenario", "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWaiting(t, args...)
			w.reads()
			w.signal()
			w.ends(endsSoon)
		})
	}
	for name, args := range map[string][]string{
		"a bot":   {"status", "--url", "http://SILENT"},
		"a cloud": {"poll", "1"},
		"nats":    {"tail", "--nats", "nats://SILENT"},
		"backup":  {"db", "backup", "copy.db", "--url", "http://SILENT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWaiting(t, args...)
			w.asks()
			w.signal()
			w.ends(endsSoon)
		})
	}
}

// Also where the first interrupt has not ended it yet.
func TestASecondInterruptEndsAtOnce(t *testing.T) {
	w := newWaiting(t, "rules", "lint", "pipe")
	w.reads()
	w.signal()
	time.Sleep(100 * time.Millisecond) // signals that come at once are one
	w.signal()
	w.ends(900 * time.Millisecond)
}
