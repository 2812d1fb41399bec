package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var hinting = Options{MaxAge: time.Hour, MinInterval: 30 * time.Second, Rate: 10, HintShare: 0.3}

// polledAt lets a schedule run and returns when a space was polled meanwhile.
func (w *watch) polledAt(id string, d time.Duration) []time.Time {
	before := len(w.polls[id])
	w.run(d)
	return w.polls[id][before:]
}

// settled is a schedule of so many spaces, each polled a while ago.
func settled(spaces int) *watch {
	w := newWatch(hinting)
	w.SetSpaces(ids(spaces), w.now)
	w.run(time.Duration(spaces) * 100 * time.Millisecond)
	return w
}

func TestAHintedSpaceIsPolledAtOnce(t *testing.T) {
	w := settled(10_000)
	require.True(t, w.Hint("77", Hint{Source: "api"}, w.now))
	require.False(t, w.Hint("nobody", Hint{Source: "api"}, w.now))
	asked := w.now
	id, ok := w.Next(w.now)
	require.True(t, ok)
	require.Equal(t, "77", id)
	h, since, ok := w.Followed("77")
	require.True(t, ok)
	require.Equal(t, "api", h.Source)
	require.Equal(t, asked, since)
	w.Done("77", Outcome{Changes: 1}, w.now)
	_, _, ok = w.Followed("77")
	require.False(t, ok)
}

// What a poll is counted for is the hint that caused it, not one that came meanwhile.
func TestAHintThatComesDuringAPollHasItsOwn(t *testing.T) {
	w := settled(100)
	first := w.now
	w.Hint("7", Hint{Source: "receipts", About: "a"}, first)
	id, _ := w.Next(first)
	require.Equal(t, "7", id)
	second := first.Add(time.Second)
	w.Hint("7", Hint{Source: "api", About: "b"}, second)
	h, since, ok := w.Followed("7")
	require.True(t, ok)
	require.Equal(t, "receipts", h.Source)
	require.Equal(t, first, since)
	w.Done("7", Outcome{Changes: 1}, second)

	w.now = first.Add(hinting.MinInterval)
	id, _ = w.Next(w.now)
	require.Equal(t, "7", id)
	h, since, _ = w.Followed("7")
	require.Equal(t, "api", h.Source)
	require.Equal(t, second, since)
}

// Where all spaces wait for their turns, a hint has the next poll earlier than any.
func TestAHintIsDueBeforeItsSpace(t *testing.T) {
	w := newWatch(hinting)
	w.SetSpaces([]string{"0"}, w.now)
	w.run(time.Second)
	at, ok := w.Due(w.now)
	require.True(t, ok)
	require.True(t, at.After(w.now))
	w.Hint("0", Hint{}, w.now)
	at, ok = w.Due(w.now)
	require.True(t, ok)
	require.Equal(t, w.now, at)
	require.Len(t, w.polledAt("0", 10*time.Second), 1)
}

func TestDuplicateHintsAreOne(t *testing.T) {
	w := settled(100)
	for range 20 {
		w.Hint("7", Hint{Source: "api", About: "banned"}, w.now)
		w.run(time.Second)
	}
	hinted := w.polls["7"]
	w.Hint("7", Hint{Source: "nats", About: "banned"}, w.now)
	require.Empty(t, w.polledAt("7", time.Second))
	require.True(t, w.Hint("7", Hint{About: "quality is red"}, w.now), "another one is not lost")
	later := w.polledAt("7", 30*time.Second)
	require.NotEmpty(t, later)
	require.GreaterOrEqual(t, later[0].Sub(hinted[len(hinted)-1]), 10*time.Second)
}

// The answer of a poll that was sent before a hint may be older than what it is about.
func TestAHintDuringAPoll(t *testing.T) {
	s := New(hinting)
	s.SetSpaces([]string{"0"}, epoch)
	id, ok := s.Next(epoch)
	require.True(t, ok)
	s.Hint(id, Hint{About: "banned"}, epoch.Add(time.Second))
	s.Done(id, Outcome{}, epoch.Add(2*time.Second))
	id, ok = s.Next(epoch.Add(2 * time.Second))
	require.True(t, ok, "it is polled again")
	s.Done(id, Outcome{}, epoch.Add(3*time.Second))
	_, ok = s.Next(epoch.Add(4 * time.Second))
	require.False(t, ok)
}

func TestTheHintOfAFailedPollIsFollowedLater(t *testing.T) {
	w := settled(100)
	w.Hint("7", Hint{About: "banned"}, w.now)
	id, _ := w.Next(w.now)
	require.Equal(t, "7", id)
	failedAt := w.now
	w.Failed(id, false, 40*time.Second, w.now)
	w.Hint("7", Hint{About: "quality"}, w.now)
	polls := w.polledAt("7", time.Minute)
	require.NotEmpty(t, polls)
	require.GreaterOrEqual(t, polls[0].Sub(failedAt), 40*time.Second, "its back-off holds")
	require.LessOrEqual(t, polls[0].Sub(failedAt), 41*time.Second)
}

func TestAHintedSpaceMayLeave(t *testing.T) {
	w := settled(10)
	w.Hint("7", Hint{}, w.now)
	w.SetSpaces(ids(5), w.now)
	w.run(time.Minute)
	require.False(t, w.Hint("7", Hint{}, w.now))
}

// However many hints come, they take no more than their share of the turns, and the
// others are polled at intervals that grow by no more than that.
func TestAFloodOfHintsCostsItsShare(t *testing.T) {
	const spaces, seconds = 1000, 1000
	flood := func(hinted int) (ofOthers, all int) {
		w := settled(spaces)
		clear(w.polls)
		n := 0
		w.turn = func() {
			for range 10 * min(hinted, 1) {
				n++
				w.Hint(fmt.Sprint(n%hinted), Hint{About: fmt.Sprint(n)}, w.now)
			}
		}
		w.run(seconds * time.Second)
		for i := range spaces {
			all += len(w.polls[fmt.Sprint(i)])
			if i >= 200 {
				ofOthers += len(w.polls[fmt.Sprint(i)])
			}
		}
		return ofOthers, all
	}
	before, all := flood(0)
	others, flooded := flood(200)
	require.InEpsilon(t, all, flooded, 0.01, "the pace is the same")
	require.LessOrEqual(t, float64(before)/float64(others), 1.3)
	require.Greater(t, flooded-others, (all-before)*11/10, "and hints are followed")
}

func TestHintsWithoutAShare(t *testing.T) {
	w := newWatch(usual)
	w.SetSpaces(ids(3), w.now)
	w.run(time.Second)
	require.True(t, w.Hint("0", Hint{}, w.now))
	require.Empty(t, w.polledAt("0", 10*time.Second))
}
