//go:build unix

package maintain_test

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const inProcessOfItsOwn = "NUMWATCH_TEST_FULL_DISK"

// Without room for a second file the damaged one stays where it is, and the error says what
// to do. No file may grow in the process, which is why it is one of its own.
func TestRecoverWithoutRoom(t *testing.T) {
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
	path, _ := sample(t)
	leaves, _ := usedPages(t, path, "main\x00")
	change(t, path, leaves[:1], zero)
	damaged, err := os.ReadFile(path)
	require.NoError(t, err)

	signal.Ignore(syscall.SIGXFSZ)
	t.Cleanup(func() { signal.Reset(syscall.SIGXFSZ) })
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: before.Max}))
	_, err = verifier(t).Recover(t.Context(), path)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))

	require.ErrorContains(t, err, "the disk is full: free some space")
	require.ErrorContains(t, err, "The file is as it was")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, damaged, after)
	require.NoFileExists(t, path+".recovering")
	requireRecovered(t, path)
}
