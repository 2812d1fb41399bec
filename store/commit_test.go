package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

// full is a commit that uses every member.
func full() *Commit {
	a := alertOn(fall("8613800000001"))
	missing := stateOf(space("gap"), named("1", "2")...)
	missing.Numbers[1].Missed, missing.Numbers[1].MissedSince = 2, noon
	return &Commit{
		SpaceStates: []phone.SpaceState{stateOf(space("s"), fleet(3)...), missing, stateOf(space("empty"))},
		Events: []alert.Event{
			changeEvent(1),
			{Seq: 2, Time: noon, Kind: alert.KindAlert, Change: a.Change, Alert: &a},
			{Seq: 3, Time: noon, Kind: alert.KindBot, Notice: &alert.Notice{Kind: "start", Text: "hello"}},
		},
		Alerts: []alert.Alert{a}, Messages: []alert.Message{messageOn("m-1", a)},
		Conditions:  []phone.Condition{{Subject: phone.Subject{Component: "slack:ops"}, Field: phone.Sink, Value: phone.Parked, Since: noon}},
		Checkpoints: map[string][]byte{"nats": []byte("x"), "empty": {}},
	}
}

func requireFull(t *testing.T, s *Store, c *Commit) {
	t.Helper()
	for _, want := range c.SpaceStates {
		got, err := s.SpaceState(want.Space)
		require.NoError(t, err)
		require.Equal(t, &want, got)
	}
	require.Equal(t, c.Events, must(s.ReadLog(1, 100)))
	require.Equal(t, c.Alerts, must(s.Alerts()))
	require.Equal(t, c.Messages, must(s.Messages()))
	require.Equal(t, c.Conditions, must(s.Conditions()))
	for name, want := range c.Checkpoints {
		require.Equal(t, want, must(s.Checkpoint(name)))
	}
	require.Nil(t, must(s.Checkpoint("none")))
	require.Nil(t, must(s.SpaceState(space("none"))))
	require.Equal(t, uint64(3), s.LastSeq())
	require.Equal(t, uint64(1), s.FirstSeq())
}

func TestCommitSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "dir", "numwatch.db")
	s, err := Open(path, Options{})
	require.NoError(t, err)
	c := full()
	require.NoError(t, s.Commit(c))
	requireFull(t, s, c)
	epoch := s.Epoch()
	require.Regexp(t, "^[a-z0-9]{6}$", epoch)
	require.NoError(t, s.Close())

	s = openAt(t, path)
	requireFull(t, s, c)
	require.Equal(t, epoch, s.Epoch())
}

func TestCommittingTwiceIsHarmless(t *testing.T) {
	s := openTemp(t)
	c := full()
	require.NoError(t, s.Commit(c))
	once := must(s.Stats(t.Context()))
	require.NoError(t, s.Commit(c))
	requireFull(t, s, c)
	twice := must(s.Stats(t.Context()))
	require.Equal(t, once.Buckets, twice.Buckets)

	drop := &Commit{DropSpaces: []phone.SpaceKey{space("s")}, DropAlerts: []string{c.Alerts[0].ID}, DropMessages: []string{"m-1"}, TrimBefore: 3}
	require.NoError(t, s.Commit(drop))
	require.NoError(t, s.Commit(drop))
	require.NoError(t, s.Commit(&Commit{Events: c.Events}), "what was trimmed does not come back")
	require.Equal(t, uint64(3), s.FirstSeq())
	requireSound(t, s)
}

// requireSound closes the store and checks its file.
func requireSound(t *testing.T, s *Store) {
	t.Helper()
	require.NoError(t, s.Close())
	report, err := Verify(s.path)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}

func TestEventsFollowWithoutGap(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 3)}))
	other := changeEvent(2)
	other.Change.New = "YELLOW"
	for want, events := range map[string][]alert.Event{
		"event 5 does not follow event 3": changeEvents(5, 6),
		"event 6 does not follow event 4": {changeEvent(4), changeEvent(6)},
		"event 0 does not follow":         {changeEvent(0)},
		"event 2 is already in the log":   {other},
	} {
		c := &Commit{Events: events, Checkpoints: map[string][]byte{"x": []byte("y")}}
		require.ErrorContains(t, s.Commit(c), want)
		require.Equal(t, uint64(3), s.LastSeq())
		require.Nil(t, must(s.Checkpoint("x")), "nothing of a refused commit is stored")
	}
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(3, 5)}), "overlap goes on")
	require.Equal(t, uint64(5), s.LastSeq())
}

func TestReadLogPages(t *testing.T) {
	s := openTemp(t)
	require.Empty(t, must(s.ReadLog(1, 10)))
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 25)}))
	require.Equal(t, changeEvents(8, 17), must(s.ReadLog(8, 10)))
	require.Equal(t, changeEvents(20, 25), must(s.ReadLog(20, 10)))
	require.Equal(t, changeEvents(1, 2), must(s.ReadLog(0, 2)))
	require.Empty(t, must(s.ReadLog(26, 10)))
	require.Empty(t, must(s.ReadLog(1, 0)))
}

func TestTrimIsBoundedAndKeepsTheNewest(t *testing.T) {
	s := openTemp(t)
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(1, 7000)}))
	require.NoError(t, s.Commit(&Commit{TrimBefore: 6500}))
	require.Equal(t, uint64(1+trimPerCommit), s.FirstSeq())
	require.NoError(t, s.Commit(&Commit{TrimBefore: 6500}))
	require.Equal(t, uint64(6500), s.FirstSeq())
	require.NoError(t, s.Commit(&Commit{TrimBefore: 1 << 60}))
	require.Equal(t, uint64(7000), s.FirstSeq())
	require.Equal(t, uint64(7000), s.LastSeq())
	require.Equal(t, changeEvents(7000, 7000), must(s.ReadLog(0, 10)))
	require.Equal(t, uint64(1), must(s.Stats(t.Context())).Events)
	require.NoError(t, s.Commit(&Commit{Events: changeEvents(7001, 7001)}))
	requireSound(t, s)
}

func TestDropGoesBeforePut(t *testing.T) {
	s := openTemp(t)
	c := full()
	c.DropSpaces = []phone.SpaceKey{space("s")}
	c.DropAlerts = []string{c.Alerts[0].ID}
	c.DropMessages = []string{"m-1"}
	require.NoError(t, s.Commit(c))
	requireFull(t, s, c)
}

func TestConditionsAndCheckpointsGo(t *testing.T) {
	s := openTemp(t)
	c := full()
	require.NoError(t, s.Commit(c))
	c.Conditions[0].Value = phone.OK
	c.Checkpoints["nats"] = nil
	require.NoError(t, s.Commit(c))
	require.Empty(t, must(s.Conditions()))
	require.Nil(t, must(s.Checkpoint("nats")))
	requireSound(t, s)
}

func TestSame(t *testing.T) {
	s := openTemp(t)
	numbers := fleet(3)
	same := func(numbers ...phone.Number) bool {
		t.Helper()
		return must(s.Same(&phone.Snapshot{Space: space("s"), Numbers: numbers, At: noon.AddDate(1, 0, 0), RequestId: "another"}))
	}
	require.False(t, same(), "nothing is stored: not even an empty list is the same")
	r := stateOf(space("s"), numbers...)
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{r}}))
	require.True(t, same(numbers...))
	require.False(t, same(numbers[:2]...))
	require.False(t, same(append(fleet(3), typical("9"))...))
	require.False(t, must(s.Same(&phone.Snapshot{Space: space("t"), Numbers: numbers})))

	changed := fleet(3)
	changed[1].Set(phone.Status, "BANNED")
	require.False(t, same(changed...))
	lacking := phone.Number{PhoneNumber: numbers[0].PhoneNumber}
	require.False(t, same(lacking, numbers[1], numbers[2]), "absent is not the same as a value")

	r.Numbers[1].Missed, r.Numbers[1].MissedSince = 1, noon
	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{r}}))
	require.False(t, same(numbers...), "a missing number is there again")

	require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("s"))}}))
	require.True(t, same())
}

func TestSpacesOf(t *testing.T) {
	s := openTemp(t)
	put := func(id string, numbers ...string) {
		t.Helper()
		require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space(id), named(numbers...)...)}}))
	}
	spacesOf := func(number string) (ids []string) {
		t.Helper()
		for _, k := range must(s.SpacesOf(number)) {
			require.Equal(t, "main", k.Account)
			ids = append(ids, k.ID)
		}
		return ids
	}
	put("a", "1", "2", "3")
	put("b", "2", "4")
	require.Equal(t, []string{"a"}, spacesOf("1"))
	require.Equal(t, []string{"a", "b"}, spacesOf("2"))
	put("a", "0", "3", "5")
	require.Equal(t, []string{"a"}, spacesOf("0"))
	require.Empty(t, spacesOf("1"))
	require.Equal(t, []string{"b"}, spacesOf("2"))
	require.Equal(t, []string{"a"}, spacesOf("5"))
	put("odd\x00a/b", "1", "1\x00main\x00a")
	require.Equal(t, []string{"odd\x00a/b"}, spacesOf("1"), "ids and numbers may hold any byte")
	require.NoError(t, s.Commit(&Commit{DropSpaces: []phone.SpaceKey{space("a")}}))
	require.Empty(t, spacesOf("5"))
	require.Nil(t, must(s.SpaceState(space("a"))))
	require.Equal(t, uint64(4), must(s.Stats(t.Context())).Numbers)
	requireSound(t, s)
}

func TestGoneFrom(t *testing.T) {
	s := openTemp(t)
	put := func(id string, numbers []string, gone ...string) {
		t.Helper()
		state := stateOf(space(id), named(numbers...)...)
		for _, g := range gone {
			state.Gone = append(state.Gone, phone.GoneNumber{PhoneNumber: g, Listed: noon})
		}
		require.NoError(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{state}}))
	}
	put("a", []string{"1", "2", "3"})
	require.Empty(t, must(s.GoneFrom("2")))
	put("a", []string{"1"}, "2", "3")
	put("b", nil, "2")
	require.Equal(t, []phone.SpaceKey{space("a"), space("b")}, must(s.GoneFrom("2")))
	require.Empty(t, must(s.SpacesOf("2")))
	require.Empty(t, must(s.GoneFrom("1")))
	put("a", []string{"1", "2"}, "3")
	require.Equal(t, []phone.SpaceKey{space("b")}, must(s.GoneFrom("2")))
	require.Equal(t, []phone.SpaceKey{space("a")}, must(s.SpacesOf("2")))
	require.NoError(t, s.Commit(&Commit{DropSpaces: []phone.SpaceKey{space("b")}}))
	require.Empty(t, must(s.GoneFrom("2")))
	require.Equal(t, uint64(2), must(s.Stats(t.Context())).Numbers, "what is gone is not counted")
	requireSound(t, s)
}

func TestRejectedStates(t *testing.T) {
	s := openTemp(t)
	for want, r := range map[string]phone.SpaceState{
		"not sorted":  stateOf(space("s"), named("2", "1")...),
		"repeated":    stateOf(space("s"), named("1", "1")...),
		"NUL":         stateOf(phone.SpaceKey{Account: "a\x00", ID: "s"}),
		"key too lar": stateOf(phone.SpaceKey{Account: "a", ID: string(bytes.Repeat([]byte("x"), 40000))}),
	} {
		require.ErrorContains(t, s.Commit(&Commit{SpaceStates: []phone.SpaceState{r}}), want)
	}
}

func TestSpacesInPages(t *testing.T) {
	s := openTemp(t)
	var c Commit
	for i := range spacesPerRead*2 + 1 {
		c.SpaceStates = append(c.SpaceStates, stateOf(phone.SpaceKey{Account: "main", ID: string(seqKey(uint64(i)))}))
	}
	require.NoError(t, s.Commit(&c))
	var got []phone.SpaceKey
	require.NoError(t, s.Spaces(func(k phone.SpaceKey) bool {
		got = append(got, k)
		return true
	}))
	require.Len(t, got, len(c.SpaceStates))
	for i, k := range got {
		require.Equal(t, c.SpaceStates[i].Space, k)
	}
	n := 0
	require.NoError(t, s.Spaces(func(phone.SpaceKey) bool {
		n++
		return n < 3
	}))
	require.Equal(t, 3, n)
}

// Random commits on a model: states and index stay true.
func TestRandomCommits(t *testing.T) {
	s := openTemp(t)
	c := newChooser(4)
	model := map[phone.SpaceKey]phone.SpaceState{}
	for range 100 {
		var commit Commit
		for range c.IntN(4) {
			k := space(string(rune('a' + c.IntN(6))))
			if r := c.state(k); c.IntN(4) > 0 {
				commit.SpaceStates = append(commit.SpaceStates, r)
			} else {
				commit.DropSpaces = append(commit.DropSpaces, k)
			}
		}
		for _, k := range commit.DropSpaces {
			delete(model, k)
		}
		for _, r := range commit.SpaceStates {
			model[r.Space] = r
		}
		require.NoError(t, s.Commit(&commit))
	}
	for k, want := range model {
		require.Equal(t, want, *must(s.SpaceState(k)))
	}
	require.Equal(t, uint64(len(model)), must(s.Stats(t.Context())).Spaces)
	requireSound(t, s)
}

// Changes of 100 numbers in 100 of 1,000 spaces: an event and a roster each.
func BenchmarkCommit100Events(b *testing.B) {
	s := openTemp(b)
	commits := make([]Commit, 10)
	for i := range commits {
		for j := range 100 {
			r := stateOf(space(fmt.Sprint(j*10+i)), fleet(5)...)
			commits[i].SpaceStates = append(commits[i].SpaceStates, r)
		}
		commits[i].Events = changeEvents(1, 100)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		c := &commits[n%len(commits)]
		for i := range c.Events {
			c.Events[i].Seq = s.LastSeq() + 1 + uint64(i)
		}
		if err := s.Commit(c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkSame(b *testing.B) {
	for name, n := range map[string]int{"5": 5, "200": 200} {
		b.Run(name, func(b *testing.B) {
			s := openTemp(b)
			numbers := fleet(n)
			if err := s.Commit(&Commit{SpaceStates: []phone.SpaceState{stateOf(space("s"), numbers...)}}); err != nil {
				b.Fatal(err)
			}
			snap := &phone.Snapshot{Space: space("s"), Numbers: numbers}
			b.ReportAllocs()
			for b.Loop() {
				if same, err := s.Same(snap); err != nil || !same {
					b.Fatal(same, err)
				}
			}
		})
	}
}
