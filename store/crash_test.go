package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store/internal/dbfile"
)

// generation is a commit in which every part says n.
func generation(n uint64) *Commit {
	a := alertOn(fall("8613800001111"))
	a.Revision = n
	r := stateOf(space("s"), fleet(int(n%7))...)
	r.RequestId = strconv.FormatUint(n, 10)
	return &Commit{
		SpaceStates: []phone.SpaceState{r}, Events: []alert.Event{changeEvent(n)}, Alerts: []alert.Alert{a},
		Messages:    []alert.Message{messageOn("m-1", a)},
		Checkpoints: map[string][]byte{"n": []byte(r.RequestId)}, TrimBefore: max(n, 20) - 20,
	}
}

// commitForever prints the generation after each commit.
func commitForever(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	for n := s.LastSeq() + 1; ; n++ {
		if err := s.Commit(generation(n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func startChild(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

func TestKilledProcessLeavesWholeCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	for round := range 6 {
		cmd, lines := startChild(t, path)
		for range 5 + 17*round {
			require.True(t, lines.Scan())
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // what it printed before it died
		}
		_ = cmd.Wait() // it was killed

		report, err := Verify(path)
		require.NoError(t, err)
		require.Empty(t, report.Problems)
		s, err := Open(path, Options{})
		require.NoError(t, err)
		requireOneGeneration(t, s, lastPrinted(lines))
		require.NoError(t, s.Close())
	}
}

func lastPrinted(lines *bufio.Scanner) uint64 {
	n, _ := strconv.ParseUint(lines.Text(), 10, 64) // the last line may be cut off: then 0 or lower
	return n
}

func requireOneGeneration(t *testing.T, s *Store, atLeast uint64) {
	t.Helper()
	n := s.LastSeq()
	require.GreaterOrEqual(t, n, atLeast)
	r, err := s.SpaceState(space("s"))
	require.NoError(t, err)
	require.Equal(t, strconv.FormatUint(n, 10), r.RequestId)
	require.Len(t, r.Numbers, int(n%7))
	alerts, err := s.Alerts()
	require.NoError(t, err)
	require.Equal(t, n, alerts[0].Revision)
	checkpoint, err := s.Checkpoint("n")
	require.NoError(t, err)
	require.Equal(t, r.RequestId, string(checkpoint))
}

func TestLockedByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	cmd, lines := startChild(t, path)
	require.True(t, lines.Scan())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	})

	began := time.Now()
	_, err := Open(path, Options{})
	require.Less(t, time.Since(began), 1200*time.Millisecond)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "another numwatch running?")
	for name, do := range map[string]func() error{
		"verify":    func() error { _, err := Verify(path); return err },
		"new epoch": func() error { _, err := NewEpoch(path); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for the lock
			require.ErrorContains(t, do(), "HTTP API")
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"the file system is read-only": syscall.EROFS,
		"the disk is full":             syscall.ENOSPC,
		"must be allowed":              &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES},
		"must name a file":             syscall.EISDIR,
	} {
		got := dbfile.Explain(dbfile.Explain(err))
		require.ErrorContains(t, got, want)
		require.ErrorIs(t, got, errors.Unwrap(got))
	}
}
