package bot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watchedFile is a file that is read again whenever its content changes.
type watchedFile struct {
	path string
	// settle is how long the content must stay the same before it is taken:
	// editors write in several steps.
	settle time.Duration
	// look is how often the file is looked at even without a sign of change,
	// because not every file system gives signs.
	look time.Duration
	// gone is how long the file may be away before that counts as a change: some
	// editors take it away for a moment.
	gone time.Duration
}

func newWatchedFile(path string) watchedFile {
	return watchedFile{path: path, settle: 200 * time.Millisecond, look: time.Minute, gone: 10 * time.Second}
}

// whenChanged calls changed after the content of a file has become another than
// the known one, and whenever force receives, until ctx ends.
func whenChanged(ctx context.Context, path string, known fingerprint, force <-chan os.Signal, changed func()) error {
	return newWatchedFile(path).watch(ctx, known, force, func([]byte, error) { changed() })
}

// watch calls changed with the file's content, or why it cannot be read, after
// it has become another than the known one, and whenever force receives, until
// ctx ends. It watches folders, not the file, so that editors which rename and
// volumes which swap links are noticed.
func (f watchedFile) watch(ctx context.Context, known fingerprint, force <-chan os.Signal, changed func([]byte, error)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", f.path, err)
	}
	defer w.Close()
	if err := w.Add(filepath.Dir(f.path)); err != nil {
		return fmt.Errorf("watching %s: %w", f.path, err)
	}
	take := func(data []byte, err error) {
		if ctx.Err() == nil {
			known = fingerprintOf(data, err)
			changed(data, err)
		}
	}
	var away time.Time // since when the file is not there
	signs := false     // the timer is set to look at them
	timer := time.NewTimer(f.settle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Events:
		case <-w.Errors: // a sign may be lost: look at the file itself
		case <-force:
			take(f.read(ctx))
			continue
		case <-timer.C:
			signs = false
			wait := f.look
			f.follow(w) // first, so that what changes after the look gives a sign
			switch now := digest(f.path); {
			case now == known:
				away = time.Time{}
			case now != fingerprint{}:
				away = time.Time{}
				take(f.read(ctx))
			case away.IsZero():
				away, wait = time.Now(), f.settle
			case time.Since(away) < f.gone:
				wait = f.settle
			default:
				take(f.read(ctx))
			}
			timer.Reset(wait)
			continue
		}
		// In a folder where much is written the signs never end: they do not put
		// off the look that the first of them asks for.
		if !signs {
			signs = true
			timer.Reset(f.settle)
		}
	}
}

// follow watches the folder, too, that the file's link leads to now.
func (f watchedFile) follow(w *fsnotify.Watcher) {
	folders := []string{filepath.Dir(f.path)}
	if target, err := filepath.EvalSymlinks(f.path); err == nil {
		folders = append(folders, filepath.Dir(target))
	}
	for _, old := range w.WatchList() {
		if old != folders[0] && old != folders[len(folders)-1] {
			_ = w.Remove(old) // it is gone already
		}
	}
	for _, folder := range folders {
		_ = w.Add(folder) // what gives no signs is looked at now and then
	}
}

// unsettled bounds how often a file is read that is written all the time.
const unsettled = 50

// read returns the file's content once it stays the same for a moment.
func (f watchedFile) read(ctx context.Context) ([]byte, error) {
	data, err := os.ReadFile(f.path)
	for range unsettled {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(f.settle):
		}
		again, errAgain := os.ReadFile(f.path)
		if slices.Equal(data, again) && (err == nil) == (errAgain == nil) {
			return again, errAgain
		}
		data, err = again, errAgain
	}
	return nil, fmt.Errorf("reading %s: it is written all the time", f.path)
}

// fingerprint tells contents apart. The zero one is of a file that cannot be
// read.
type fingerprint [sha256.Size]byte

func fingerprintOf(data []byte, err error) fingerprint {
	if err != nil {
		return fingerprint{}
	}
	return sha256.Sum256(data)
}

func digest(path string) fingerprint { return fingerprintOf(os.ReadFile(path)) }
