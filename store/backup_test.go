package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBackupWhileWriting(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(generation(1)))
	var writer sync.WaitGroup
	stop, failed := make(chan struct{}), make(chan error, 1)
	writer.Go(func() {
		for n := s.LastSeq() + 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Commit(generation(n)); err != nil {
				failed <- err
				return
			}
		}
	})
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		atLeast := s.LastSeq()
		path := filepath.Join(dir, name)
		f := must(os.Create(path))
		n, err := s.Backup(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, must(os.Stat(path)).Size(), n)

		report, err := Verify(path)
		require.NoError(t, err)
		require.Empty(t, report.Problems)
		requireOneGeneration(t, openAt(t, path), atLeast)
	}
	close(stop)
	writer.Wait()
	require.Empty(t, failed)
}

type brokenWriter struct{}

var errBroken = errors.New("connection reset")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// A backup that fails or is slow must not stop the store, which grows meanwhile.
func TestBackupToABadWriter(t *testing.T) {
	s := openTemp(t)
	_, err := s.Backup(brokenWriter{})
	require.ErrorContains(t, err, errBroken.Error())

	r, w := io.Pipe()
	var backup sync.WaitGroup
	backup.Go(func() {
		_, err := s.Backup(w)
		w.CloseWithError(err)
	})
	one := make([]byte, 1)
	_, err = io.ReadFull(r, one) // the backup's transaction is open now
	require.NoError(t, err)
	require.NoError(t, s.Commit(&Commit{Checkpoints: map[string][]byte{"big": make([]byte, 40<<20)}}))
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	backup.Wait()
	require.Less(t, len(rest), 1<<20, "the backup is of the time when it began")
}
