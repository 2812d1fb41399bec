// Package filewatch reads files again whenever their content changes. It imports
// nothing of numwatch; internal/bot has one watcher for all files that it follows.
package filewatch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher reads files again when their content changes, and when it is told to.
type Watcher struct {
	files []*file
	log   *slog.Logger
	// Settle is how long content must stay the same before it is taken: editors write
	// in several steps. It must not change once Run has begun.
	Settle time.Duration
	// look is how often the files are looked at even without a sign of change,
	// because not every file system gives signs.
	look time.Duration
	// gone is how long a file may be absent before that counts as a change: some
	// editors remove it for a moment.
	gone time.Duration
	// newSigns creates the fsnotify watcher.
	newSigns func() (*fsnotify.Watcher, error)
	warned   bool // that there are no signs
}

// Taker takes a file's content, or the error why there is none. Its error is about
// the content, and does not affect the watcher.
type Taker func(ctx context.Context, data []byte, err error) error

type file struct {
	path string
	take Taker
	// reading is held from reading the file until its content is taken: of two who
	// read it at once, the later one must not be overtaken.
	reading chan struct{}
	known   Fingerprint // of the content that was taken last
	away    time.Time   // since when it is not there
}

// New returns a watcher without files.
func New(log *slog.Logger) *Watcher {
	return &Watcher{log: log, Settle: 200 * time.Millisecond, look: time.Minute, gone: 10 * time.Second, newSigns: fsnotify.NewWatcher}
}

// Add watches a file whose content was taken already when it had this
// fingerprint. It comes before Run.
func (w *Watcher) Add(path string, known Fingerprint, take Taker) {
	w.files = append(w.files, &file{path: path, known: known, take: take, reading: make(chan struct{}, 1)})
}

// Run watches until ctx ends. Whenever force receives, all files are read. It
// watches folders, not files, so that editors which rename and volumes which swap
// links are noticed. Where the system gives no signs, the files are looked at now
// and then.
func (w *Watcher) Run(ctx context.Context, force <-chan struct{}) error {
	if len(w.files) == 0 {
		<-ctx.Done()
		return nil
	}
	signs := w.open()
	defer func() { signs.close() }()
	timer := time.NewTimer(w.Settle)
	defer timer.Stop()
	pending := true // the timer is set to look at signs
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signs.events:
		case <-signs.errors: // a sign may be lost: look at the files themselves
		case <-force:
			for _, f := range w.files {
				_ = w.read(ctx, f) // the taker has reported what is wrong
			}
			continue
		case <-timer.C:
			if signs.watcher == nil {
				signs = w.open()
			}
			w.follow(signs) // first, so that what changes after the look gives a sign
			timer.Reset(w.check(ctx))
			pending = false
			continue
		}
		// In a folder where much is written the signs never end: they do not put
		// off the look that the first of them asks for.
		if !pending {
			pending = true
			timer.Reset(w.Settle)
		}
	}
}

// signs are where changes show; none come where there is no watcher.
type signs struct {
	watcher *fsnotify.Watcher
	events  <-chan fsnotify.Event
	errors  <-chan error
}

func (s signs) close() {
	if s.watcher != nil {
		_ = s.watcher.Close()
	}
}

// open asks the system for signs. Other programs may have used up what it can give.
func (w *Watcher) open() signs {
	watcher, err := w.newSigns()
	if err != nil {
		w.warn("files", err)
		return signs{}
	}
	return signs{watcher, watcher.Events, watcher.Errors}
}

func (w *Watcher) warn(path string, err error) {
	if !w.warned {
		w.warned = true
		w.log.Warn("file changes are not noticed at once; the files are read every minute", "file", path, "err", err)
	}
}

// check takes what has changed and returns how long to wait for the next look.
func (w *Watcher) check(ctx context.Context) time.Duration {
	wait := w.look
	for _, f := range w.files {
		wait = min(wait, w.checkFile(ctx, f))
	}
	return wait
}

func (w *Watcher) checkFile(ctx context.Context, f *file) time.Duration {
	if !f.lock(ctx) {
		return w.look
	}
	defer f.unlock()
	now := Digest(f.path)
	switch {
	case now == f.known:
		f.away = time.Time{}
		return w.look
	case now == Fingerprint{} && f.away.IsZero():
		f.away = time.Now()
		return w.Settle
	case now == Fingerprint{} && time.Since(f.away) < w.gone:
		return w.Settle
	}
	_ = w.takeLocked(ctx, f) // the taker has reported what is wrong
	return w.look
}

// Read reads a file now and has its content taken, as if it had changed. It returns what
// the taker says.
func (w *Watcher) Read(ctx context.Context, path string) error {
	i := slices.IndexFunc(w.files, func(f *file) bool { return f.path == path })
	return w.read(ctx, w.files[i])
}

func (w *Watcher) read(ctx context.Context, f *file) error {
	if !f.lock(ctx) {
		return ctx.Err()
	}
	defer f.unlock()
	return w.takeLocked(ctx, f)
}

// lock waits until nobody else reads the file, and reports whether that came before the
// end of ctx.
func (f *file) lock(ctx context.Context) bool {
	select {
	case f.reading <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *file) unlock() { <-f.reading }

func (w *Watcher) takeLocked(ctx context.Context, f *file) error {
	data, err := w.settled(ctx, f.path)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.known, f.away = FingerprintOf(data, err), time.Time{}
	return f.take(ctx, data, err)
}

// follow watches the folders, too, that the files' links lead to now.
func (w *Watcher) follow(s signs) {
	if s.watcher == nil {
		return
	}
	var folders []string
	for _, f := range w.files {
		folders = append(folders, filepath.Dir(f.path))
		if target, err := filepath.EvalSymlinks(f.path); err == nil {
			folders = append(folders, filepath.Dir(target))
		}
	}
	for _, old := range s.watcher.WatchList() {
		if !slices.Contains(folders, old) {
			_ = s.watcher.Remove(old) // it is gone already
		}
	}
	for _, folder := range folders {
		if err := s.watcher.Add(folder); err != nil {
			w.warn(folder, err)
		}
	}
}

// maxReads bounds how often a file is read that is written all the time.
const maxReads = 50

// settled returns the file's content once it stays the same for a moment.
func (w *Watcher) settled(ctx context.Context, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	for range maxReads {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(w.Settle):
		}
		again, errAgain := os.ReadFile(path)
		if slices.Equal(data, again) && (err == nil) == (errAgain == nil) {
			return again, errAgain
		}
		data, err = again, errAgain
	}
	return nil, fmt.Errorf("reading %s: it keeps changing", path)
}

// Fingerprint identifies content. The zero value is that of a file that cannot be
// read.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the fingerprint of a file's content, or of one that could not be
// read.
func FingerprintOf(data []byte, err error) Fingerprint {
	if err != nil {
		return Fingerprint{}
	}
	return sha256.Sum256(data)
}

// Digest returns the fingerprint of a file as it is now.
func Digest(path string) Fingerprint { return FingerprintOf(os.ReadFile(path)) }
