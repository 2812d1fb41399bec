//go:build !race

package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/store"
)

// What the way of a snapshot through the loop may allocate, as a limit a little
// above what it does; the store's transaction is included.
func TestAllocationsOfADelivery(t *testing.T) {
	space := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "293483938849493"}}
	l, s, _ := loop(t, []phone.Space{space}, func() {})
	seen := time.Now()
	deliver := func(quality string) {
		snap := &phone.Snapshot{Space: space.SpaceKey, At: seen}
		for i := range 5 {
			snap.Numbers = append(snap.Numbers, phoneNumber(i, "GREEN"))
		}
		snap.Numbers[0].Set(phone.QualityRating, quality)
		if _, err := l.Deliver(t.Context(), poller.Result{Space: space.SpaceKey, Snapshot: snap, At: snap.At}); err != nil {
			t.Fatal(err)
		}
	}
	deliver("GREEN")
	made := testing.AllocsPerRun(100, func() { phoneNumber(0, "GREEN") }) * 5
	before := s.LastSeq()
	unchanged := testing.AllocsPerRun(200, func() { deliver("GREEN") }) - made
	require.Equal(t, before, s.LastSeq())
	require.LessOrEqual(t, unchanged, 26.0, "unchanged")

	ratings := []string{"YELLOW", "GREEN"}
	n := 0
	changed := testing.AllocsPerRun(200, func() { deliver(ratings[n%2]); n++ }) - made
	require.Greater(t, s.LastSeq(), before+200)
	require.LessOrEqual(t, changed, 230.0, "changed")
}

// What an event of the log may allocate to be written and to be read, among
// others of its transaction.
func TestAllocationsOfTheLog(t *testing.T) {
	s, err := store.Open(t.TempDir()+"/numwatch.db", store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	number := phoneNumber(1, "YELLOW")
	subject := phone.SubjectOf(phone.SpaceKey{Account: "main", ID: "293483938849493"}, number.PhoneNumber)
	const events = 200
	c := &store.Commit{Events: make([]alert.Event, events)}
	put := func() {
		for i := range c.Events {
			c.Events[i] = alert.Event{
				Seq: s.LastSeq() + 1 + uint64(i), Time: time.Unix(1767225600, 0).UTC(), Kind: alert.KindChange,
				Change: phone.Change{Subject: subject, Field: phone.QualityRating, Old: "GREEN", New: "YELLOW", Number: &number},
			}
		}
		if err := s.Commit(c); err != nil {
			t.Fatal(err)
		}
	}
	require.LessOrEqual(t, testing.AllocsPerRun(20, put)/events, 9.0, "written")
	read := testing.AllocsPerRun(20, func() {
		if got, err := s.ReadLog(1, events); err != nil || len(got) != events {
			t.Fatal(len(got), err)
		}
	})
	require.LessOrEqual(t, read/events, 3.5, "read")
}
