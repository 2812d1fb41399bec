package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestEachNumberIsWhatSpaceStateReads(t *testing.T) {
	s, c := openTemp(t), newChooser(3)
	want := map[phone.SpaceKey][]phone.Number{}
	var commit Commit
	for i := range 300 {
		r := c.state(space(fmt.Sprintf("%03d", i)))
		commit.SpaceStates = append(commit.SpaceStates, r)
		for _, e := range r.Numbers {
			want[r.Space] = append(want[r.Space], e.Number)
		}
	}
	require.NoError(t, s.Commit(&commit))

	got := map[phone.SpaceKey][]phone.Number{}
	entered := 0
	err := s.EachNumber(
		func(phone.SpaceKey) bool { entered++; return true },
		func(k phone.SpaceKey, l *StoredNumber) bool {
			n := l.Number()
			got[k] = append(got[k], n)
			for f := range phone.Fields() {
				require.Equal(t, n.Has(f), l.Has(f))
				require.Equal(t, n.Get(f), string(l.Get(f)))
			}
			return true
		})
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, 300, entered)
}

func TestEachNumberStopsAndPassesOver(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{
		stateOf(space("1"), named("a", "b")...), stateOf(space("2"), named("c")...), stateOf(space("3"), named("d", "e")...),
	}}))
	var seen []string
	require.NoError(t, s.EachNumber(
		func(k phone.SpaceKey) bool { return k.ID != "2" },
		func(_ phone.SpaceKey, l *StoredNumber) bool {
			seen = append(seen, string(l.PhoneNumber()))
			return len(seen) < 3
		}))
	require.Equal(t, []string{"a", "b", "d"}, seen)
}

func TestHeadsAreThoseOfTheEvents(t *testing.T) {
	s, c := openTemp(t), newChooser(4)
	a := alertOn(fall("8613800001111"))
	var events []alert.Event
	for seq := uint64(1); seq <= 400; seq++ {
		e := alert.Event{Seq: seq, Time: c.time()}
		switch seq % 3 {
		case 0:
			e.Change = c.change()
		case 1:
			e.Kind, e.Change, e.Alert = alert.KindAlert, a.Change, &a
		default:
			e.Kind, e.Notice = alert.KindBot, &alert.Notice{Kind: "start", Text: "x"}
		}
		events = append(events, e)
	}
	require.NoError(t, s.Commit(&Commit{Events: events}))
	heads, err := s.ReadHeads(11, 300)
	require.NoError(t, err)
	require.Len(t, heads, 300)
	for i, h := range heads {
		require.Equal(t, HeadOf(&events[10+i]), h)
	}
	alerts, next, err := s.AlertHeads(11, 300)
	require.NoError(t, err)
	require.EqualValues(t, 311, next)
	require.Equal(t, slices.DeleteFunc(heads, func(h Head) bool { return h.Kind != alert.KindAlert }), alerts)
	alerts, next, err = s.AlertHeads(401, 300)
	require.NoError(t, err)
	require.Empty(t, alerts)
	require.EqualValues(t, 401, next)
}
