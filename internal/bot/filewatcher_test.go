package bot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFileIsReadWhenItIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, path := newFileWatcher(), filepath.Join(t.TempDir(), "rules.yaml")
		require.NoError(t, os.WriteFile(path, []byte("first "), 0o600))
		go func() {
			for range 3 {
				time.Sleep(w.settle * 2 / 3)
				file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					_, err = file.WriteString("more ")
				}
				if err = errors.Join(err, file.Close()); err != nil {
					t.Error(err)
				}
			}
		}()
		data, err := w.read(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, "first more more more ", string(data))
	})
}

// A file that changes in a folder where something else is written all the time
// is noticed, and one that stays as it is is not taken again.
func TestABusyFolderHidesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	taken := make(chan string, 100)
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := os.WriteFile(filepath.Join(dir, "other"), fmt.Append(nil, i), 0o600); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	known := digest(path)
	running.Go(func() {
		w := fileWatcher{settle: 20 * time.Millisecond, look: time.Hour, gone: time.Hour}
		w.add(path, known, func(_ context.Context, data []byte, _ error) { taken <- string(data) })
		if err := w.run(ctx, nil); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, os.WriteFile(path, []byte("2"), 0o600))
	require.Equal(t, "2", <-taken)
	require.Never(t, func() bool { return len(taken) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
	cancel()
	running.Wait()
}

func TestAFileThatIsGoneIsToldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	taken := make(chan error, 100)
	var running sync.WaitGroup
	known := digest(path)
	running.Go(func() {
		w := fileWatcher{settle: time.Millisecond, look: time.Millisecond, gone: 50 * time.Millisecond}
		w.add(path, known, func(_ context.Context, _ []byte, err error) { taken <- err })
		if err := w.run(ctx, nil); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, <-taken, os.ErrNotExist)
	require.Never(t, func() bool { return len(taken) > 0 }, 200*time.Millisecond, 20*time.Millisecond)
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	require.NoError(t, <-taken, "it is back")
	cancel()
	running.Wait()
}

func TestEachOfSeveralFilesIsWatched(t *testing.T) {
	dir := t.TempDir()
	taken := make(chan string, 100)
	w := fileWatcher{settle: time.Millisecond, look: time.Hour, gone: time.Hour}
	paths := []string{filepath.Join(dir, "rules.yaml"), filepath.Join(t.TempDir(), "spaces.csv")}
	for _, path := range paths {
		require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
		w.add(path, digest(path), func(_ context.Context, data []byte, _ error) { taken <- filepath.Base(path) + " " + string(data) })
	}
	ctx, cancel := context.WithCancel(t.Context())
	force := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.run(ctx, force); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, os.WriteFile(paths[1], []byte("2"), 0o600))
	require.Equal(t, "spaces.csv 2", <-taken)
	require.NoError(t, os.WriteFile(paths[0], []byte("3"), 0o600))
	require.Equal(t, "rules.yaml 3", <-taken)
	force <- struct{}{}
	require.Equal(t, "rules.yaml 3", <-taken, "it is asked for")
	require.Equal(t, "spaces.csv 2", <-taken)
	cancel()
	running.Wait()
}
