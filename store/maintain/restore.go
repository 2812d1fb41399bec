package maintain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"numwatch/store"
	"numwatch/store/internal/dbfile"
)

// ErrDamaged is returned for a backup that is not restored because it is
// damaged.
var ErrDamaged = errors.New("the backup is damaged")

// Restored is what a restore did.
type Restored struct {
	Epoch string // of the new store
	Aside string // where the store is that was there before; empty if there was none
}

// Restore checks the backup and puts a copy with a new epoch at path, which no
// bot may have open. The store that was there stays beside it.
func (v Verifier) Restore(ctx context.Context, path, backup string) (done Restored, err error) {
	report, err := v.Check(ctx, backup)
	if err != nil {
		return done, err
	}
	if !report.OK() {
		return done, ErrDamaged
	}
	fresh := path + ".restoring"
	defer func() { err = errors.Join(err, removeFile(fresh)) }()
	if err := copyFile(fresh, backup); err != nil {
		return done, fmt.Errorf("copying the backup: %w", err)
	}
	if done.Epoch, err = store.NewEpoch(fresh); err != nil {
		return done, err
	}
	done.Aside, err = swap(path, fresh)
	return done, err
}

// swap puts the file fresh in the place of the store at path, if no bot has that open,
// which stays beside it. There is a store at path all the time: a bot that starts
// meanwhile must not take a missing one for its first start.
func swap(path, fresh string) (aside string, err error) {
	present, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		_, err = Replace(path, fresh)
		return "", err
	}
	lock, err := dbfile.Lock(path, true)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	aside = path + ".before-restore"
	if earlier, err := os.Stat(aside); err == nil && os.SameFile(earlier, present) {
		if err := os.Remove(aside); err != nil { // a restore was interrupted
			return "", err
		}
	} else if err == nil {
		return "", fmt.Errorf("%s exists from an earlier restore: move it away first", aside)
	}
	return aside, keepAside(path, fresh, aside)
}

// keepAside puts the file fresh in the place of the one at path, which stays as aside.
// There is a file at path all the time.
func keepAside(path, fresh, aside string) error {
	err := os.Link(path, aside)
	if err != nil && !errors.Is(err, os.ErrExist) { // a file system without links
		err = copyFile(aside, path)
	}
	if err != nil {
		return fmt.Errorf("keeping the present store: %w", err)
	}
	if _, err := Replace(path, fresh); err != nil {
		return fmt.Errorf("putting the new store in place: %w", err)
	}
	return nil
}

func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = WriteFile(to, source)
	return err
}

// WriteFile writes a file so that it is complete and on the disk, or not there.
func WriteFile(path string, from io.Reader) (n int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) // gone already once it is renamed
	n, err = io.Copy(f, from)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return n, err
	}
	_, err = Replace(path, f.Name())
	return n, err
}
