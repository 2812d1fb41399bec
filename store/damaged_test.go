package store

import (
	"bytes"
	"context"
	"errors"
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
		require.ErrorContains(t, err, "numwatch db check")
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

// openWatched opens the store at path, and collects what is reported as damaged.
func openWatched(t *testing.T, path string) (*Store, *[]DamagedError) {
	t.Helper()
	var found []DamagedError
	s, err := Open(path, Options{Damaged: func(d DamagedError) { found = append(found, d) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, &found
}

func watched(t *testing.T) (*Store, *[]DamagedError) {
	t.Helper()
	return openWatched(t, filepath.Join(t.TempDir(), "numwatch.db"))
}

func bucketsOf(found []DamagedError) (names []string) {
	for _, d := range found {
		names = append(names, d.Bucket)
	}
	return names
}

func TestDamagedStateIsOneSpaceOnly(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{
		stateOf(space("a"), named("1", "2")...), stateOf(space("b"), named("2", "3")...), stateOf(space("c"), named("4")...),
	}}))
	key := appendSpaceKey(nil, space("b"))
	flip(t, s, spaces, key, 20) // within a value: it could still be decoded

	require.Nil(t, must(s.SpaceState(space("b"))))
	require.Nil(t, must(s.SpaceState(space("b"))))
	require.Len(t, *found, 1, "it is reported once")
	require.Equal(t, "spaces", (*found)[0].Bucket)
	require.Equal(t, string(key), (*found)[0].Key)
	require.ErrorIs(t, &(*found)[0], errChecksum)
	require.Len(t, must(s.SpaceState(space("a"))).Numbers, 2)
	require.False(t, must(s.Same(&phone.Snapshot{Space: space("b"), Numbers: named("2", "3")})))
	var seen []string
	require.NoError(t, s.EachNumber(
		func(phone.SpaceKey) bool { return true },
		func(_ phone.SpaceKey, n *StoredNumber) bool {
			seen = append(seen, string(n.PhoneNumber()))
			return true
		}))
	require.Equal(t, []string{"1", "2", "4"}, seen)

	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("b"), named("3", "5")...)}}))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.SpacesOf("2")), "the index forgets what the damaged state held")
	require.Equal(t, []phone.SpaceKey{space("b")}, must(s.SpacesOf("5")))
	require.Len(t, *found, 1)
	requireSetAside(t, s, `spaces "main\x00b"`)
}

// requireSetAside closes the store and checks that it is sound, and what of it was set aside.
func requireSetAside(t *testing.T, s *Store, want ...string) {
	t.Helper()
	require.NoError(t, s.Close())
	report, err := Verify(s.path)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
	require.ElementsMatch(t, want, report.SetAside)
}

func TestDamagedSpaceCanBeDropped(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("b"), named("2", "3")...)}}))
	flip(t, s, spaces, appendSpaceKey(nil, space("b")), 8)
	require.NoError(t, s.Commit(&Commit{DropSpaces: []phone.SpaceKey{space("b")}}))
	require.Empty(t, must(s.SpacesOf("2")))
	require.Len(t, *found, 1)
	requireSetAside(t, s, `spaces "main\x00b"`)
}

// The numbers of a state that are out of order, with a checksum that matches, are
// no reason to stop either.
func TestStateOutOfOrderIsDamage(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("b"), named("2", "3")...)}}))
	wrong := stateOf(space("b"), named("3", "2")...)
	require.NoError(t, s.db.Update(func(tx *bolt.Tx) error {
		return putSealed(tx, spaces, string(appendSpaceKey(nil, space("b"))), appendState(nil, &wrong))
	}))
	require.Nil(t, must(s.SpaceState(space("b"))))
	require.Equal(t, []string{"spaces"}, bucketsOf(*found))
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("b"), named("2", "3")...)}}))
	require.Len(t, must(s.SpaceState(space("b"))).Numbers, 2)
	requireSetAside(t, s, `spaces "main\x00b"`)
}

// Every record that a start reads is passed over where it is damaged, and the
// next commit sets it aside.
func TestDamagedRecordsAreSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	s := openAt(t, path)
	c := full()
	c.Silences = []alert.Silence{{ID: "s-1", Reason: "maintenance"}, {ID: "s-2"}}
	c.Messages = append(c.Messages, messageOn("m-2"))
	c.Checkpoints = map[string][]byte{"nats": []byte(`{"seq":7}`), "poller": []byte("{}")}
	require.NoError(t, s.Commit(c))
	for b, key := range map[bucket]string{
		alerts: c.Alerts[0].ID, messages: "m-1", silences: "s-1", conditions: string(conditionKey(&c.Conditions[0])), checkpoints: "nats",
	} {
		flip(t, s, b, []byte(key), 7)
	}
	require.NoError(t, s.Close())

	s, found := openWatched(t, path)
	require.Empty(t, must(s.Alerts()))
	require.Equal(t, c.Messages[1:], must(s.Messages()))
	require.Equal(t, []alert.Silence{{ID: "s-2"}}, must(s.Silences()))
	require.Empty(t, must(s.Conditions()))
	require.Nil(t, must(s.Checkpoint("nats")))
	require.Equal(t, []byte("{}"), must(s.Checkpoint("poller")))
	require.ElementsMatch(t, []string{"alerts", "messages", "silences", "conditions", "checkpoints"}, bucketsOf(*found))
	require.NoError(t, s.Commit(&Commit{}))
	require.Empty(t, must(s.Alerts()))
	require.Len(t, *found, 5, "each is reported once")
	require.NoError(t, s.Close())

	s, found = openWatched(t, path)
	require.Empty(t, must(s.Alerts()))
	require.Empty(t, *found, "what is set aside is not found again")
	require.Equal(t, uint64(5), must(s.Stats(t.Context())).Buckets[damaged].Records, "the bytes are kept")
	require.NoError(t, s.Close())
	require.Len(t, must(Verify(path)).SetAside, 5)
	require.Empty(t, must(Verify(path)).Problems)
}

// A value that stands under another's key is not what was stored there.
func TestValueUnderAnotherKeyIsDamage(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("1"), named("1")...), stateOf(space("2"), named("1")...)}}))
	require.NoError(t, s.db.Update(func(tx *bolt.Tx) error {
		b := spaces.in(tx)
		return b.Put(appendSpaceKey(nil, space("2")), bytes.Clone(b.Get(appendSpaceKey(nil, space("1")))))
	}))
	require.Nil(t, must(s.SpaceState(space("2"))))
	require.Len(t, *found, 1)
}

// A damaged entry of the index is no reason to believe that a number is somewhere,
// and the next commit makes the index anew.
func TestDamagedIndexIsMadeAnew(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("a"), named("1", "2")...)}}))
	flip(t, s, numbers, indexKey("1", space("a")), 0)
	require.Empty(t, must(s.SpacesOf("1")))
	require.Equal(t, []string{"numbers"}, bucketsOf(*found))
	require.NoError(t, s.Commit(&Commit{}))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.SpacesOf("1")))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.SpacesOf("2")))
	requireSetAside(t, s, `numbers "\x011main\x00a"`)
}

func TestDamagedIndexOfWhatIsGoneIsMadeAnew(t *testing.T) {
	s, found := watched(t)
	state := stateOf(space("a"), named("1")...)
	state.Gone = []phone.GoneNumber{{PhoneNumber: "2", Listed: noon}, {PhoneNumber: "3", Listed: noon}}
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{state}}))
	flip(t, s, gone, indexKey("2", space("a")), 0)
	require.Empty(t, must(s.GoneFrom("2")))
	require.Equal(t, []string{"gone"}, bucketsOf(*found))
	require.NoError(t, s.Commit(&Commit{}))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.GoneFrom("2")))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.GoneFrom("3")))
	requireSetAside(t, s, `gone "\x012main\x00a"`)
}

// What the index lacks is found as well: the number would count as missing when it moves.
func TestIncompleteIndexIsMadeAnew(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("a"), named("1", "2")...)}}))
	require.NoError(t, s.CheckIndex())
	require.Empty(t, *found)
	require.NoError(t, s.db.Update(func(tx *bolt.Tx) error { return numbers.in(tx).Delete(indexKey("1", space("a"))) }))
	require.NoError(t, s.CheckIndex())
	require.Len(t, *found, 1)
	require.NoError(t, s.Commit(&Commit{}))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.SpacesOf("1")))
	requireSound(t, s)
}

// Whoever follows the log learns that an event is lost, and goes on behind it,
// before and after it is set aside.
func TestDamagedEventIsANotice(t *testing.T) {
	s, found := watched(t)
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 3)}))
	flip(t, s, eventLog, seqKey(2), 1)
	for range 2 {
		events := must(s.ReadLog(1, 10))
		require.Len(t, events, 3)
		require.Equal(t, changeEvent(1), events[0])
		require.Equal(t, alert.KindBot, events[1].Kind)
		require.Equal(t, events[0].Time, events[1].Time, "a wrong time would keep it from being trimmed")
		require.Equal(t, "record-damaged", events[1].Notice.Kind)
		require.Contains(t, events[1].Notice.Text, "event 2 is damaged")
		require.Equal(t, changeEvent(3), events[2])
		require.Equal(t, events[1:], must(s.ReadLog(2, 10)))
		require.Equal(t, events[:2], must(s.ReadLog(1, 2)))
		heads := must(s.ReadHeads(1, 10))
		require.Len(t, heads, 3)
		require.Equal(t, HeadOf(&events[1]), heads[1])
		require.NoError(t, s.Commit(&Commit{}))
	}
	require.Equal(t, []string{"log"}, bucketsOf(*found))
	requireSetAside(t, s, `log "\x00\x00\x00\x00\x00\x00\x00\x02"`)
}

// The key of an event is damaged: it must not carry the sequences away with it, and
// the log goes on where it was.
func TestDamagedKeyOfAnEvent(t *testing.T) {
	for _, key := range []uint64{0, 1 << 40} {
		t.Run(fmt.Sprint(key), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "numwatch.db")
			s := openAt(t, path)
			require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 5)}))
			require.NoError(t, s.db.Update(func(tx *bolt.Tx) error {
				log := eventLog.in(tx)
				value := bytes.Clone(log.Get(seqKey(3)))
				return errors.Join(log.Delete(seqKey(3)), log.Put(seqKey(key), value))
			}))
			require.NoError(t, s.Close())
			s, found := openWatched(t, path)
			last := s.LastSeq()
			require.GreaterOrEqual(t, last, uint64(5))
			require.LessOrEqual(t, last, uint64(6))
			events := must(s.ReadLog(1, 10))
			require.Len(t, events, int(last))
			require.Equal(t, "event 3 is damaged in the store and cannot be read", events[2].Notice.Text)
			require.Equal(t, changeEvent(5), events[4])
			require.NotEmpty(t, *found)
			require.NoError(t, s.Commit(&Commit{}))
			require.Equal(t, last, s.LastSeq())
			require.NoError(t, s.Commit(&Commit{Events: changeEvents(last+1, last+1)}))
			require.Equal(t, events, must(s.ReadLog(1, int(last))), "nothing changes once it is set aside")
			require.NoError(t, s.Close())
			require.Empty(t, must(Verify(path)).Problems)
		})
	}
}

// Without its epoch a store cannot name its events as before: it gets a new one, as
// after a restore.
func TestDamagedHeaderIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	s := openAt(t, path)
	require.NoError(t, s.Commit(full()))
	epoch := s.Epoch()
	flip(t, s, meta, []byte(formatKey), 2)
	require.NoError(t, s.Close())

	s, found := openWatched(t, path)
	require.Equal(t, []string{"meta"}, bucketsOf(*found))
	require.Equal(t, epoch, s.Epoch())
	flip(t, s, meta, []byte(epochKey), 2)
	require.NoError(t, s.Close())

	s, found = openWatched(t, path)
	require.Equal(t, []string{"meta"}, bucketsOf(*found))
	require.NotEqual(t, epoch, s.Epoch())
	require.Len(t, s.Epoch(), epochLen)
	require.Len(t, must(s.Alerts()), 1)
	require.False(t, s.Fresh())
	requireSetAside(t, s, `meta "epoch"`, `meta "format"`)
}

// The last event must not be forgotten with its value: another one would get its
// sequence, and id.
func TestDamagedEndOfTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numwatch.db")
	s := openAt(t, path)
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 5)}))
	flip(t, s, eventLog, seqKey(1), 9)
	flip(t, s, eventLog, seqKey(4), 9)
	flip(t, s, eventLog, seqKey(5), 9)
	require.NoError(t, s.Close())
	s = openAt(t, path)
	require.Equal(t, uint64(5), s.LastSeq())
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(6, 6)}))
	require.Len(t, must(s.ReadLog(1, 10)), 6)
	require.NoError(t, s.Commit(&Commit{}))
	requireSound(t, s)
}
