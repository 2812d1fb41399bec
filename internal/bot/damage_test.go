package bot

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/watch"
	"numwatch/phone"
	"numwatch/store"
)

// toldDamage is what people are told of the store's damage.
type toldDamage struct {
	sinks, notices []string
	forgotten      int
}

func (o *toldDamage) Record(_ context.Context, u alert.DeliveryUpdate) error {
	o.sinks = append(o.sinks, u.Sink.Component+" "+u.Sink.Value+" "+u.Sink.Code)
	return nil
}

func (o *toldDamage) note(_ context.Context, n alert.Notice) error {
	o.notices = append(o.notices, n.Kind+": "+n.Text)
	return nil
}

func (o *toldDamage) forget(context.Context) error {
	o.forgotten++
	return nil
}

// What is found together is told together, and all of it is one alert.
func TestDamageIsOneAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, told := newDamage(slog.New(slog.DiscardHandler)), &toldDamage{}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { require.NoError(t, d.run(ctx, told, told.note, told.forget)) }()
		synctest.Wait()
		require.Equal(t, []string{"store OK "}, told.sinks, "what an earlier run told is over")
		require.Empty(t, told.notices)

		for i := range 7 {
			d.found(store.DamagedError{Bucket: "spaces", Key: fmt.Sprint("main\x00s", i)})
		}
		d.found(store.DamagedError{Bucket: "alerts", Key: "a-1"})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"store OK ", "store PARKED records_damaged"}, told.sinks)
		require.Len(t, told.notices, 1)
		require.Contains(t, told.notices[0], "record-damaged: 8 records of the store found damaged and set aside (alerts: 1, spaces: 7). "+
			"Spaces seen as if for the first time: main/s0, main/s1, main/s2, main/s3, main/s4 and others.")

		d.found(store.DamagedError{Bucket: "log", Key: "7"})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, told.sinks, 2, "the alert is open already")
		require.Len(t, told.notices, 2)
		_, problem := d.problem()
		require.Contains(t, problem, "log: 1")
		cancel()
		synctest.Wait()
	})
}

// A new store beside a stream that holds an earlier one's events is no silent first start.
func TestLostStoreIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, told := newDamage(slog.New(slog.DiscardHandler)), &toldDamage{}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { require.NoError(t, d.run(ctx, told, told.note, told.forget)) }()
		synctest.Wait()
		for range 3 {
			d.lost("the store is new")
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		require.Equal(t, []string{"store " + phone.OK + " ", "store " + phone.Parked + " store_lost"}, told.sinks)
		require.Equal(t, "record-damaged: the store is new", strings.Join(told.notices, "\n"))
		cancel()
		synctest.Wait()
	})
}

// A recovery is told like damaged records, together with those, and then the store need not
// remember it: the next start has nothing to tell, which ends the alert.
func TestRecoveryIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, told := newDamage(slog.New(slog.DiscardHandler)), &toldDamage{}
		d.recovered = "The file of the store was damaged."
		ctx, cancel := context.WithCancel(t.Context())
		go func() { require.NoError(t, d.run(ctx, told, told.note, told.forget)) }()
		synctest.Wait()
		require.Equal(t, []string{"store PARKED store_recovered"}, told.sinks)
		require.Equal(t, []string{"record-damaged: The file of the store was damaged."}, told.notices)
		require.Equal(t, 1, told.forgotten)
		d.found(store.DamagedError{Bucket: "log", Key: "7"})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, told.sinks, 1, "the alert is open already")
		require.Contains(t, told.notices[1], "was damaged. 1 record of the store found damaged and set aside (log: 1).")
		cancel()
		synctest.Wait()
	})
}

// After a recovery NATS continues within what could be read: a cursor behind its end would
// hold back new events, and without one all of the history would be published again.
func TestCursorAfterARecovery(t *testing.T) {
	for stored, want := range map[string]uint64{`{"seq":2}`: 2, `{"seq":9}`: 3, "": 3} {
		s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
		require.NoError(t, err)
		c := &store.Commit{Checkpoints: map[string][]byte{store.RecoveredCheckpoint: []byte("recovered")}}
		if stored != "" {
			c.Checkpoints[watch.CursorCheckpoint] = []byte(stored)
		}
		for seq := range uint64(3) {
			c.Events = append(c.Events, alert.Event{Seq: seq + 1, Kind: alert.KindBot, Notice: &alert.Notice{Kind: "start"}})
		}
		require.NoError(t, s.Commit(c))
		require.NoError(t, newDamage(slog.New(slog.DiscardHandler)).takeRecovered(s))
		cursor, err := storedCursor(s)
		require.NoError(t, err)
		require.Equal(t, want, cursor.Seq, stored)
		require.NoError(t, s.Close())
	}
}
