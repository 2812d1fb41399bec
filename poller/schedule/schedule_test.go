package schedule

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// failure is what came of a poll that brought no answer.
type failure int

const (
	none failure = iota
	failed
	denied
)

func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	return list
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// watch runs a schedule in virtual time at its rate, each poll answered after a
// latency, and notes when which space was polled.
type watch struct {
	*Schedule
	rate   float64
	now    time.Time
	polls  map[string][]time.Time
	answer func(id string) (Outcome, failure)
	chance *rand.Rand
	turn   func() // is called before every turn; may be nil
}

func newWatch(o Options) *watch {
	return &watch{
		Schedule: New(o), rate: o.Rate, now: epoch, polls: map[string][]time.Time{},
		answer: func(string) (Outcome, failure) { return Outcome{}, none },
		chance: rand.New(rand.NewPCG(3, 3)),
	}
}

func (w *watch) run(d time.Duration) {
	type flight struct {
		id string
		at time.Time
	}
	var flights []flight
	land := func() {
		for len(flights) > 0 && !flights[0].at.After(w.now) {
			f := flights[0]
			flights = flights[1:]
			if o, failure := w.answer(f.id); failure != none {
				w.Failed(f.id, failure == denied, 0, f.at)
			} else {
				w.Done(f.id, o, f.at)
			}
		}
	}
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Duration(float64(time.Second) / w.rate)) {
		land()
		if w.turn != nil {
			w.turn()
		}
		if id, ok := w.Next(w.now); ok {
			w.polls[id] = append(w.polls[id], w.now)
			flights = append(flights, flight{id, w.now.Add(200 * time.Millisecond)})
		}
	}
	for _, f := range flights { // what is under way at the end is answered
		w.now = latest(w.now, f.at)
	}
	land()
}

// waits returns the longest and the shortest wait between polls of a space,
// that for the first and after the last included in the longest.
func (w *watch) waits(t *testing.T, since time.Time, names []string) (longest, shortest time.Duration) {
	shortest = time.Hour
	for _, id := range names {
		require.NotEmpty(t, w.polls[id], "space %s was never polled", id)
		before := since
		for i, at := range w.polls[id] {
			longest = max(longest, at.Sub(before))
			if i > 0 {
				shortest = min(shortest, at.Sub(before))
			}
			before = at
		}
		longest = max(longest, w.now.Sub(before))
	}
	return longest, shortest
}

var usual = Options{MaxAge: 5 * time.Minute, MinInterval: 30 * time.Second, Rate: 10}

func TestMaxAgeIsHeldWhereItCanBe(t *testing.T) {
	for _, spaces := range []int{1, 3, 100, 299, 301, 1000, 2000, 2700, 2850, 2940} {
		for _, busy := range []float64{0, 0.02} {
			t.Run(fmt.Sprint(spaces, busy), func(t *testing.T) {
				w := newWatch(usual)
				w.answer = func(id string) (Outcome, failure) {
					if w.chance.Float64() < busy {
						return Outcome{Changes: 1, Hot: true}, none
					}
					return Outcome{}, none
				}
				w.SetSpaces(ids(spaces), w.now)
				require.True(t, w.Plan().Feasible)
				w.run(time.Hour)
				longest, shortest := w.waits(t, epoch, ids(spaces))
				require.LessOrEqual(t, longest, usual.MaxAge)
				require.GreaterOrEqual(t, shortest, usual.MinInterval)
			})
		}
	}
}

func TestNoSpaceWaitsLongerThanTwoRounds(t *testing.T) {
	for _, spaces := range []int{3000, 3100, 10_000} {
		w := newWatch(usual)
		w.answer = func(id string) (Outcome, failure) {
			return Outcome{Changes: len(id) / 4, Hot: id[0] == '1'}, none // some change all the time
		}
		w.SetSpaces(ids(spaces), w.now)
		round := time.Duration(float64(spaces) / usual.Rate * float64(time.Second))
		w.run(6 * round)
		longest, _ := w.waits(t, epoch, ids(spaces))
		require.LessOrEqual(t, longest, 2*round, "%d spaces", spaces)
	}
}

func TestAllOfTheBudgetIsUsedButNoMoreThanHelps(t *testing.T) {
	for _, c := range []struct {
		spaces int
		polls  float64 // an hour
	}{{10, 10 * 120}, {1000, 36_000}, {10_000, 36_000}} {
		w := newWatch(usual)
		w.SetSpaces(ids(c.spaces), w.now)
		w.run(time.Hour)
		sum := 0
		for _, p := range w.polls {
			sum += len(p)
		}
		require.InEpsilon(t, c.polls, sum, 0.02)
	}
}

// A first round takes no longer than the limit makes it.
func TestNewSpacesAreFirstPolledAtTheFullPace(t *testing.T) {
	w := newWatch(usual)
	w.SetSpaces(ids(9), w.now)
	w.run(time.Second)
	require.Len(t, w.polls, 9)
	w.run(5 * time.Minute)
	added := w.now
	w.SetSpaces(ids(300), w.now)
	w.run(31 * time.Second)
	require.Len(t, w.polls, 300)
	_, shortest := w.waits(t, added, ids(300))
	require.GreaterOrEqual(t, shortest, usual.MinInterval)
}

func TestNoHerdAfterTheFirstRound(t *testing.T) {
	w := newWatch(usual)
	w.SetSpaces(ids(10), w.now)
	w.run(5 * time.Minute)
	var all []time.Time
	for at := epoch.Add(2 * time.Second); at.Before(w.now); at = at.Add(time.Second) {
		for _, polls := range w.polls {
			for _, p := range polls {
				if p.Sub(at) >= 0 && p.Sub(at) < time.Second {
					all = append(all, p)
				}
			}
		}
	}
	for i := 1; i < len(all); i++ {
		require.Greater(t, all[i].Sub(all[i-1]).Abs(), 2*time.Second, "poll %d", i)
	}
}

func TestHotSpacesAreAskedMoreOften(t *testing.T) {
	w := newWatch(Options{MaxAge: time.Hour, MinInterval: 30 * time.Second, Rate: 2})
	w.answer = func(id string) (Outcome, failure) { return Outcome{Hot: id == "7"}, none }
	w.SetSpaces(ids(1000), w.now)
	w.run(12 * time.Hour)
	require.Greater(t, float64(len(w.polls["7"])), 1.25*float64(len(w.polls["8"])))
}

func TestFailingSpacesAreBackedOff(t *testing.T) {
	for _, spaces := range []int{10, 2900} {
		w := newWatch(usual)
		w.answer = func(id string) (Outcome, failure) {
			switch id {
			case "1":
				return Outcome{}, failed
			case "2":
				return Outcome{}, denied
			}
			return Outcome{}, none
		}
		w.SetSpaces(ids(spaces), w.now)
		w.run(6 * time.Hour)
		failing, refused := w.polls["1"], w.polls["2"]
		for i := 1; i < len(failing); i++ {
			wait := failing[i].Sub(failing[i-1])
			require.LessOrEqual(t, wait, usual.MaxAge+time.Second)
			require.GreaterOrEqual(t, wait, usual.MinInterval)
		}
		require.Greater(t, failing[5].Sub(failing[4]), failing[2].Sub(failing[1]))
		for i := 1; i < len(refused); i++ {
			require.GreaterOrEqual(t, refused[i].Sub(refused[i-1]), 3*time.Minute)
		}
		require.Less(t, len(refused), 20)
		longest, _ := w.waits(t, epoch, ids(spaces)[3:])
		require.LessOrEqual(t, longest, usual.MaxAge, "the others wait no longer for it")
	}
}

// A space that gives no answer is as old as it is, though it is backed off.
func TestOldestIsTheTrueAge(t *testing.T) {
	for _, why := range []failure{failed, denied} {
		w := newWatch(usual)
		down := false
		w.answer = func(id string) (Outcome, failure) {
			if down && id == "7" {
				return Outcome{}, why
			}
			return Outcome{}, none
		}
		w.SetSpaces(ids(300), w.now)
		require.Equal(t, epoch, w.Oldest(), "none has answered yet")
		w.run(30 * time.Minute)
		require.Less(t, w.now.Sub(w.Oldest()), usual.MaxAge)
		down = true
		last := w.Answered("7")
		w.run(2 * time.Hour)
		require.WithinDuration(t, last, w.Oldest(), time.Millisecond)
		require.GreaterOrEqual(t, w.now.Sub(w.Oldest()), 2*time.Hour)
		w.SetSpaces(ids(7), w.now)
		require.Less(t, w.now.Sub(w.Oldest()), usual.MaxAge)
	}
}

func TestFailuresOfAllEndInTheSamePicture(t *testing.T) {
	w := newWatch(usual)
	down := true
	w.answer = func(id string) (Outcome, failure) {
		if down {
			return Outcome{}, failed
		}
		return Outcome{}, none
	}
	w.SetSpaces(ids(1000), w.now)
	w.run(2 * time.Hour)
	down = false
	back := w.now
	w.run(usual.MaxAge)
	for id, polls := range w.polls {
		require.True(t, polls[len(polls)-1].After(back), "space %s", id)
	}
}

func TestSpacesComeAndGo(t *testing.T) {
	s := New(usual)
	s.SetSpaces([]string{"a", "b", "a"}, epoch)
	require.Equal(t, 2, s.Plan().Spaces)
	id, ok := s.Next(epoch)
	require.True(t, ok)
	s.SetSpaces([]string{"c"}, epoch)
	_, again := s.Done(id, Outcome{}, epoch)
	require.False(t, again, "what left while in flight is gone")
	s.Failed("unknown", false, 0, epoch)
	s.Postponed("unknown", epoch)
	got, ok := s.Next(epoch)
	require.True(t, ok)
	require.Equal(t, "c", got)
	_, ok = s.Due(epoch)
	require.False(t, ok)
	s.SetSpaces(nil, epoch)
	require.Zero(t, s.Oldest())
}

func TestScheduleGoesOnAfterARestart(t *testing.T) {
	names := ids(2000)
	w := newWatch(usual)
	w.answer = func(id string) (Outcome, failure) {
		if id == "5" {
			return Outcome{Changes: 1}, none
		}
		return Outcome{}, none
	}
	w.SetSpaces(names, w.now)
	w.run(2 * time.Hour)
	stored, err := json.Marshal(w.Checkpoint())
	require.NoError(t, err)
	require.Less(t, len(stored), len(names)*90)

	next := newWatch(usual)
	next.now = w.now.Add(20 * time.Second)
	var saved Checkpoint
	require.NoError(t, json.Unmarshal(stored, &saved))
	require.NoError(t, next.Restore(saved))
	next.SetSpaces(names, next.now)
	for _, id := range names {
		require.Equal(t, w.Answered(id), next.Answered(id))
	}
	require.Equal(t, len(names), next.Plan().Spaces)
	require.InEpsilon(t, w.rates.of(w.spaces["5"].learned), next.rates.of(next.spaces["5"].learned), 0.01)
	next.run(time.Hour)
	for _, id := range names {
		last := w.polls[id][len(w.polls[id])-1]
		first := next.polls[id][0]
		require.LessOrEqual(t, first.Sub(last), usual.MaxAge, "space %s", id)
		require.GreaterOrEqual(t, first.Sub(last), usual.MinInterval, "space %s", id)
	}
}

func TestRestoreRejectsWhatIsDamaged(t *testing.T) {
	good := Checkpoint{Mean: -3, Dev: 2, Spaces: map[string]Saved{"a": {Last: epoch.UnixMilli(), Changes: 1, Days: 2, Ahead: 3}}}
	require.NoError(t, New(usual).Restore(good))
	for _, bad := range []Checkpoint{
		{Mean: 1e9},
		{Dev: -1},
		{Spaces: map[string]Saved{"a": {Changes: -1}}},
		{Spaces: map[string]Saved{"a": {Days: 1e10}}},
		{Spaces: map[string]Saved{"a": {Ahead: 1e10}}},
	} {
		fresh := New(usual)
		require.Error(t, fresh.Restore(bad))
		require.Empty(t, fresh.saved)
	}
}

// The clock may have been set between two runs.
func TestRestoreOfAnswersAtOddTimes(t *testing.T) {
	for _, last := range []int64{math.MinInt64, -1, 1, epoch.Add(time.Hour).UnixMilli(), math.MaxInt64} {
		s := New(usual)
		require.NoError(t, s.Restore(Checkpoint{Spaces: map[string]Saved{"a": {Last: last}}}))
		s.SetSpaces([]string{"a"}, epoch)
		require.False(t, s.Answered("a").After(epoch), "no answer is from the future")
		at, ok := s.Due(epoch)
		require.True(t, ok)
		require.False(t, at.After(epoch.Add(usual.MinInterval)))
		id, ok := s.Next(latest(epoch, at))
		require.True(t, ok)
		s.Done(id, Outcome{Changes: 1}, latest(epoch, at))
		require.Positive(t, s.rates.of(s.spaces[id].learned))
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"mean":-3.3,"dev":1.8,"spaces":{"7":{"last":1772323200000,"changes":1,"days":3,"ahead":0.5}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Checkpoint
		s := New(usual)
		if json.Unmarshal(data, &c) != nil || s.Restore(c) != nil {
			return
		}
		for id := range c.Spaces {
			s.SetSpaces([]string{id}, epoch)
			at, ok := s.Due(epoch)
			require.True(t, ok)
			id, ok := s.Next(latest(epoch, at))
			require.True(t, ok)
			s.Done(id, Outcome{Changes: 1}, latest(epoch, at))
			require.Positive(t, s.rates.of(s.spaces[id].learned))
			break
		}
	})
}

func TestPlanIsASentence(t *testing.T) {
	s := New(usual)
	s.SetSpaces(ids(10_000), epoch)
	require.Equal(t, "10,000 spaces at 10/s need 1,000 s a round; max_age 5m cannot be met; worst case 33 min, expected 8 min 20 s", s.Plan().String())
	s.SetSpaces(nil, epoch)
	require.Equal(t, "0 spaces at 10/s need 0 s a round; max_age 5m is met; worst case 30 s, expected 15 s", s.Plan().String())
	s.SetSpaces(ids(100), epoch)
	require.Equal(t, "100 spaces at 10/s need 10 s a round; max_age 5m is met; worst case 30 s, expected 15 s", s.Plan().String())
}

func BenchmarkSchedule(b *testing.B) {
	for _, spaces := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(spaces), func(b *testing.B) {
			s := New(Options{MaxAge: 5 * time.Minute, MinInterval: 30 * time.Second, Rate: 10})
			s.SetSpaces(ids(spaces), epoch)
			now := epoch.Add(time.Minute)
			b.ReportAllocs()
			for b.Loop() {
				if id, ok := s.Next(now); ok {
					s.Done(id, Outcome{}, now)
				}
				now = now.Add(100 * time.Millisecond)
			}
		})
	}
}
