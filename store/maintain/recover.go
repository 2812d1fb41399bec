package maintain

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
	"numwatch/store/internal/dbfile"
)

const (
	// readWithin bounds how long records are read from a damaged file: what was not read
	// by then is not recovered.
	readWithin = 2 * time.Minute
	// stallWithin is how long a process that reads them may make no progress: on some
	// pages reading never ends.
	stallWithin = 5 * time.Second

	// maxOlder is how large a file may be that is copied to read what it held before.
	maxOlder = 1 << 30

	maxProblem = 200 // characters of what is wrong, in texts
)

// Recover checks the pages of the store at path, which no bot may have open, and if they
// are damaged puts a new store in its place, with all that can still be read. The damaged
// file stays beside it. It returns what was done, "" if nothing was; the new store says
// it too, in the checkpoint store.RecoveredCheckpoint. ctx bounds the check. What keeps the
// store from being checked keeps it from being opened as well, or the check took too
// long: that is no error.
func (v Verifier) Recover(ctx context.Context, path string) (done string, err error) {
	report, err := v.check(ctx, path, pages)
	if err != nil || report.OK() {
		return "", nil
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	done, err = v.replaceDamaged(path, report.Problems[0])
	if err != nil {
		return "", fmt.Errorf("store %s is damaged (%s), and recovering what can be read of it failed: %w. The file is as it was, and numwatch "+
			"tries again at the next start; or restore a backup (numwatch db restore), or move the file away to begin with an empty store",
			path, report.Problems[0], dbfile.Explain(err))
	}
	return done, nil
}

// replaceDamaged holds a lock on the damaged file and one on the new file until that is in
// place. At every moment one of them is.
func (v Verifier) replaceDamaged(path, problem string) (done string, err error) {
	old, err := dbfile.Lock(path, false)
	if err != nil {
		return "", err
	}
	defer old.Close()
	fresh := path + ".recovering"
	if err := emptyFile(fresh); err != nil {
		return "", err
	}
	r, err := store.NewRecovery(fresh)
	if errors.Is(err, store.ErrLocked) {
		return "", err // somebody else recovers the store
	}
	if err != nil {
		return "", errors.Join(err, removeFile(fresh))
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	aside := asideName(path, "damaged")
	damaged, err := v.read(context.Background(), path, store.RecoveryParts(), r.Add)
	if err == nil && len(damaged) > 0 {
		err = v.readOlder(path, damaged, r.Add)
	}
	if err == nil {
		err = r.Finish(func() string {
			done = describe(r, problem, damaged, aside)
			return done
		})
	}
	if err == nil {
		err = likeFile(fresh, old)
	}
	if err == nil {
		err = keepAside(path, fresh, aside)
	}
	if err != nil {
		return "", errors.Join(err, removeFile(fresh))
	}
	return done, nil
}

// readOlder reads damaged buckets as they were before the last commit: the pages that it
// replaced, often the root of everything among them, are still there. bbolt shows that state
// of a file in which the newer of the two meta pages is gone. Which one that is need not
// be known: records that are there already stay.
func (v Verifier) readOlder(path string, buckets []string, add func(store.Record) error) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxOlder {
		return err
	}
	parts := slices.DeleteFunc(store.RecoveryParts(), func(part string) bool {
		return !slices.Contains(buckets, store.BucketName(part))
	})
	older := path + ".older"
	for page := range 2 {
		err := copyFile(older, path)
		if err == nil {
			err = clearPage(older, page)
		}
		if err == nil {
			_, err = v.read(context.Background(), older, parts, add)
		}
		if err = errors.Join(err, removeFile(older)); err != nil {
			return err
		}
	}
	return nil
}

func clearPage(path string, page int) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	size := os.Getpagesize()
	_, err = f.WriteAt(make([]byte, size), int64(page*size))
	return errors.Join(err, f.Close())
}

// emptyFile makes an empty file of what a recovery that was killed has left, if any.
func emptyFile(path string) error {
	left, err := dbfile.Lock(path, true)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(left.Truncate(0), left.Close())
}

func likeFile(path string, like *os.File) error {
	info, err := like.Stat()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dbfile.KeepOwner(f, info), f.Chmod(info.Mode().Perm()), f.Close())
}

func describe(r *store.Recovery, problem string, damaged []string, aside string) string {
	text := fmt.Sprintf("The file of the store was damaged (%s). ", alert.Cut(problem, maxProblem))
	switch {
	case r.Found == 0:
		text += "None of it could be read: the store is new, and all numbers are seen as if for the first time."
	case len(damaged) == 0:
		text += fmt.Sprintf("%s could be read and are in use.", phone.Count(r.Found, "record"))
	default:
		text += fmt.Sprintf("%s could be read and are in use; not all of %s could be.", phone.Count(r.Found, "record"), strings.Join(damaged, ", "))
	}
	if r.Lost > 0 {
		text += fmt.Sprintf(" Lost for certain: %s.", phone.Count(r.Lost, "event"))
	}
	if r.Found > 0 && slices.Contains(damaged, "spaces") {
		text += " Spaces that are lost are seen as if for the first time."
	}
	return text + " Events have ids of a new epoch. The damaged file is kept as " + aside + ". Check the disk."
}

// Readable counts the records that Recover could read, by bucket.
func (v Verifier) Readable(ctx context.Context, path string) (map[string]int, error) {
	seen := map[string]map[string]bool{}
	_, err := v.read(ctx, path, store.RecoveryParts(), func(r store.Record) error {
		b := store.BucketName(r.Part)
		if seen[b] == nil {
			seen[b] = map[string]bool{}
		}
		seen[b][string(r.Key)] = true
		return nil
	})
	counts := map[string]int{}
	for b, keys := range seen {
		counts[b] = len(keys)
	}
	return counts, err
}

// read passes every readable record of a damaged store to add, in processes of their own:
// one that ends, or is killed because it no longer brings anything, loses the bucket that
// it reads from there on, and the next one begins at that bucket's other end. It returns
// the buckets that are damaged.
func (v Verifier) read(ctx context.Context, path string, parts []string, add func(store.Record) error) (damaged []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	again := map[string]bool{}
	for len(parts) > 0 && ctx.Err() == nil {
		var bad []string
		parts, bad, err = v.readParts(ctx, path, parts, add)
		damaged = append(damaged, bad...)
		if err != nil && ctx.Err() == nil {
			return damaged, err
		}
		if len(parts) == 0 {
			break
		}
		if name := store.BucketName(parts[0]); !again[name] {
			again[name] = true
			parts = append(parts, store.OtherWay(parts[0]))
		}
		damaged, parts = append(damaged, store.BucketName(parts[0])), parts[1:]
	}
	for _, part := range parts {
		damaged = append(damaged, store.BucketName(part))
	}
	slices.Sort(damaged)
	return slices.Compact(damaged), nil
}

// readParts runs one process, and returns the parts of which it did not reach the end.
func (v Verifier) readParts(ctx context.Context, path string, parts []string, add func(store.Record) error) (rest, damaged []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := v.command(ctx, path, strings.Join(parts, ","))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return parts, nil, fmt.Errorf("reading store %s: %w", path, err)
	}
	stalled := time.AfterFunc(stallWithin, cancel)
	rest = parts
	for records := gob.NewDecoder(out); err == nil; stalled.Reset(stallWithin) {
		var r store.Record
		if records.Decode(&r) != nil {
			break // the process says why
		}
		stalled.Stop()
		if !r.End {
			err = add(r)
			continue
		}
		rest = rest[1:]
		if !r.Complete {
			damaged = append(damaged, store.BucketName(r.Part))
		}
	}
	stalled.Stop()
	killed := ctx.Err() != nil
	if err != nil {
		cancel() // it would wait for somebody to read
	}
	if ended := outcome(cmd.Wait(), &stderr); err == nil && !killed && !errors.Is(ended, errEnded) {
		err = ended
	}
	return rest, damaged, err
}
