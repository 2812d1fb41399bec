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
	var moving, others []phone.Number
	now := time.Now()
	before := phone.SpaceState{Space: one, At: now.Add(-time.Minute)}
	for i := range 5 {
		n := phone.TrackedNumber{Number: phone.Number{PhoneNumber: fmt.Sprint(i)}}
		if i < 2 {
			n.Missed, n.MissedSince, n.Listed = 1, now.Add(-time.Minute), now.Add(-2*time.Minute)
			moving = append(moving, n.Number)
		} else {
			others = append(others, n.Number)
		}
		before.Numbers = append(before.Numbers, n)
	}
	s, l := newLoop(t, phone.SpaceState{Space: two, At: now.Add(-time.Minute)}, before)
	d := l.newBatch(now)
	for _, snap := range []phone.Snapshot{{Space: one, Numbers: others, At: now}, {Space: two, Numbers: moving, At: now}} {
		_, err := d.observe(&snap, time.Time{})
		require.NoError(t, err)
	}
	var said []string
	for _, e := range d.commit.Events {
		said = append(said, fmt.Sprintf("%s %s→%s %s", e.Change.Subject, e.Change.Old, e.Change.New, e.Change.MovedFrom))
	}
	require.Equal(t, []string{
		"main/1/0 APPEARED→MISSING ", "main/1/1 APPEARED→MISSING ",
		"main/2/0 →APPEARED 1", "main/2/1 →APPEARED 1", "main/1/0 MISSING→MOVED ", "main/1/1 MISSING→MOVED ",
	}, said)
	require.Len(t, d.commit.SpaceStates, 3, "one and two by their polls, and one as both numbers have left it")
	require.NoError(t, s.Commit(&d.commit))
	state, err := s.SpaceState(one)
	require.NoError(t, err)
	listed := now.Add(-2 * time.Minute).UTC()
	require.Equal(t, []phone.GoneNumber{{PhoneNumber: "0", Listed: listed, Moved: true}, {PhoneNumber: "1", Listed: listed, Moved: true}}, state.Gone)
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
