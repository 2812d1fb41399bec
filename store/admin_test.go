package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestStatsCount(t *testing.T) {
	s := openTemp(t)
	c := full()
	require.NoError(t, s.Commit(c))
	got := must(s.Stats())
	require.Equal(t, s.Epoch(), got.Epoch)
	require.Equal(t, []uint64{3, 5, 3, 1, 3, 1, 1}, []uint64{
		got.Spaces, got.Numbers, got.Events, got.FirstSeq, got.LastSeq, got.Alerts, got.Messages,
	})
	require.Len(t, got.Buckets, int(tableCount))
	require.Equal(t, "checkpoints", got.Buckets[checkpoints].Name)
	require.Equal(t, uint64(2), got.Buckets[checkpoints].Records)
	require.Equal(t, uint64(len("nats"+"x"+"empty")), got.Buckets[checkpoints].Bytes)
	require.Equal(t, must(os.Stat(s.path)).Size(), got.FileSize)
	require.Positive(t, got.PageSize)

	require.NoError(t, s.Commit(&Commit{Events: changeEvents(4, 2000)}))
	require.NoError(t, s.Commit(&Commit{TrimBefore: 2000}))
	require.Greater(t, must(s.Stats()).FreePages, 50)
}

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

		report, err := Check(path)
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

func TestNewEpoch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	_, err := NewEpoch(path)
	require.ErrorContains(t, err, "no such file")
	require.NoFileExists(t, path)

	s := openAt(t, path)
	c := full()
	require.NoError(t, s.Commit(c))
	before := s.Epoch()
	require.NoError(t, s.Close())
	epoch, err := NewEpoch(path)
	require.NoError(t, err)
	require.NotEqual(t, before, epoch)
	s = openAt(t, path)
	require.Equal(t, epoch, s.Epoch())
	requireFull(t, s, c)
}

func TestCompact(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "real.db")
	s := openAt(t, path)
	c := full()
	c.Checkpoints["big"] = make([]byte, 4<<20)
	require.NoError(t, s.Commit(c))
	delete(c.Checkpoints, "big")
	require.NoError(t, s.Commit(&Commit{Checkpoints: map[string][]byte{"big": nil}}))
	epoch := s.Epoch()
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, os.WriteFile(path+".compact", []byte("left behind by a crash"), 0o600))
	link := filepath.Join(dir, "link.db")
	require.NoError(t, os.Symlink(path, link))

	before, after, err := Compact(link)
	require.NoError(t, err)
	require.Less(t, after, before)
	info := must(os.Lstat(path))
	require.Equal(t, after, info.Size())
	require.Equal(t, os.FileMode(0o640), info.Mode())
	require.NotZero(t, must(os.Lstat(link)).Mode()&os.ModeSymlink)
	require.NoFileExists(t, path+".compact")

	s = openAt(t, link)
	requireFull(t, s, c)
	require.Equal(t, epoch, s.Epoch())
	requireSound(t, s)
}

// Whoever waits for the lock while the file is being replaced must not go on
// with the file that lost its name.
func TestOpenFollowsAReplacedFile(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "numwatch.db"), filepath.Join(dir, "other.db")
	require.NoError(t, openAt(t, other).Close())
	old := openAt(t, path)

	var waiting sync.WaitGroup
	var s *Store
	var err error
	waiting.Go(func() { s, err = Open(path, Options{}) })
	require.NoError(t, os.Rename(other, path))
	require.NoError(t, old.Close())
	waiting.Wait()
	require.NoError(t, err)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{rosterOf(space("s"))}}))
	require.NoError(t, s.Close())
	require.NotNil(t, must(openAt(t, path).SpaceState(space("s"))))
}

func TestCompactAndCheckNeedAStore(t *testing.T) {
	dir := t.TempDir()
	missing, foreign := filepath.Join(dir, "none.db"), filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(foreign, bytes.Repeat([]byte("not a store\n"), 1000), 0o600))
	for path, want := range map[string]string{missing: "no such file", foreign: "no bbolt database"} {
		_, err := Check(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		_, _, err = Compact(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
	require.NoFileExists(t, missing)
}
