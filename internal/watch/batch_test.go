package watch

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/diff"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// newLoop returns a loop that knows of spaces.
func newLoop(t *testing.T, states ...phone.SpaceState) (*store.Store, *Loop) {
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Commit(&store.Commit{SpaceStates: states}))
	l, err := New(Options{Store: s, Rules: &rules.Set{}, Directory: NewDirectory(), Log: slog.New(slog.DiscardHandler), Diff: diff.Options{MissingAfter: 2}})
	require.NoError(t, err)
	var known []phone.Space
	for i := range states {
		known = append(known, phone.Space{SpaceKey: states[i].Space})
	}
	l.o.Directory.replace("main", known)
	return s, l
}

// The store does not know yet what goes missing and appears elsewhere within a commit.
func TestANumberThatMovesLateWithinACommit(t *testing.T) {
	one, two := phone.SpaceKey{Account: "main", ID: "1"}, phone.SpaceKey{Account: "main", ID: "2"}
	moving, other := phone.Number{PhoneNumber: "86"}, phone.Number{PhoneNumber: "87"}
	now := time.Now()
	s, l := newLoop(t, phone.SpaceState{Space: two, At: now.Add(-time.Minute)}, phone.SpaceState{Space: one, At: now.Add(-time.Minute), Numbers: []phone.TrackedNumber{
		{Number: moving, Missed: 1, MissedSince: now.Add(-time.Minute), Listed: now.Add(-2 * time.Minute)}, {Number: other},
	}})
	d := l.newBatch(now)
	for _, snap := range []phone.Snapshot{{Space: one, Numbers: []phone.Number{other}, At: now}, {Space: two, Numbers: []phone.Number{moving}, At: now}} {
		_, err := d.observe(&snap, time.Time{})
		require.NoError(t, err)
	}
	var said []string
	for _, e := range d.commit.Events {
		said = append(said, fmt.Sprintf("%s %s→%s %s", e.Change.Subject.Space, e.Change.Old, e.Change.New, e.Change.MovedFrom))
	}
	require.Equal(t, []string{"1 APPEARED→MISSING ", "2 →APPEARED 1", "1 MISSING→MOVED "}, said)
	require.NoError(t, s.Commit(&d.commit))
	state, err := s.SpaceState(one)
	require.NoError(t, err)
	require.Equal(t, []phone.GoneNumber{{PhoneNumber: "86", Listed: now.Add(-2 * time.Minute).UTC(), Moved: true}}, state.Gone)
}

// A space whose lists stay as they are is not stored, and so still has what is to be forgotten.
func TestANumberThatIsGoneForLongHasNotMoved(t *testing.T) {
	one, two := phone.SpaceKey{Account: "main", ID: "1"}, phone.SpaceKey{Account: "main", ID: "2"}
	now := time.Now()
	for away, from := range map[time.Duration]string{diff.RememberGone - time.Hour: "1", diff.RememberGone + time.Hour: ""} {
		_, l := newLoop(t, phone.SpaceState{Space: two}, phone.SpaceState{Space: one, Gone: []phone.GoneNumber{{PhoneNumber: "86", Listed: now.Add(-away)}}})
		d := l.newBatch(now)
		_, err := d.observe(&phone.Snapshot{Space: two, Numbers: []phone.Number{{PhoneNumber: "86"}}, At: now}, time.Time{})
		require.NoError(t, err)
		require.Equal(t, from, d.commit.Events[0].Change.MovedFrom)
	}
}

// The store still has what a space knew that leaves and is back within a commit.
func TestASpaceThatIsBackAtOnceIsNew(t *testing.T) {
	k := phone.SpaceKey{Account: "main", ID: "1"}
	n := phone.Number{PhoneNumber: "86"}
	_, l := newLoop(t, phone.SpaceState{Space: k, Numbers: []phone.TrackedNumber{{Number: n}}})
	d := l.newBatch(time.Now())
	d.forgetSpaces([]phone.SpaceKey{k})
	_, err := d.observe(&phone.Snapshot{Space: k, Numbers: []phone.Number{n}, At: d.now}, time.Time{})
	require.NoError(t, err)
	require.Len(t, d.commit.Events, 1)
	require.True(t, d.commit.Events[0].Change.Baseline)
	require.Len(t, d.commit.SpaceStates, 1)
	d.forgetSpaces([]phone.SpaceKey{k})
	require.Empty(t, d.commit.SpaceStates)
}
