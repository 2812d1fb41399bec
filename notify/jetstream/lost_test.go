package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

const saysLost = "the stream lost messages that it had acknowledged"

// copied returns a copy of the stream's files, as they are now.
func (b *rig) copied() string {
	b.t.Helper()
	files := b.t.TempDir()
	require.NoError(b.t, b.server.server.ShutdownJetStream())
	require.NoError(b.t, os.CopyFS(files, os.DirFS(b.server.o.Dir)))
	require.NoError(b.t, b.server.enableJetStream())
	return files
}

// putBack replaces the stream's files by an older copy. Connections stay.
func (b *rig) putBack(files string) {
	b.t.Helper()
	require.NoError(b.t, b.server.server.ShutdownJetStream())
	require.NoError(b.t, os.RemoveAll(b.server.o.Dir))
	require.NoError(b.t, os.CopyFS(b.server.o.Dir, os.DirFS(files)))
	require.NoError(b.t, b.server.enableJetStream())
}

// heard returns options with which the rig hears what is logged and counted.
func (b *rig) heard() (Options, *lines, func() float64) {
	login := Login{}
	if b.server != nil {
		login.URL = b.server.URL()
	}
	o, said, registry := b.optionsFor(login), new(lines), prometheus.NewRegistry()
	o.Logger, o.Registerer = slog.New(slog.NewTextHandler(said, nil)), registry
	return o, said, func() float64 {
		families, err := registry.Gather()
		require.NoError(b.t, err)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "numwatch_nats_events_total" && m.GetLabel()[0].GetValue() == "lost" {
					return m.GetCounter().GetValue()
				}
			}
		}
		return -1
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// each returns n events of n numbers, the first of which is given.
func each(first, n int) []alert.Event {
	events := make([]alert.Event, n)
	for i := range events {
		events[i] = changeEvent(first + i)
	}
	return events
}

// newLosing returns a rig with a stream that will lose its end, and a publisher that looks
// at the stream before the next event if that comes so long after the last.
func newLosing(t *testing.T, lookAfter time.Duration) (b *rig, n *Publisher, said *lines, lost func() float64) {
	b = newRig(t)
	b.stream(nil)
	o, said, lost := b.heard()
	n = New(o)
	n.lookAfter = lookAfter
	return b, n, said, lost
}

// A stream loses its last messages while the bot is connected and idle, which an
// acknowledgement shows, or a look before the next event. As much is published
// then as was lost, or less, or more.
func TestStreamLosesItsEndWhileConnected(t *testing.T) {
	for name, c := range map[string]struct {
		left, lost, then int
		looks            bool
	}{
		"a look shows it":                {left: 100, lost: 200, then: 60, looks: true},
		"an acknowledgement shows it":    {left: 100, lost: 200, then: 60},
		"more is published than lost":    {left: 100, lost: 20, then: 700},
		"everything is lost":             {left: 0, lost: 100, then: 60},
		"everything, and more comes":     {left: 0, lost: 30, then: 600},
		"everything is lost, and a look": {left: 0, lost: 100, then: 60, looks: true},
	} {
		t.Run(name, func(t *testing.T) {
			b, n, said, lost := newLosing(t, time.Hour)
			some := func(from, n int) []alert.Event { return each(from, n) }
			if c.looks { // nothing new stands before what was lost, so that each number's order is kept
				n.lookAfter = 0
				some = func(_, n int) []alert.Event { return b.mixed(n, 10) }
			}
			b.add(some(0, c.left)...)
			b.run(n)
			b.working()
			b.caughtUp()
			files := b.copied()
			b.add(some(c.left, c.lost)...)
			b.caughtUp()
			b.outlast()
			b.putBack(files)
			b.add(some(c.left+c.lost, c.then)...)
			b.caughtUp()
			b.requireOnceInOrder(b.published(c.left + c.lost + c.then))
			require.Contains(t, said.String(), saysLost)
			require.EqualValues(t, c.lost, lost())
		})
	}
}

// While the stream has no leader any of its servers says how it is, and one may lack what was acknowledged.
func TestAServerThatIsBehindLosesNothing(t *testing.T) {
	b, n, _, _ := newLosing(t, time.Hour)
	b.add(b.mixed(20, 5)...)
	b.run(n)
	b.caughtUp()
	b.stopSink()
	last := b.log.keptCursor().Last
	require.EqualValues(t, 20, last.Sequence)
	read, err := newReader(b.js.Conn(), "NUMWATCH")
	require.NoError(t, err)
	behind := func(leader string) *position {
		return &position{read: read, stream: says{info: jetstream.StreamInfo{
			State: jetstream.StreamState{LastSeq: 12}, Cluster: &jetstream.ClusterInfo{Leader: leader},
		}}}
	}
	_, err = behind("").state(t.Context())
	require.ErrorContains(t, err, "reading the state of stream NUMWATCH: it has no leader: are most of its servers up?")
	info, err := behind("n0").state(t.Context())
	require.NoError(t, err)
	lost, err := n.lostItsEnd(t.Context(), read, info, last)
	require.NoError(t, err)
	require.False(t, lost, "the leader has it")

	stream, err := b.js.Stream(t.Context(), "NUMWATCH")
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), last.Sequence))
	_, err = b.js.Publish(t.Context(), "numwatch.v1.bot.start", nil)
	require.NoError(t, err)
	lost, err = n.lostItsEnd(t.Context(), read, info, last)
	require.NoError(t, err)
	require.False(t, lost, "the leader has a later one")
}

// says is a stream whose server says this.
type says struct {
	jetstream.Stream
	info jetstream.StreamInfo
}

func (s says) Info(context.Context, ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	return &s.info, nil
}

// A quiet bot looks at the stream now and then.
func TestStreamLosesItsEndAndNothingHappens(t *testing.T) {
	b, n, said, _ := newLosing(t, 0)
	b.add(b.mixed(50, 5)...)
	b.run(n)
	b.caughtUp()
	files := b.copied()
	b.add(b.mixed(50, 5)...)
	b.caughtUp()
	b.putBack(files)
	require.Eventually(t, func() bool { return strings.Contains(said.String(), saysLost) }, soon, time.Millisecond)
	b.caughtUp()
	b.requireOnceInOrder(b.published(100))
}

// Another bot on the same stream publishes in place of what was lost.
func TestStreamLosesItsEndAndAnotherBotFillsIt(t *testing.T) {
	b, n, said, lost := newLosing(t, 0)
	b.add(b.mixed(100, 10)...)
	b.run(n)
	b.caughtUp()
	files := b.copied()
	b.add(b.mixed(50, 10)...)
	b.caughtUp()
	b.outlast()
	b.putBack(files)
	for i := range 80 {
		id := fmt.Sprintf("aaaaaa-%012d", i+1)
		_, err := b.js.PublishMsg(t.Context(), &nats.Msg{Subject: "numwatch.v1.bot.start", Header: nats.Header{"Nats-Msg-Id": {id}, headerAcked: {"0"}}})
		require.NoError(t, err)
	}
	b.add(b.mixed(50, 10)...)
	b.caughtUp()
	ours := slices.DeleteFunc(b.published(280), func(m *jetstream.RawStreamMsg) bool {
		return strings.HasPrefix(m.Header.Get("Nats-Msg-Id"), "aaaaaa-")
	})
	b.requireOnceInOrder(ours)
	require.Contains(t, said.String(), saysLost)
	require.EqualValues(t, 50, lost())
}

// The bot is away while the stream loses its end.
func TestStreamLosesItsEndWhileTheBotIsAway(t *testing.T) {
	for name, left := range map[string]int{"some is left": 100, "nothing is left": 0} {
		t.Run(name, func(t *testing.T) {
			b := newRig(t)
			b.stream(nil)
			b.add(b.mixed(left, 10)...)
			b.start(b.options())
			b.working()
			b.caughtUp()
			files := b.copied()
			b.add(b.mixed(150, 10)...)
			b.caughtUp()
			b.stopSink()
			b.putBack(files)
			b.add(b.mixed(50, 10)...)
			o, said, lost := b.heard()
			b.start(o)
			b.caughtUp()
			b.requireOnceInOrder(b.published(left + 200))
			require.Contains(t, said.String(), saysLost)
			require.EqualValues(t, 150, lost())
			b.stopSink()
			o, said, _ = b.heard()
			b.start(o)
			b.working()
			require.NotContains(t, said.String(), saysLost, "it is said once")
		})
	}
}

// The connection breaks before an acknowledgement shows that the end was lost,
// and by then the stream is longer than it was.
func TestStreamLosesItsEndAndTheConnectionBreaks(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	w := newWire(t, b.server.server.Addr().String())
	o, said, lost := b.heard()
	o.Login.URL = "nats://" + w.address
	n := New(o)
	n.lookAfter = time.Hour
	b.add(each(0, 100)...)
	b.run(n)
	b.caughtUp()
	files := b.copied()
	b.add(each(100, 20)...)
	b.caughtUp()
	b.outlast()
	b.putBack(files)
	w.mute.Store(true)
	b.add(each(120, 300)...)
	b.published(400) // 20 of them are missing
	w.mute.Store(false)
	w.cut()
	b.caughtUp()
	b.requireOnceInOrder(b.published(420))
	require.Contains(t, said.String(), saysLost)
	require.EqualValues(t, 20, lost())
}

// The process dies again and again while it publishes what was lost, of which
// the newest part stands in the stream already.
func TestCrashesAfterTheStreamLostItsEnd(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	w := newWire(t, b.server.server.Addr().String())
	o := b.options()
	o.Login.URL = "nats://" + w.address
	n := New(o)
	n.lookAfter = time.Hour
	b.add(each(0, 50)...)
	b.sink = n
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	b.caughtUp()
	files := b.copied()
	b.add(each(50, 600)...)
	require.Eventually(t, func() bool { return b.log.keptCursor().Seq == 650 }, soon, time.Millisecond)
	b.putBack(files)
	w.mute.Store(true)
	b.add(each(650, 100)...)
	b.published(150)
	b.dies(n)
	cancel()
	<-done // what a dead process returns tells nothing
	crashes := 0
	for ; b.log.keptCursor().Seq < 750; crashes++ {
		b.outlast()
		b.crashes(rand.N(400))
	}
	require.Greater(t, crashes, 2)
	b.requireOnceInOrder(b.published(750))
}

// crashes publishes until the process dies, at a point, or all is stored.
func (b *rig) crashes(left int) {
	b.log.mu.Lock()
	b.log.fail = nil
	b.log.mu.Unlock()
	o := b.options()
	var n *Publisher
	ctx, cancel := context.WithTimeout(b.t.Context(), soon)
	defer cancel()
	o.Trace = func(string) {
		if left--; left <= 0 {
			b.dies(n)
			cancel()
		}
	}
	b.log.mu.Lock()
	b.log.kept = func(r alert.DeliveryUpdate) {
		if r.Cursor != nil && r.Cursor.Seq == 750 {
			cancel()
		}
	}
	b.log.mu.Unlock()
	n = New(o)
	_ = n.Run(ctx)
}

// dies has nothing stored or published any more.
func (b *rig) dies(n *Publisher) {
	b.log.mu.Lock()
	b.log.fail = func(alert.DeliveryUpdate) error { return errDead }
	b.log.mu.Unlock()
	n.conn.Close()
}

// A publish that found no leader is repeated by the client, behind those that
// were published after it: acknowledgements then come in another order, and
// nothing is lost.
func TestAcknowledgementsInAnotherOrder(t *testing.T) {
	b := newRig(t)
	b.stream(nil)
	o, said, lost := b.heard()
	var publishing atomic.Int64
	o.Trace = func(point string) {
		if point == "publish:before" && publishing.Add(1) == 6 {
			time.Sleep(100 * time.Millisecond) // the five before it have found no stream by now
			if err := b.server.enableJetStream(); err != nil {
				panic(err)
			}
		}
	}
	b.start(o)
	b.working()
	require.NoError(t, b.server.server.ShutdownJetStream())
	b.add(each(0, 300)...)
	b.caughtUp()
	first := b.published(300)[0]
	require.Equal(t, "k3v9q2-000000000006", first.Header.Get("Nats-Msg-Id"), "the order did change")
	b.requireOnceInOrder(b.published(300))
	require.NotContains(t, said.String(), saysLost)
	require.Zero(t, lost())
}

// acknowledged is a publish whose answer has come.
type acknowledged struct {
	jetstream.PubAckFuture
	ack chan *jetstream.PubAck
}

func (a acknowledged) Ok() <-chan *jetstream.PubAck { return a.ack }
func (a acknowledged) Err() <-chan error            { return nil }

func TestWhatAcknowledgementsMean(t *testing.T) {
	b := newRig(t)
	s := newSession(New(b.options()), b.js, &position{from: 1, last: alert.StreamMessage{Sequence: 10}})
	for _, c := range []struct {
		ack  jetstream.PubAck
		want error
		last uint64
	}{
		{jetstream.PubAck{Sequence: 11}, nil, 11},
		{jetstream.PubAck{Sequence: 14}, nil, 14}, // another bot publishes, too
		{jetstream.PubAck{Sequence: 3, Duplicate: true}, nil, 14},
		{jetstream.PubAck{Sequence: 14}, errWentBack, 14},
		{jetstream.PubAck{Sequence: 15}, nil, 14}, // behind what went back, this proves nothing
	} {
		a := acknowledged{ack: make(chan *jetstream.PubAck, 1)}
		a.ack <- &c.ack
		err := s.await(t.Context(), &publication{event: changeEvent(1), ack: a})
		require.Truef(t, errors.Is(err, c.want), "%+v: %v", c.ack, err)
		require.Equal(t, c.last, s.last.Sequence)
	}
}
