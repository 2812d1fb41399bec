package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
)

// sample is the file of a store in which every bucket has pages of its own.
func sample(t testing.TB) []byte {
	t.Helper()
	s := openTemp(t)
	c := full()
	for i := range 30 {
		c.SpaceStates = append(c.SpaceStates, stateOf(space(fmt.Sprint("x", i)), fleet(4)...))
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
func use(ctx context.Context, path string) error {
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
		func() error { _, err := s.Stats(ctx); return err },
		func() error { return s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("x7"))}}) },
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

// Bytes that rot in the file give errors or do no harm; nothing panics. Headers
// of pages are hit more often than their share: what bbolt trusts stands there.
func TestFlippedBytes(t *testing.T) {
	data := sample(t)
	path := write(t, data)
	require.NoError(t, use(t.Context(), write(t, data)))
	c := newChooser(5)
	failed := 0
	for range 200 {
		rotten := slices.Clone(data)
		at := c.IntN(len(rotten))
		if c.IntN(2) == 0 {
			at = at&^4095 + c.IntN(200)
		}
		rotten[at] ^= byte(1 << c.IntN(8))
		require.NoError(t, os.WriteFile(path, rotten, 0o600))
		if err := use(t.Context(), path); err != nil {
			failed++
			require.ErrorContains(t, err, path)
		}
	}
	require.Positive(t, failed)
}

func TestShortFileIsDamage(t *testing.T) {
	data := sample(t)
	for _, n := range []int{len(data) / 3, len(data) - 1} {
		path := write(t, data[:n])
		_, err := Open(path, Options{})
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "restore a backup")
		report, err := Verify(path)
		require.NoError(t, err)
		require.False(t, report.OK())
	}
}

// flip changes a byte of a record behind Commit's back.
func flip(t *testing.T, s *Store, b bucket, key []byte, at int) {
	t.Helper()
	require.NoError(t, s.db.Update(func(tx *bolt.Tx) error {
		value := slices.Clone(b.in(tx).Get(key))
		require.NotNil(t, value)
		value[at] ^= 0x80
		return b.in(tx).Put(key, value)
	}))
}

func TestDamagedStateIsOneSpaceOnly(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{
		stateOf(space("a"), named("1", "2")...), stateOf(space("b"), named("2", "3")...), stateOf(space("c"), named("4")...),
	}}))
	key := appendSpaceKey(nil, space("b"))
	flip(t, s, spaces, key, 8) // within the first number

	_, err := s.SpaceState(space("b"))
	damage := new(DamagedError)
	require.ErrorAs(t, err, &damage)
	require.Equal(t, "spaces", damage.Bucket)
	require.Equal(t, string(key), damage.Key)
	require.Len(t, must(s.SpaceState(space("a"))).Numbers, 2)
	require.False(t, must(s.Same(&phone.Snapshot{Space: space("b"), Numbers: named("2", "3")})))
	var seen []string
	require.NoError(t, s.EachNumber(
		func(phone.SpaceKey) bool { return true },
		func(_ phone.SpaceKey, n *StoredNumber) bool {
			seen = append(seen, string(n.PhoneNumber()))
			return true
		}))
	require.Contains(t, seen, "4", "the spaces behind it are visited")

	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("b"), named("3", "5")...)}}))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.SpacesOf("2")), "the index forgets what the damaged state held")
	require.Equal(t, []phone.SpaceKey{space("b")}, must(s.SpacesOf("5")))
	require.Equal(t, uint64(1), must(s.Stats(t.Context())).Buckets[damaged].Records, "the bytes are kept")
	requireSound(t, s)
}

func TestDamagedSpaceCanBeDropped(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("b"), named("2", "3")...)}}))
	flip(t, s, spaces, appendSpaceKey(nil, space("b")), 8)
	require.NoError(t, s.Commit(&Commit{DropSpaces: []phone.SpaceKey{space("b")}}))
	require.Empty(t, must(s.SpacesOf("2")))
	requireSound(t, s)
}

func TestSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	s := openAt(t, path)
	c := full()
	c.Silences = []alert.Silence{{ID: "s-1"}, {ID: "s-2"}}
	c.Messages = append(c.Messages, messageOn("m-2"))
	require.NoError(t, s.Commit(c))
	require.Empty(t, must(s.SetAside()))
	flip(t, s, alerts, []byte(c.Alerts[0].ID), 0)
	flip(t, s, messages, []byte("m-1"), 0)
	flip(t, s, silences, []byte("s-1"), 0)
	flip(t, s, conditions, conditionKey(&c.Conditions[0]), 0)
	_, err := s.Alerts()
	require.ErrorContains(t, err, c.Alerts[0].ID)
	require.NoError(t, s.Close())

	s = openAt(t, path)
	var buckets []string
	for _, damage := range must(s.SetAside()) {
		buckets = append(buckets, damage.Bucket)
	}
	require.ElementsMatch(t, []string{"alerts", "messages", "silences", "conditions"}, buckets)
	require.Empty(t, must(s.Alerts()))
	require.Equal(t, c.Messages[1:], must(s.Messages()))
	require.Equal(t, []alert.Silence{{ID: "s-2"}}, must(s.Silences()))
	require.Empty(t, must(s.Conditions()))
	require.Empty(t, must(s.SetAside()), "it is said once")
	require.Equal(t, uint64(4), must(s.Stats(t.Context())).Buckets[damaged].Records, "the bytes are kept")
	requireSound(t, s)
}

// Whoever follows the log learns that an event is lost, and goes on behind it.
func TestDamagedEventIsANotice(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 3)}))
	flip(t, s, eventLog, seqKey(2), 1)
	events := must(s.ReadLog(1, 10))
	require.Equal(t, changeEvent(1), events[0])
	require.Equal(t, alert.KindBot, events[1].Kind)
	require.Equal(t, "record-damaged", events[1].Notice.Kind)
	require.Contains(t, events[1].Notice.Text, "event 2 is damaged")
	require.Equal(t, changeEvent(3), events[2])
	heads := must(s.ReadHeads(1, 10))
	require.Len(t, heads, 3)
	require.Equal(t, HeadOf(&events[1]), heads[1])
}
