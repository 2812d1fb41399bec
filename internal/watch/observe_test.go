package watch_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/store"
	"numwatch/store/storetest"
)

func TestAnAnswerThatLacksAKeyForGoodWritesNothing(t *testing.T) {
	b := start(t, filepath.Join(t.TempDir(), "db"))
	b.poll("1", number("86", "CONNECTED", "GREEN"), number("87", "CONNECTED", "GREEN"))
	without := phone.Number{PhoneNumber: "86"}
	without.Set(phone.Status, "CONNECTED")
	before := b.store.commits
	for range 3 {
		b.poll("1", without, number("87", "CONNECTED", "GREEN"))
	}
	require.Equal(t, before, b.store.commits)
	b.poll("1", without)
	require.Equal(t, before+1, b.store.commits, "that a number is not listed is counted")
	b.poll("1", without, number("87", "CONNECTED", "GREEN"))
	require.Equal(t, before+2, b.store.commits, "and that it is there again")
	b.poll("1", number("86", "CONNECTED", "RED"), number("87", "CONNECTED", "GREEN"))
	require.Contains(t, b.log(), "QualityRating GREEN→RED", "what the answer lacked was known all the time")
}

// An unchanged poll is not stored: the poller says when it was, over a restart too.
func TestAChangeHappenedAfterThePreviousPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		b := start(t, path)
		k := phone.SpaceKey{Account: "main", ID: "1"}
		seen := func(previous time.Time, quality string) time.Time {
			now := time.Now()
			_, err := b.loop.Deliver(t.Context(), poller.Result{Space: k, Started: now, At: now, Previous: previous, Snapshot: &phone.Snapshot{
				Space: k, At: now, Numbers: []phone.Number{number("86", "CONNECTED", quality)},
			}})
			require.NoError(t, err)
			return now
		}
		after := func() time.Time {
			events, err := b.store.ReadLog(b.store.LastSeq()-1, 10) // the change and its alert
			require.NoError(t, err)
			require.Equal(t, phone.QualityRating, events[0].Change.Field)
			return events[0].Change.SeenAfter
		}
		first := seen(time.Time{}, "GREEN")
		time.Sleep(36 * time.Hour)
		last := seen(first, "GREEN")
		b.stop()
		b = start(t, path)
		time.Sleep(time.Minute)
		red := seen(last, "RED")
		require.True(t, last.Equal(after()))
		time.Sleep(time.Minute)
		seen(last, "GREEN") // a checkpoint is older than what was stored since
		require.True(t, red.Equal(after()))
		b.stop()
	})
}

// together has inputs taken in this order by one commit.
func (b *bench) together(inputs ...func()) {
	b.store.breakWith(errors.New("busy"))
	var all sync.WaitGroup
	all.Go(func() {
		if err := b.loop.Note(context.Background(), alert.Notice{Kind: "start"}); err != nil {
			b.t.Error(err)
		}
	})
	synctest.Wait()
	for _, in := range inputs {
		all.Go(in)
		synctest.Wait()
	}
	b.store.breakWith(nil)
	all.Wait()
}

func connected(numbers ...string) (all []phone.Number) {
	for _, n := range numbers {
		all = append(all, number(n, "CONNECTED", "GREEN"))
	}
	return all
}

// The store knows nothing yet of what the same commit says of other spaces.

func TestANumberThatTwoSpacesLoseAtOnceIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.poll("1", connected("86", "87", "88")...)
		b.poll("2", connected("86", "97", "98")...)
		lost := []func(){
			func() { b.poll("1", connected("87", "88")...) },
			func() { b.poll("2", connected("97", "98")...) },
		}
		b.together(lost...)
		time.Sleep(time.Minute)
		b.together(lost...)
		require.Equal(t, []string{"start", "Number APPEARED→MOVED", "Number APPEARED→MISSING", "missing opened"}, b.tail(4))
		require.Equal(t, []string{"missing main/2/86 opened"}, b.messenger.said())
		b.stop()
	})
}

func TestANumberThatMovesWithinOneCommitIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, filepath.Join(t.TempDir(), "db"))
		b.poll("1", connected("86", "87", "88")...)
		b.poll("1", connected("87", "88")...)
		time.Sleep(time.Minute)
		b.together(func() { b.poll("2", connected("86")...) }, func() { b.poll("1", connected("87", "88")...) })
		require.Equal(t, []string{"Number →APPEARED", "Number APPEARED→MOVED"}, b.tail(2))
		b.stop()
	})
}

// tail is the end of the log.
func (b *bench) tail(n int) []string {
	all := b.log()
	return all[max(0, len(all)-n):]
}

// What the store knew of one space is damaged: the store reports it, the space is a
// baseline, and all others go on as before.
func TestDamagedSpaceIsSeenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	b := start(t, path)
	b.poll("1", number("86", "CONNECTED", "RED"), number("87", "CONNECTED", "GREEN"))
	b.poll("2", connected("88")...)
	b.stop()
	storetest.Damage(t, path, "spaces", "main\x001", 40) // within a value

	b = start(t, path)
	b.poll("1", number("86", "CONNECTED", "GREEN"), number("87", "CONNECTED", "GREEN"))
	log := b.log()
	require.NotContains(t, log, "QualityRating RED→GREEN")
	b.poll("1", number("86", "CONNECTED", "RED"), number("87", "CONNECTED", "GREEN"))
	b.poll("2", number("88", "CONNECTED", "RED"))
	require.Contains(t, b.log(), "QualityRating GREEN→RED")
	b.stop()
	report, err := store.Verify(path)
	require.NoError(t, err)
	require.Empty(t, report.Problems)
}
