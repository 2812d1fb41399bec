package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"numwatch/alert"
)

const (
	// settle is how long a file must be left alone before it is read: editors
	// write in several steps.
	settle = 300 * time.Millisecond
	// look is how often a file is looked at even without a sign of change,
	// because not every file system gives signs.
	look = time.Minute
)

// reloads puts rules.yaml in force whenever it changes, and on SIGHUP.
func (m *machine) reloads(ctx context.Context) error {
	hup, stop := hangups()
	defer stop()
	return whenChanged(ctx, m.rulesFile, m.rulesSeen, hup, func() {
		_ = m.reload(ctx) // it has told everybody who needs to know
	})
}

// hangups receives SIGHUP, by which operators ask for everything that can change
// while the bot runs to be read again.
func hangups() (hup <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reload reads the rules and puts them in force. Nothing that runs is touched
// unless the whole file is good.
func (m *machine) reload(ctx context.Context) error {
	set, err := loadRules(m.rulesFile)
	if err == nil {
		if err = m.loop.Reload(ctx, set); err == nil {
			m.rulebook.accept(set)
			m.log.Info("the rules were reloaded", "file", m.rulesFile, "rules", len(set.Rules()))
			return nil
		}
	}
	m.rulebook.refuse(err)
	m.log.Error("the rules were refused, the last good ones go on", "err", err)
	text := "rules.yaml was refused, the last good rules go on: " + err.Error()
	board{m}.Notice(text)
	if err := m.loop.Note(ctx, alert.Notice{Kind: "rules-refused", Text: text}); err != nil {
		m.log.Warn("the refusal could not be logged", "err", err)
	}
	return err
}

// whenChanged calls changed after the content of a file has become another than
// the known one, and whenever force receives, until ctx ends. It watches the
// folder, so that editors which rename and volumes which swap links are noticed.
func whenChanged(ctx context.Context, path string, known fingerprint, force <-chan os.Signal, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", path, err)
	}
	defer w.Close()
	if err := w.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watching %s: %w", path, err)
	}
	timer := time.NewTimer(settle) // it may have changed since it was read
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Events:
			timer.Reset(settle)
		case <-w.Errors: // a sign may be lost: look at the file itself
			timer.Reset(settle)
		case <-force:
			known = digest(path)
			changed()
		case <-timer.C:
			timer.Reset(look)
			if d := digest(path); d != known && d != (fingerprint{}) {
				known = d
				changed()
			}
		}
	}
}

type fingerprint [sha256.Size]byte

// digest fingerprints a file's content; one that cannot be read has none.
func digest(path string) fingerprint {
	data, err := os.ReadFile(path)
	if err != nil {
		return fingerprint{}
	}
	return sha256.Sum256(data)
}
