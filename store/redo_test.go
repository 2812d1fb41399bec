package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
)

// contents returns every record, by bucket and key.
func contents(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error { all[fmt.Sprintf("%s %q", name, k)] = string(v); return nil })
		})
	}))
	return all
}

// commit is a random one that follows on the store's log.
func (c chooser) commit(s *Store) *Commit {
	id := func(prefix string) string { return fmt.Sprint(prefix, c.IntN(8)) }
	out := &Commit{Checkpoints: map[string][]byte{id("checkpoint"): []byte(c.text())}}
	for range c.IntN(3) {
		out.SpaceStates = append(out.SpaceStates, c.sortedState(space(id("space"))))
	}
	for i := range c.IntN(6) {
		out.Events = append(out.Events, changeEvent(s.LastSeq()+1+uint64(i)))
	}
	if c.IntN(2) == 0 {
		a := alertOn(fall(id("number")))
		a.Revision = s.LastSeq() + 1
		out.Alerts, out.Messages = []alert.Alert{a}, []alert.Message{messageOn(id("message"), a)}
		out.Silences = []alert.Silence{{ID: id("silence"), By: c.text()}}
	}
	if c.IntN(3) == 0 {
		out.DropSpaces, out.DropMessages = []phone.SpaceKey{space(id("space"))}, []string{id("message")}
		out.DropSilences, out.DropAlerts = []string{id("silence")}, []string{alertOn(fall(id("number"))).ID}
		out.Checkpoints[id("checkpoint")] = nil
		out.TrimBefore = s.LastSeq() / 2
	}
	value := []string{phone.OK, phone.Parked}[c.IntN(2)]
	out.Conditions = []phone.Condition{{Subject: phone.Subject{Component: id("part")}, Field: phone.Sink, Value: value, Since: noon}}
	return out
}

func (c chooser) sortedState(k phone.SpaceKey) phone.SpaceState {
	s := stateOf(k)
	for i := range c.IntN(8) {
		s.Numbers = append(s.Numbers, phone.TrackedNumber{Number: c.number(fmt.Sprintf("861380%d", i)), Missed: c.IntN(2)})
	}
	for i := range c.IntN(3) {
		s.Gone = append(s.Gone, phone.GoneNumber{PhoneNumber: fmt.Sprintf("86139%d", c.IntN(4)*3+i), Listed: noon})
	}
	return s
}

// damageSome changes a byte of a random record, and has it found as readers would.
func (c chooser) damageSome(t *testing.T, s *Store) {
	t.Helper()
	b := []bucket{spaces, numbers, gone, eventLog, messages}[c.IntN(5)]
	var keys [][]byte
	require.NoError(t, s.view("keys", func(tx *bolt.Tx) error {
		return b.in(tx).ForEach(func(k, _ []byte) error { keys = append(keys, bytes.Clone(k)); return nil })
	}))
	if len(keys) == 0 {
		return
	}
	key := keys[c.IntN(len(keys))]
	flip(t, s, b, key, 0)
	s.damage.add(b, key, errChecksum)
}

// One store commits by itself, one commits in two steps, and a third is given the redo of
// that one, every record twice. All three hold the same, also where damaged records are set aside.
func TestRedoOfRandomCommitsMakesTheSameStore(t *testing.T) {
	for seed := range uint64(6) {
		c := newChooser(seed)
		o := Options{Epoch: "abcdef"}
		open := func() *Store {
			s, err := Open(filepath.Join(t.TempDir(), "numwatch.db"), o)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		}
		alone, leader, follower := open(), open(), open()
		var redos [][]byte
		for i := range 40 {
			if seed%2 == 1 && c.IntN(5) == 0 {
				c.damageSome(t, leader)
			}
			commit := c.commit(leader)
			if seed%2 == 0 {
				require.NoError(t, alone.Commit(commit))
			}
			before := contents(t, leader)
			redo, err := leader.Prepare(commit)
			require.NoError(t, err)
			require.Equal(t, before, contents(t, leader), "to prepare is to write nothing")
			p := Position{Log: "log", Seq: uint64(i + 1), Hash: sha256.Sum256(redo)}
			require.NoError(t, leader.Apply(redo, p))
			for range 2 {
				require.NoError(t, follower.Apply(redo, p))
			}
			require.Equal(t, p, follower.Position())
			require.Equal(t, []uint64{leader.FirstSeq(), leader.LastSeq()}, []uint64{follower.FirstSeq(), follower.LastSeq()})
			redos = append(redos, redo)
		}
		want := contents(t, leader)
		require.Equal(t, want, contents(t, follower))
		if seed%2 == 0 {
			withoutPosition := contents(t, leader)
			delete(withoutPosition, `meta "position"`)
			require.Equal(t, withoutPosition, contents(t, alone))
		} else {
			require.Empty(t, leader.damage.places(), "what was set aside is not set aside again")
		}
		// Whoever lost the last applications to a crash goes on from an earlier position.
		require.NoError(t, follower.Apply(bytes.Join(redos[len(redos)-20:], nil), leader.Position()))
		require.Equal(t, want, contents(t, follower))
		requireSound(t, follower)
		follower = openAt(t, follower.path)
		require.Equal(t, leader.Position(), follower.Position())
	}
}

func TestPrepareRefusesWhatCommitRefuses(t *testing.T) {
	s := openTemp(t)
	_, err := s.Prepare(&Commit{Events: changeEvents(5, 6)})
	require.ErrorContains(t, err, "event 5 does not follow event 0")
	require.Zero(t, s.LastSeq())
}

func TestDamagedRedoIsNotApplied(t *testing.T) {
	s := openTemp(t)
	redo, err := s.Prepare(full())
	require.NoError(t, err)
	before := contents(t, s)
	for _, bad := range [][]byte{redo[:len(redo)-1], append(bytes.Clone(redo), 'x', 0, 0), {opPut, byte(meta), 1, 'x', 0}} {
		require.ErrorIs(t, s.Apply(bad, Position{Log: "log", Seq: 1}), errRedo)
		require.Equal(t, before, contents(t, s))
	}
}

// What a replica commits by itself would be in no log.
func TestReplicatedStoreDoesNotCommitByItself(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Apply(nil, Position{Log: "log", Seq: 1}))
	require.ErrorContains(t, s.Commit(full()), "numwatch replicas leave")
	require.Zero(t, s.LastSeq())
	require.NoError(t, s.Close())

	require.NoError(t, Leave(s.path))
	s = openAt(t, s.path)
	require.Zero(t, s.Position())
	require.NoError(t, s.Commit(full()))
}

// A restored backup has a new epoch, and stands nowhere in the log.
func TestNewEpochLeavesTheReplicas(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Apply(nil, Position{Log: "log", Seq: 1}))
	require.NoError(t, s.Close())
	_, err := NewEpoch(s.path)
	require.NoError(t, err)
	require.Zero(t, openAt(t, s.path).Position())
}

// A new epoch of one replica alone would part its events from those of the others.
func TestDamagedHeaderOfAReplicaIsNotRepaired(t *testing.T) {
	for _, key := range []string{epochKey, positionKey} {
		s := openTemp(t)
		require.NoError(t, s.Apply(nil, Position{Log: "log", Seq: 1}))
		flip(t, s, meta, []byte(key), 0)
		require.NoError(t, s.Close())
		_, err := Open(s.path, Options{})
		require.True(t, Corrupt(err), "%s: %v", key, err)
		report, err := Verify(s.path)
		require.NoError(t, err)
		require.NotEmpty(t, report.Problems)
	}
}
