package store

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/phone"
)

// sample is the file of a store in which every bucket has pages of its own.
func sample(t testing.TB) []byte {
	t.Helper()
	s := openTemp(t)
	c := full()
	for i := range 30 {
		c.SpaceStates = append(c.SpaceStates, rosterOf(space(fmt.Sprint("x", i)), fleet(4)...))
		c.Alerts = append(c.Alerts, alertOn(fall(fmt.Sprint(i))))
	}
	c.Events = changeEvents(1, 300)
	require.NoError(t, s.Commit(c))
	require.NoError(t, s.Commit(&Commit{DropSpaces: []phone.SpaceKey{space("x3")}, TrimBefore: 30}))
	var size int64
	require.NoError(t, s.db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }))
	require.NoError(t, s.Close())
	return must(os.ReadFile(s.path))[:size]
}

func write(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "numwatch.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// use opens the store and touches everything in it.
func use(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	errs := []error{s.Spaces(func(phone.SpaceKey) bool { return true })}
	for _, read := range []func() error{
		func() error { _, err := s.ReadLog(0, 1000); return err },
		func() error { _, err := s.Alerts(); return err },
		func() error { _, err := s.Messages(); return err },
		func() error { _, err := s.SpaceState(space("x7")); return err },
		func() error { _, err := s.SpacesOf("8613800000001"); return err },
		func() error { _, err := s.Stats(); return err },
		func() error { return s.Commit(&Commit{SpaceStates: []phone.SpaceState{rosterOf(space("x7"))}}) },
		s.Close,
	} {
		errs = append(errs, read())
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Bytes that rot in the file are found, or do no harm; nothing panics. Headers of
// pages are hit more often than their share: what bbolt trusts stands there.
func TestFlippedBytes(t *testing.T) {
	data := sample(t)
	path := write(t, data)
	require.NoError(t, use(write(t, data)))
	c := newChooser(5)
	found := 0
	for range 200 {
		rotten := slices.Clone(data)
		at := c.IntN(len(rotten))
		if c.IntN(2) == 0 {
			at = at&^4095 + c.IntN(200)
		}
		rotten[at] ^= byte(1 << c.IntN(8))
		require.NoError(t, os.WriteFile(path, rotten, 0o600))
		report, err := Check(path)
		if err != nil || !report.OK() {
			found++
			require.NotContains(t, fmt.Sprint(err), "lock")
		}
		if err := use(path); err != nil {
			require.ErrorContains(t, err, path)
		}
	}
	require.Greater(t, found, 40)
}

func TestShortFileIsDamage(t *testing.T) {
	data := sample(t)
	for _, n := range []int{len(data) / 3, len(data) - 1} {
		path := write(t, data[:n])
		_, err := Open(path, Options{})
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "restore a backup")
		report, err := Check(path)
		require.NoError(t, err)
		require.False(t, report.OK())
	}
}

// A page that is its own ancestor would send bbolt round for ever.
func TestCircleOfPages(t *testing.T) {
	data := sample(t)
	path := write(t, data)
	page := os.Getpagesize()
	circles := 0
	for id := 2; id < len(data)/page; id++ {
		p := data[id*page:]
		if binary.NativeEndian.Uint16(p[8:]) != branchPage || binary.NativeEndian.Uint16(p[10:]) == 0 {
			continue
		}
		round := slices.Clone(data)
		binary.NativeEndian.PutUint64(round[id*page+pageHeader+8:], uint64(id))
		require.NoError(t, os.WriteFile(path, round, 0o600))
		report, err := Check(path)
		require.NoError(t, err)
		if !report.OK() {
			require.Contains(t, strings.Join(report.Problems, "\n"), "referred to twice")
			circles++
		}
	}
	require.Positive(t, circles)
}

// The checks of what records say to each other: each sample breaks one thing
// behind Commit's back.
func TestCheckFindsContradictions(t *testing.T) {
	a := full().Alerts[0]
	for want, brk := range map[string]func(tx *bolt.Tx) error{
		"does not read or damaged: roster": func(tx *bolt.Tx) error {
			return tx.Bucket(rosters.name()).Put(appendSpaceKey(nil, space("s")), []byte{rosterVersion, 0, 0})
		},
		"event 2 follows on 0": func(tx *bolt.Tx) error { return moveEvent(tx, 1, 9) },
		"log: event 3: value is damaged": func(tx *bolt.Tx) error {
			return tx.Bucket(eventLog.name()).Put(seqKey(3), []byte{eventVersion, 0, 0})
		},
		"is not in the index": func(tx *bolt.Tx) error {
			return tx.Bucket(homes.name()).Delete(homeKey("1", space("gap")))
		},
		"the index has 1 numbers more": func(tx *bolt.Tx) error {
			return tx.Bucket(homes.name()).Put(homeKey("77", space("gap")), []byte{})
		},
		"the counter says": func(tx *bolt.Tx) error { return tx.Bucket(checkpoints.name()).Delete([]byte("nats")) },
		"tally":            func(tx *bolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Put([]byte(tallyKey), []byte{1}) },
		"stands under \"other\"": func(tx *bolt.Tx) error {
			b := tx.Bucket(alerts.name())
			return b.Put([]byte("other"), b.Get([]byte(a.ID)))
		},
		"are open for the same rule": func(tx *bolt.Tx) error {
			twin := a
			twin.ID = "twin"
			return tx.Bucket(alerts.name()).Put([]byte("twin"), must(appendJSON(nil, twin)))
		},
		"shows revision 5": func(tx *bolt.Tx) error {
			ahead := a
			ahead.Revision = 5
			return tx.Bucket(messages.name()).Put([]byte("m-1"), must(appendJSON(nil, messageOn("m-1", ahead))))
		},
		"messages: record": func(tx *bolt.Tx) error { return tx.Bucket(messages.name()).Put([]byte("m-1"), []byte("{")) },
		"under another key": func(tx *bolt.Tx) error {
			return tx.Bucket(conditions.name()).Put([]byte("x"), []byte(`{"field":"Sink"}`))
		},
		"the epoch is":           func(tx *bolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Delete([]byte(epochKey)) },
		"bucket \"log\" is gone": func(tx *bolt.Tx) error { return tx.DeleteBucket(eventLog.name()) },
	} {
		want = strings.TrimPrefix(want, "does not read or damaged: ")
		t.Run(want, func(t *testing.T) {
			s := openTemp(t)
			require.NoError(t, s.Commit(full()))
			require.NoError(t, s.db.Update(brk))
			require.NoError(t, s.Close())
			report, err := Check(s.path)
			require.NoError(t, err)
			require.Contains(t, strings.Join(report.Problems, "\n"), want)
		})
	}
}

func moveEvent(tx *bolt.Tx, from, to uint64) error {
	b := tx.Bucket(eventLog.name())
	if err := b.Put(seqKey(to), b.Get(seqKey(from))); err != nil {
		return err
	}
	if err := b.Put(seqKey(0), b.Get(seqKey(from))); err != nil {
		return err
	}
	return b.Delete(seqKey(from))
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
		return func(tx *bolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Put([]byte(key), []byte(value)) }
	}
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o600))
	for path, want := range map[string]string{
		alter("newer", putMeta(formatKey, "numwatch 2")):                                                  "schema version is 2",
		alter("odd", putMeta(formatKey, "numwatch x")):                                                    "restore a backup",
		alter("foreign", putMeta(formatKey, "another")):                                                   "not numwatch's",
		alter("log", func(tx *bolt.Tx) error { return tx.Bucket(eventLog.name()).Put([]byte("x"), nil) }): "key is damaged",
		text:                       "no bbolt database",
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
