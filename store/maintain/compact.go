package maintain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"numwatch/store/internal/dbfile"
)

// compactTxSize bounds the memory that compacting takes, in bytes.
const compactTxSize = 16 << 20

// Compact rewrites the store at path, which nobody may have open, without its
// free pages, and returns its size before and after. The new file stands beside
// the old one until it is complete and on the disk; mode and owner are kept. A
// damaged store is rejected.
func (v Verifier) Compact(ctx context.Context, path string) (before, after int64, err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link must go on to point there
	}
	report, err := v.Check(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	if !report.OK() {
		return 0, 0, fmt.Errorf("compacting store %s: it is damaged (%s): numwatch run recovers what can be read; or restore a backup", path, report.Problems[0])
	}
	src, file, err := dbfile.Open(path, dbfile.Access{})
	if err != nil {
		return 0, 0, err
	}
	// The lock is held until the new file is in place: whoever waits for it
	// finds that the file was replaced, and opens the new one.
	defer func() { err = errors.Join(err, src.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("compacting store %s: %w", path, err)
	}
	temp := path + ".compact"
	if err = errors.Join(removeFile(temp), compactInto(temp, src, info)); err == nil {
		after, err = Replace(path, temp)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("compacting store %s: %w", path, dbfile.Explain(err)), removeFile(temp))
		return info.Size(), info.Size(), err
	}
	return info.Size(), after, nil
}

func compactInto(temp string, src *bolt.DB, info os.FileInfo) error {
	dst, out, err := dbfile.Open(temp, dbfile.Access{Create: true, NoSync: true})
	if err != nil {
		return err
	}
	err = dbfile.Guard(func() error {
		if err := bolt.Compact(dst, src, compactTxSize); err != nil {
			return err
		}
		return errors.Join(dbfile.KeepOwner(out, info), out.Chmod(info.Mode().Perm()), out.Sync())
	})
	return errors.Join(err, dst.Close())
}

// Replace puts temp in path's place so that a crash leaves one or the other, and returns its size.
func Replace(path, temp string) (size int64, err error) {
	info, err := os.Stat(temp)
	if err != nil {
		return 0, err
	}
	if err := os.Rename(temp, path); err != nil {
		return 0, err
	}
	return info.Size(), syncFolder(path)
}

// SetAside moves the store at path, which nobody may use, out of the way, and returns where it is now.
func SetAside(path, why string) (aside string, err error) {
	aside = asideName(path, why)
	if err := errors.Join(os.Rename(path, aside), syncFolder(path)); err != nil {
		return "", fmt.Errorf("setting store %s aside: %w", path, err)
	}
	return aside, nil
}

// asideName is where a store stays whose place another one takes.
func asideName(path, why string) string {
	return path + "." + why + "-" + time.Now().UTC().Format("20060102T150405.000Z")
}

// syncFolder has the names in a file's folder survive a crash.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
