package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestNATSPublishesEveryEventOnceInOrder(t *testing.T) {
	b := newRig(t)
	b.add(b.mixed(3000, 40)...)
	b.start(b.options())
	msgs := b.published(3000)
	b.requireOnceInOrder(msgs)
	b.add(alert.Event{Kind: alert.KindBot, Notice: &alert.Notice{Kind: "start", Text: "hello"}})
	msgs = b.published(3001)
	require.Equal(t, "numwatch.v1.bot.start", msgs[3000].Subject)
	require.Equal(t, "application/cloudevents+json", msgs[0].Header.Get("Content-Type"))
	var e struct{ ID, Type string }
	require.NoError(t, json.Unmarshal(msgs[3000].Data, &e))
	require.Equal(t, "k3v9q2-000000003001", e.ID)
	require.Equal(t, TypeBot, e.Type)
	b.stopSink()
	require.EqualValues(t, 3001, b.log.keptCursor().Seq)
	require.Equal(t, phone.OK, b.log.condition("nats"))
	require.Less(t, b.log.cursors, 10, "the cursor is not reported per event")
}

func TestNATSStorm(t *testing.T) {
	const stormSize = 10_000
	b := newRig(t)
	b.start(b.options())
	for range stormSize / 100 {
		b.add(b.mixed(100, stormSize)...)
	}
	b.caughtUp()
	b.requireOnceInOrder(b.published(stormSize))
}

func TestNATSGoesOnWhereTheStreamEnds(t *testing.T) {
	for name, damage := range map[string]func(*rig, jetstream.Stream){
		"nothing happened":   func(*rig, jetstream.Stream) {},
		"the cursor is lost": func(b *rig, _ jetstream.Stream) { b.log.cursor = alert.Cursor{} },
		"the tail is lost": func(b *rig, s jetstream.Stream) {
			for seq := uint64(451); seq <= 500; seq++ {
				require.NoError(b.t, s.DeleteMsg(b.t.Context(), seq))
			}
		},
		"the tail and the cursor are lost": func(b *rig, s jetstream.Stream) {
			b.log.cursor = alert.Cursor{}
			require.NoError(b.t, s.DeleteMsg(b.t.Context(), 500))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newRig(t)
			s := b.stream(nil)
			b.add(b.mixed(500, 20)...)
			b.start(b.options())
			b.published(500)
			b.stopSink()
			damage(b, s)
			b.outlast()
			b.add(b.mixed(100, 20)...)
			b.start(b.options())
			b.requireOnceInOrder(b.published(600))
		})
	}
}

// Where the stream ends as the cursor knows it, nothing is asked: each answer
// would have the server load a block of its file.
func TestNATSAsksOnlyWhereThereIsDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*rig, jetstream.Stream)
		asks   bool
	}{
		"nothing happened":         {func(*rig, jetstream.Stream) {}, false},
		"the cursor is lost":       {func(b *rig, _ jetstream.Stream) { b.log.cursor = alert.Cursor{} }, true},
		"something was on its way": {func(b *rig, _ jetstream.Stream) { b.log.cursor.Seq, b.log.cursor.Ahead = 250, 300 }, true},
		"the tail is lost":         {func(b *rig, s jetstream.Stream) { require.NoError(b.t, s.DeleteMsg(b.t.Context(), 300)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newRig(t)
			s := b.stream(nil)
			b.add(b.mixed(300, 20)...)
			b.start(b.options())
			b.published(300)
			b.stopSink()
			require.EqualValues(t, 300, b.log.keptCursor().Last.Sequence)
			c.damage(b, s)
			b.outlast()
			var asked atomic.Int64
			_, err := b.js.Conn().Subscribe("$JS.API.STREAM.MSG.GET.NUMWATCH", func(m *nats.Msg) {
				var r struct {
					LastFor string `json:"last_by_subj"`
				}
				if json.Unmarshal(m.Data, &r) == nil && r.LastFor != "" && r.LastFor != SubjectAll {
					asked.Add(1)
				}
			})
			require.NoError(t, err)
			require.NoError(t, b.js.Conn().Flush())
			b.add(b.mixed(50, 20)...)
			b.start(b.options())
			b.requireOnceInOrder(b.published(350))
			b.stopSink()
			require.NoError(t, b.js.Conn().Flush())
			require.Equal(t, c.asks, asked.Load() > 0, "%d questions", asked.Load())
			require.EqualValues(t, b.log.LastSeq(), b.log.keptCursor().Seq)
		})
	}
}

func TestNATSRepeatsNothingThatAged(t *testing.T) {
	b := newRig(t)
	s := b.stream(nil)
	b.add(b.mixed(500, 20)...)
	b.start(b.options())
	b.caughtUp()
	b.add(changeEvent(1)) // much later, say
	b.published(501)
	b.stopSink()
	require.NoError(t, s.Purge(t.Context(), jetstream.WithPurgeSequence(501)))
	b.outlast()
	b.start(b.options())
	b.working()
	b.published(1)
	b.stopSink()
	require.NoError(t, s.Purge(t.Context()))
	b.start(b.options())
	b.working()
	b.add(changeEvent(1))
	msgs := b.published(1)
	require.Equal(t, "k3v9q2-000000000502", msgs[0].Header.Get("Nats-Msg-Id"))
}

func TestNATSGoesOnInAStreamMadeAnew(t *testing.T) {
	b := newRig(t)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.caughtUp()
	require.NoError(t, b.js.DeleteStream(t.Context(), "NUMWATCH"))
	b.add(b.mixed(50, 5)...)
	msgs := b.published(50)
	require.Equal(t, "k3v9q2-000000000051", msgs[0].Header.Get("Nats-Msg-Id"))
}

func TestNATSGoesOnUnderANewEpoch(t *testing.T) {
	b := newRig(t)
	s := b.stream(nil)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	require.EqualValues(t, 50, b.log.cursor.Seq)
	b.log.cursor.Seq = 40 // as in the backup
	b.outlast()
	o := b.options()
	o.Renderer = &Renderer{Epoch: "zzzzzz"}
	told := make(chan string, 10)
	o.OtherEpoch = func(epoch string) { told <- epoch }
	b.start(o)
	b.published(60)
	require.Equal(t, "k3v9q2", <-told)
	b.add(changeEvent(1))
	b.published(61)
	b.stopSink()
	o.Cursor = b.log.keptCursor()
	b.outlast()
	b.start(o)
	b.caughtUp()
	require.EqualValues(t, 61, s.CachedInfo().State.Msgs+61)
	b.published(61)
}

func TestNATSSharesAStreamWithAnotherBot(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	b.log.cursor.Seq = 20 // the last reports were lost in a crash
	other := &nats.Msg{Subject: "numwatch.v1.bot.start", Header: nats.Header{"Nats-Msg-Id": {"aaaaaa-000000000001"}}}
	_, err := b.js.PublishMsg(t.Context(), other)
	require.NoError(t, err)
	b.outlast()
	b.start(b.options())
	b.caughtUp()
	b.published(51)
}

// The stream is deleted while events are on their way. What it had acknowledged
// went with it; nothing else is lost, and the new one has nothing twice.
func TestNATSStreamDeletedUnderLoad(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	var acked atomic.Int64
	o := b.options()
	o.Trace = func(point string) {
		if point == "publish:after" && acked.Add(1) == 700 {
			if err := b.js.DeleteStream(context.Background(), "NUMWATCH"); err != nil {
				panic(err)
			}
		}
	}
	b.add(b.mixed(3000, 30)...)
	b.start(o)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 3000 }, 3*soon, time.Millisecond)
	s, err := b.js.Stream(t.Context(), "NUMWATCH")
	require.NoError(t, err)
	msgs := b.published(int(s.CachedInfo().State.Msgs))
	require.GreaterOrEqual(t, len(msgs), 3000-700-window, "more is missing than the old stream can have acknowledged")
	last := map[string]string{}
	for _, m := range msgs {
		id, of := m.Header.Get("Nats-Msg-Id"), m.Subject[strings.Index(m.Subject, ".main."):strings.LastIndex(m.Subject, ".")]
		require.Greater(t, id, last[of], "twice, or out of order")
		last[of] = id
	}
}

func TestNATSPassesOverChanges(t *testing.T) {
	b := newRig(t)
	o := b.options()
	o.PublishChanges = false
	b.add(changeEvent(1), alertEvent(firing(1)), changeEvent(2))
	b.start(o)
	b.caughtUp()
	msgs := b.published(1)
	require.Contains(t, msgs[0].Subject, "numwatch.v1.alert.critical.quality-red.main.29348.8613800000001.QualityRating")
}

func TestNATSSaysWhatLeftTheLog(t *testing.T) {
	b := newRig(t)
	b.add(b.mixed(10, 3)...)
	b.log.trimmed, b.log.events = 4, b.log.events[4:]
	var log strings.Builder
	o := b.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	require.Contains(t, log.String(), "events left the log before they were published")
	b.published(6)
}

// Events that may not be published now stay in the log, which is no failure of NATS, and go out later.
func TestNATSKeepsBackWhatMayNotBePublished(t *testing.T) {
	b := newRig(t)
	var may atomic.Bool
	may.Store(true)
	o := b.options()
	o.May = func() error {
		if may.Load() {
			return nil
		}
		return errors.New("another one acts now")
	}
	b.start(o)
	b.add(b.mixed(10, 3)...)
	b.caughtUp()
	may.Store(false)
	b.add(b.mixed(10, 3)...)
	time.Sleep(500 * time.Millisecond)
	require.EqualValues(t, 10, b.sink.Status().Cursor)
	require.Empty(t, b.sink.Status().LastError)
	may.Store(true)
	b.caughtUp()
	b.requireOnceInOrder(b.published(20))
}
