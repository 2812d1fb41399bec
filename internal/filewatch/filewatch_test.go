package filewatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
)

func TestAFileIsReadWhenItIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, path := New(slog.New(slog.DiscardHandler)), filepath.Join(t.TempDir(), "rules.yaml")
		require.NoError(t, os.WriteFile(path, []byte("first "), 0o600))
		go func() {
			for range 3 {
				time.Sleep(w.Settle * 2 / 3)
				file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					_, err = file.WriteString("more ")
				}
				if err = errors.Join(err, file.Close()); err != nil {
					t.Error(err)
				}
			}
		}()
		data, err := w.settled(t.Context(), path)
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
	known := Digest(path)
	running.Go(func() {
		w := Watcher{newSigns: fsnotify.NewWatcher, log: slog.New(slog.DiscardHandler), Settle: 20 * time.Millisecond, look: time.Hour, gone: time.Hour}
		w.Add(path, known, func(_ context.Context, data []byte, _ error) error { taken <- string(data); return nil })
		if err := w.Run(ctx, nil); err != nil {
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
	known := Digest(path)
	running.Go(func() {
		w := Watcher{newSigns: fsnotify.NewWatcher, log: slog.New(slog.DiscardHandler), Settle: time.Millisecond, look: time.Millisecond, gone: 50 * time.Millisecond}
		w.Add(path, known, func(_ context.Context, _ []byte, err error) error { taken <- err; return err })
		if err := w.Run(ctx, nil); err != nil {
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
	w := Watcher{newSigns: fsnotify.NewWatcher, log: slog.New(slog.DiscardHandler), Settle: time.Millisecond, look: time.Hour, gone: time.Hour}
	paths := []string{filepath.Join(dir, "rules.yaml"), filepath.Join(t.TempDir(), "spaces.csv")}
	for _, path := range paths {
		require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
		w.Add(path, Digest(path), func(_ context.Context, data []byte, _ error) error {
			taken <- filepath.Base(path) + " " + string(data)
			return nil
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	force := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx, force); err != nil {
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

// Other programs may have used up the signs that a system can give: the file is looked
// at now and then, which is said once.
func TestFilesAreReadWithoutSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
		var log strings.Builder
		w := New(slog.New(slog.NewTextHandler(&log, nil)))
		w.newSigns = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
		taken := make(chan string, 100)
		w.Add(path, Digest(path), func(_ context.Context, data []byte, _ error) error { taken <- string(data); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, nil) }()
		time.Sleep(10 * time.Minute)
		require.Empty(t, taken)
		require.NoError(t, os.WriteFile(path, []byte("2"), 0o600))
		before := time.Now()
		require.Equal(t, "2", <-taken)
		require.LessOrEqual(t, time.Since(before), w.look+w.Settle)
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
		require.Contains(t, log.String(), "too many open files")
	})
}

// Signs that could not be had at the start may be had later.
func TestSignsAreAskedForAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	asked := make(chan struct{}, 2)
	w := Watcher{Settle: time.Millisecond, look: time.Hour, gone: time.Hour, log: slog.New(slog.DiscardHandler)}
	w.newSigns = func() (*fsnotify.Watcher, error) {
		asked <- struct{}{}
		if len(asked) == 1 {
			return nil, errors.New("too many open files")
		}
		return fsnotify.NewWatcher()
	}
	taken := make(chan string, 100)
	w.Add(path, Digest(path), func(_ context.Context, data []byte, _ error) error { taken <- string(data); return nil })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, nil) }()
	require.Eventually(t, func() bool { return len(asked) == 2 }, 10*time.Second, time.Millisecond)
	require.NoError(t, os.WriteFile(path, []byte("2"), 0o600))
	require.Equal(t, "2", <-taken)
	cancel()
	require.NoError(t, <-ended)
}

// Two ask at once that a file be read: the older content is not taken last, and each
// hears about the content that was read for it.
func TestReadingsDoNotOvertakeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
		w := New(slog.New(slog.DiscardHandler))
		var taken []string
		slow := true
		w.Add(path, Digest(path), func(_ context.Context, data []byte, _ error) error {
			if slow { // only the first time
				slow = false
				time.Sleep(time.Minute)
			}
			taken = append(taken, string(data))
			if string(data) == "bad" {
				return errors.New("bad")
			}
			return nil
		})
		first := make(chan error, 1)
		go func() { first <- w.Read(t.Context(), path) }()
		time.Sleep(time.Second)
		require.NoError(t, os.WriteFile(path, []byte("bad"), 0o600))
		require.EqualError(t, w.Read(t.Context(), path), "bad")
		require.NoError(t, <-first)
		require.Equal(t, []string{"old", "bad"}, taken)
	})
}

// Whoever no longer waits is not kept by another's reading.
func TestReadingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		w := New(slog.New(slog.DiscardHandler))
		w.Add(path, Fingerprint{}, func(context.Context, []byte, error) error { time.Sleep(time.Hour); return nil })
		go func() { _ = w.Read(t.Context(), path) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.Read(ctx, path), context.DeadlineExceeded)
		time.Sleep(2 * time.Hour)
	})
}
