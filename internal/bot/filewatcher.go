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

// fileWatcher reads files again whenever their content changes, and when it is
// told to.
type fileWatcher struct {
	files []*watchedFile
	// settle is how long content must stay the same before it is taken: editors
	// write in several steps.
	settle time.Duration
	// look is how often the files are looked at even without a sign of change,
	// because not every file system gives signs.
	look time.Duration
	// gone is how long a file may be away before that counts as a change: some
	// editors take it away for a moment.
	gone time.Duration
}

type watchedFile struct {
	path    string
	known   fingerprint                                       // of the content that was taken last
	changed func(ctx context.Context, data []byte, err error) // takes the content, or hears why there is none

	away time.Time // since when it is not there
}

func newFileWatcher() *fileWatcher {
	return &fileWatcher{settle: 200 * time.Millisecond, look: time.Minute, gone: 10 * time.Second}
}

// add watches a file whose content was taken already when it had this
// fingerprint. It comes before run.
func (w *fileWatcher) add(path string, known fingerprint, changed func(context.Context, []byte, error)) {
	w.files = append(w.files, &watchedFile{path: path, known: known, changed: changed})
}

// run watches until ctx ends. Whenever force receives, all files are read. It
// watches folders, not files, so that editors which rename and volumes which swap
// links are noticed.
func (w *fileWatcher) run(ctx context.Context, force <-chan struct{}) error {
	signs, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching files: %w", err)
	}
	defer signs.Close()
	for _, f := range w.files {
		if err := signs.Add(filepath.Dir(f.path)); err != nil {
			return fmt.Errorf("watching %s: %w", f.path, err)
		}
	}
	timer := time.NewTimer(w.settle)
	defer timer.Stop()
	pending := true // the timer is set to look at signs
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signs.Events:
		case <-signs.Errors: // a sign may be lost: look at the files themselves
		case <-force:
			for _, f := range w.files {
				w.take(ctx, f)
			}
			continue
		case <-timer.C:
			w.follow(signs) // first, so that what changes after the look gives a sign
			timer.Reset(w.check(ctx))
			pending = false
			continue
		}
		// In a folder where much is written the signs never end: they do not put
		// off the look that the first of them asks for.
		if !pending {
			pending = true
			timer.Reset(w.settle)
		}
	}
}

// check takes what has changed and returns how long to wait for the next look.
func (w *fileWatcher) check(ctx context.Context) time.Duration {
	wait := w.look
	for _, f := range w.files {
		switch now := digest(f.path); {
		case now == f.known:
			f.away = time.Time{}
		case now != fingerprint{}:
			w.take(ctx, f)
		case f.away.IsZero():
			f.away, wait = time.Now(), w.settle
		case time.Since(f.away) < w.gone:
			wait = w.settle
		default:
			w.take(ctx, f)
		}
	}
	return wait
}

func (w *fileWatcher) take(ctx context.Context, f *watchedFile) {
	data, err := w.read(ctx, f.path)
	if ctx.Err() != nil {
		return
	}
	f.known, f.away = fingerprintOf(data, err), time.Time{}
	f.changed(ctx, data, err)
}

// follow watches the folders, too, that the files' links lead to now.
func (w *fileWatcher) follow(signs *fsnotify.Watcher) {
	var folders []string
	for _, f := range w.files {
		folders = append(folders, filepath.Dir(f.path))
		if target, err := filepath.EvalSymlinks(f.path); err == nil {
			folders = append(folders, filepath.Dir(target))
		}
	}
	for _, old := range signs.WatchList() {
		if !slices.Contains(folders, old) {
			_ = signs.Remove(old) // it is gone already
		}
	}
	for _, folder := range folders {
		_ = signs.Add(folder) // what gives no signs is looked at now and then
	}
}

// maxReads bounds how often a file is read that is written all the time.
const maxReads = 50

// read returns the file's content once it stays the same for a moment.
func (w *fileWatcher) read(ctx context.Context, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	for range maxReads {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(w.settle):
		}
		again, errAgain := os.ReadFile(path)
		if slices.Equal(data, again) && (err == nil) == (errAgain == nil) {
			return again, errAgain
		}
		data, err = again, errAgain
	}
	return nil, fmt.Errorf("reading %s: it is written all the time", path)
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
