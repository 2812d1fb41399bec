package store

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/phone"
)

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
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("s"))}}))
	require.NoError(t, s.Close())
	require.NotNil(t, must(openAt(t, path).SpaceState(space("s"))))
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

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	alter := func(name string, fn func(tx *bolt.Tx) error) string {
		path := filepath.Join(dir, name)
		require.NoError(t, openAt(t, path).Close())
		db, err := bolt.Open(path, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(fn))
		require.NoError(t, db.Close())
		return path
	}
	putMeta := func(key, value string) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error { return putSealed(tx, meta, key, []byte(value)) }
	}
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o600))
	for path, want := range map[string]string{
		alter("newer", putMeta(formatKey, "numwatch 2")): "schema version is 2",
		alter("odd", putMeta(formatKey, "numwatch x")):   "not numwatch's",
		alter("foreign", putMeta(formatKey, "another")):  "not numwatch's",
		text:                       "not a numwatch store",
		dir:                        "must name a file",
		filepath.Join(text, "sub"): "creating the directory",
	} {
		_, err := Open(path, Options{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
	foreign := filepath.Join(dir, "other.db")
	db, err := bolt.Open(foreign, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err }))
	require.NoError(t, db.Close())
	_, err = Open(foreign, Options{})
	require.ErrorContains(t, err, "not numwatch's")
}

func TestSecondOpenInTheSameProcess(t *testing.T) {
	s := openTemp(t)
	_, err := Open(s.path, Options{Timeout: 60e6})
	require.ErrorContains(t, err, "another numwatch running?")
}
