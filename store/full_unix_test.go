//go:build unix

package store

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/phone"
)

const inProcessOfItsOwn = "NUMWATCH_TEST_FULL_DISK"

// A file that may not grow stands for a full disk: the write fails halfway
// through the commit. No file of a process may then grow, the log that `go test`
// keeps of a test included, so this runs in a process of its own.
func TestFullDiskLeavesThePreviousState(t *testing.T) {
	if os.Getenv(inProcessOfItsOwn) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		child := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), inProcessOfItsOwn+"=1")
		said, err := child.CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Contains(t, string(said), "--- PASS: "+t.Name())
		return
	}
	s := openTemp(t)
	require.NoError(t, s.Commit(generation(1)))

	signal.Ignore(syscall.SIGXFSZ)
	t.Cleanup(func() { signal.Reset(syscall.SIGXFSZ) })
	var size int64 // of the pages in use: the file is longer, in steps
	require.NoError(t, s.db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }))
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(size), Max: before.Max}))
	big := &Commit{Events: changeEvents(2, 2000), DropSpaces: []phone.SpaceKey{space("s")}}
	err := s.Commit(big)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))

	require.ErrorContains(t, err, s.path)
	require.ErrorContains(t, err, "the disk is full")
	requireOneGeneration(t, s, 1)
	require.Equal(t, uint64(1), s.LastSeq())
	require.NoError(t, s.Commit(big), "the same value once there is room")
	require.Equal(t, uint64(2000), s.LastSeq())
}
