package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killVariable names the point at which a bot kills itself, and how many times
// it passes there first: "post:after:3" is the third time.
const killVariable = "NUMWATCH_TEST_KILL"

// killer returns the trace that kills the process where the variable says.
func killer(where string) func(string) {
	cut := strings.LastIndexByte(where, ':')
	if cut < 0 {
		return nil
	}
	left, err := strconv.Atoi(where[cut+1:])
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	return func(point string) {
		mu.Lock()
		defer mu.Unlock()
		if point != where[:cut] {
			return
		}
		if left--; left == 0 {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			panic(errors.Join(errors.New("not dead"), err))
		}
	}
}

// addresses are where a bot that has started can be found.
type addresses struct{ Page, Nats string }

// bot is one life of the bot.
type bot struct {
	t         *testing.T
	command   *exec.Cmd
	said      *botLog
	ended     chan struct{}
	addresses // once it has started
}

// start gives the bot a life, which ends at a point if one is given.
func (r *rig) start(killAt string) *bot {
	r.t.Helper()
	r.lives++
	life := r.lives
	r.t.Logf("life %d is to end at %q", life, killAt)
	return startBot(r.t, r.dir, fmt.Sprint("life ", life), killVariable+"="+killAt, "run", "--config", r.path("config.yaml"), "--rules", r.path("rules.yaml"))
}

// startBot starts a process with a variable more in its environment. Its name is for what is shown of it if the
// test fails.
func startBot(t *testing.T, dir, name, variable string, args ...string) *bot {
	t.Helper()
	b := &bot{t: t, said: &botLog{started: make(chan addresses, 100)}, ended: make(chan struct{})}
	b.command = exec.Command("numwatch", args...)
	b.command.Dir = dir
	b.command.Env = append(os.Environ(), variable)
	b.command.Stderr = b.said
	require.NoError(t, b.command.Start())
	go func() {
		defer close(b.ended)
		_ = b.command.Wait() // ProcessState tells how it ended
	}()
	t.Cleanup(func() {
		_ = b.command.Process.Kill() // it may have ended
		<-b.ended
		if t.Failed() {
			t.Logf("%s said last:\n%s", name, b.said.tail())
		}
	})
	return b
}

// ready waits until the bot has started.
func (b *bot) ready() {
	b.t.Helper()
	select {
	case b.addresses = <-b.said.started:
	case <-b.ended:
		b.t.Fatalf("the bot ended by itself: %s\n%s", b.command.ProcessState, b.said.tail())
	case <-time.After(startsWithin):
		b.t.Fatalf("the bot did not start\n%s", b.said.tail())
	}
}

// kill waits a while, unless the bot dies before, and kills it. It must not have
// ended in any other way.
func (b *bot) kill(after time.Duration) {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(after):
		if err := b.command.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
			require.NoError(b.t, err)
		}
		<-b.ended
	}
	w, ok := b.command.ProcessState.Sys().(syscall.WaitStatus)
	require.True(b.t, ok && w.Signaled() && w.Signal() == syscall.SIGKILL,
		"the bot ended by itself: %s\n%s", b.command.ProcessState, b.said.tail())
}

// dies waits until the bot has died where it was to.
func (b *bot) dies(within time.Duration) {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(within):
		b.t.Fatalf("the bot did not come to the point where it was to die\n%s", b.said.tail())
	}
}

// stop ends the bot as an operator does.
func (b *bot) stop() {
	b.t.Helper()
	b.stops(stopsWithin)
}

// stops is stop with another time that it may take.
func (b *bot) stops(within time.Duration) {
	b.t.Helper()
	require.NoError(b.t, b.command.Process.Signal(syscall.SIGTERM))
	select {
	case <-b.ended:
	case <-time.After(within):
		b.t.Fatalf("the bot did not end within %s of SIGTERM\n%s", within, b.said.tail())
	}
	require.Equal(b.t, 0, b.command.ProcessState.ExitCode(), "%s", b.said.tail())
}

// told has somebody give the running bot an order.
func (b *bot) told(args ...string) {
	b.t.Helper()
	c := exec.Command("numwatch", args...)
	c.Env = append(os.Environ(), "NUMWATCH_URL="+b.Page)
	said, err := c.CombinedOutput()
	require.NoError(b.t, err, "%s", said)
}

// backup writes the running bot's store to a file.
func (b *bot) backup(path string) error {
	resp, err := http.Get(b.Page + "api/v1/backup")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("backup: %s", resp.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}

// botLog are the log of a bot, of which the end is kept.
type botLog struct {
	started chan addresses

	mu    sync.Mutex
	rest  []byte
	lines []string
}

const linesKept = 300

// Write is safe for concurrent use with tail.
func (s *botLog) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, data...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		s.hear(line)
		s.rest = bytes.Clone(rest)
	}
}

func (s *botLog) hear(line []byte) {
	s.lines = append(s.lines, string(line))
	s.lines = s.lines[max(0, len(s.lines)-linesKept):]
	var record struct {
		Msg string
		addresses
	}
	if json.Unmarshal(line, &record) == nil && record.Msg == "started" {
		s.started <- record.addresses
	}
}

func (s *botLog) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(append(s.lines, string(s.rest)), "\n")
}
