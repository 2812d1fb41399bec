package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

const soon = 10 * time.Second

// bench is a real server, a log in memory and what publishes the one to the other.
type bench struct {
	t      *testing.T
	server *Embedded
	memory *memory
	js     jetstream.JetStream
	sink   *NATS
	stop   func()
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, memory: newMemory()}
	b.startServer(t.TempDir(), "127.0.0.1:0")
	b.js = b.dial()
	t.Cleanup(func() { b.stopSink() })
	return b
}

// stream makes the stream before the sink does, with a duplicate window so
// short that it hides nothing.
func (b *bench) stream(change func(*jetstream.StreamConfig)) jetstream.Stream {
	c := StreamOptions{Name: "NUMWATCH"}.config()
	c.Duplicates = 100 * time.Millisecond
	if change != nil {
		change(&c)
	}
	s, err := b.js.CreateStream(b.t.Context(), c)
	require.NoError(b.t, err)
	return s
}

// outlast waits until the stream has forgotten which ids it saw.
func (b *bench) outlast() { time.Sleep(250 * time.Millisecond) }

// caughtUp waits until everything in the log is acknowledged.
func (b *bench) caughtUp() {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.sink.Status().Cursor == b.memory.LastSeq() }, soon, time.Millisecond)
}

func (b *bench) startServer(dir, listen string) {
	s, err := StartEmbedded(EmbeddedOptions{Listen: listen, Dir: dir})
	require.NoError(b.t, err)
	b.server = s
	b.t.Cleanup(s.Shutdown)
}

func (b *bench) dial() jetstream.JetStream {
	nc, err := nats.Connect(b.server.URL())
	require.NoError(b.t, err)
	b.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(b.t, err)
	return js
}

func (b *bench) options() NATSOptions {
	return NATSOptions{
		Log: b.memory, Keeper: b.memory, Renderer: &Renderer{Epoch: "k3v9q2", Space: spaceOf},
		Cursor: b.memory.keptCursor(), Login: NATSLogin{URL: b.server.URL()},
		Stream: StreamOptions{Name: "NUMWATCH", Create: true}, PublishChanges: true,
	}
}

func (b *bench) start(o NATSOptions) {
	b.run(NewNATS(o))
}

func (b *bench) run(n *NATS) {
	b.sink = n
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.sink.Run(ctx) }()
	b.stop = func() {
		cancel()
		require.NoError(b.t, <-done)
	}
}

func (b *bench) stopSink() {
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// add appends to the log and wakes the sink.
func (b *bench) add(events ...alert.Event) {
	b.memory.add(events...)
	if b.sink != nil {
		b.sink.Wake()
	}
}

// published waits until the stream holds n messages and returns them.
func (b *bench) published(n int) []*jetstream.RawStreamMsg {
	b.t.Helper()
	var s jetstream.Stream
	require.Eventually(b.t, func() bool {
		var err error
		if s, err = b.js.Stream(b.t.Context(), "NUMWATCH"); err != nil {
			return false
		}
		return s.CachedInfo().State.Msgs >= uint64(n)
	}, soon, 5*time.Millisecond)
	state := s.CachedInfo().State
	require.EqualValues(b.t, n, state.Msgs)
	var all []*jetstream.RawStreamMsg
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(b.t.Context(), seq)
		if err == nil {
			all = append(all, m)
		}
	}
	return all
}

// requireOnceInOrder checks guarantee G2: every event of the log once, and
// those of one number in order.
func (b *bench) requireOnceInOrder(msgs []*jetstream.RawStreamMsg) {
	b.t.Helper()
	r := &Renderer{Epoch: "k3v9q2"}
	seen := map[uint64]bool{}
	last := map[phone.Subject]uint64{}
	for _, m := range msgs {
		seq, ok := r.seq(m.Header.Get("Nats-Msg-Id"))
		require.True(b.t, ok)
		require.False(b.t, seen[seq], "event %d is there twice", seq)
		seen[seq] = true
		events, err := b.memory.ReadLog(seq, 1)
		require.NoError(b.t, err)
		s := events[0].Subject()
		require.Greater(b.t, seq, last[s], "events of %s are out of order", s)
		last[s] = seq
	}
	require.Len(b.t, seen, int(b.memory.LastSeq()))
}

func (b *bench) mixed(n, numbers int) []alert.Event {
	events := make([]alert.Event, n)
	for i := range events {
		if k := rand.N(numbers); i%3 == 0 {
			events[i] = alertEvent(firing(k))
		} else {
			events[i] = changeEvent(k)
		}
	}
	return events
}

func TestNATSPublishesEveryEventOnceInOrder(t *testing.T) {
	b := newBench(t)
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
	require.EqualValues(t, 3001, b.memory.keptCursor().Seq)
	require.Equal(t, phone.OK, b.memory.condition("nats"))
	require.Less(t, b.memory.cursors, 10, "the cursor is not reported per event")
}

func TestNATSGoesOnWhereTheStreamEnds(t *testing.T) {
	for name, damage := range map[string]func(*bench, jetstream.Stream){
		"nothing happened":   func(*bench, jetstream.Stream) {},
		"the cursor is lost": func(b *bench, _ jetstream.Stream) { b.memory.cursor = alert.Cursor{} },
		"the tail is lost": func(b *bench, s jetstream.Stream) {
			for seq := uint64(451); seq <= 500; seq++ {
				require.NoError(b.t, s.DeleteMsg(b.t.Context(), seq))
			}
		},
		"the tail and the cursor are lost": func(b *bench, s jetstream.Stream) {
			b.memory.cursor = alert.Cursor{}
			require.NoError(b.t, s.DeleteMsg(b.t.Context(), 500))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
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

func TestNATSRepeatsNothingThatAged(t *testing.T) {
	b := newBench(t)
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
	b.caughtUp()
	b.published(1)
	b.stopSink()
	require.NoError(t, s.Purge(t.Context()))
	b.start(b.options())
	b.add(changeEvent(1))
	msgs := b.published(1)
	require.Equal(t, "k3v9q2-000000000502", msgs[0].Header.Get("Nats-Msg-Id"))
}

func TestNATSGoesOnInAStreamMadeAnew(t *testing.T) {
	b := newBench(t)
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
	b := newBench(t)
	s := b.stream(nil)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	require.EqualValues(t, 50, b.memory.cursor.Seq)
	b.memory.cursor.Seq = 40 // as in the backup
	b.outlast()
	o := b.options()
	o.Renderer = &Renderer{Epoch: "zzzzzz"}
	b.start(o)
	b.published(60)
	b.add(changeEvent(1))
	b.published(61)
	b.stopSink()
	o.Cursor = b.memory.keptCursor()
	b.outlast()
	b.start(o)
	b.caughtUp()
	require.EqualValues(t, 61, s.CachedInfo().State.Msgs+61)
	b.published(61)
}

func TestNATSSharesAStreamWithAnotherBot(t *testing.T) {
	b := newBench(t)
	b.stream(nil)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	b.memory.cursor.Seq = 20 // the last reports were lost in a crash
	other := &nats.Msg{Subject: "numwatch.v1.bot.start", Header: nats.Header{"Nats-Msg-Id": {"aaaaaa-000000000001"}}}
	_, err := b.js.PublishMsg(t.Context(), other)
	require.NoError(t, err)
	b.outlast()
	b.start(b.options())
	b.caughtUp()
	b.published(51)
}

func TestNATSRefusesAnOldCopyOfTheStore(t *testing.T) {
	b := newBench(t)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	b.memory.events = b.memory.events[:30]
	n := NewNATS(b.options())
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.memory.reason("nats"), "old copy")
	require.True(t, n.Status().Parked)
	b.published(50)
}

func TestNATSParksOnAStreamThatDoesNotFit(t *testing.T) {
	for want, change := range map[string]func(*jetstream.StreamConfig){
		"add it there": func(c *jetstream.StreamConfig) { c.Subjects = []string{"numwatch.v1.alert.>"} },
		"no_ack":       func(c *jetstream.StreamConfig) { c.NoAck = true },
		"retention":    func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
	} {
		t.Run(want, func(t *testing.T) {
			b := newBench(t)
			s := b.stream(change)
			n := NewNATS(b.options())
			n.patient = 0
			b.run(n)
			require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.Parked }, soon, time.Millisecond)
			require.Contains(t, b.memory.reason("nats"), want)
			info, err := s.Info(t.Context())
			require.NoError(t, err)
			require.Equal(t, s.CachedInfo().Config, info.Config, "an operator's stream is never changed")
		})
	}
}

func TestNATSNeedsAStream(t *testing.T) {
	b := newBench(t)
	o := b.options()
	o.Stream.Create = false
	n := NewNATS(o)
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.memory.reason("nats"), "nats.create_stream")
	b.add(changeEvent(1))
	b.stream(nil)
	b.published(1)
	require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.OK }, soon, time.Millisecond)
	require.Empty(t, n.Status().LastError)
}

func TestNATSFullStreamIsBackPressure(t *testing.T) {
	b := newBench(t)
	s := b.stream(func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 10, jetstream.DiscardNew })
	b.add(b.mixed(30, 5)...)
	n := NewNATS(b.options())
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.Parked }, soon, time.Millisecond)
	c := s.CachedInfo().Config
	c.MaxMsgs = -1
	_, err := b.js.UpdateStream(t.Context(), c)
	require.NoError(t, err)
	b.requireOnceInOrder(b.published(30))
}

func TestNATSOutage(t *testing.T) {
	b := newBench(t)
	dir, listen := t.TempDir(), b.server.server.Addr().String()
	b.server.Shutdown()
	n := NewNATS(b.options())
	n.patient = 50 * time.Millisecond
	b.run(n) // unreachable at start is no error
	b.add(b.mixed(300, 10)...)
	require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.False(t, n.Status().Connected)
	require.EqualValues(t, 0, n.Status().Cursor)
	for i := range 3 {
		b.startServer(dir, listen)
		b.js = b.dial()
		b.requireOnceInOrder(b.published(300 * (i + 1)))
		require.Eventually(t, func() bool { return b.memory.condition("nats") == phone.OK }, soon, time.Millisecond)
		b.server.Shutdown()
		b.add(b.mixed(300, 10)...)
	}
}

// cut is a proxy that closes each connection after some bytes.
func cut(t *testing.T, target string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				_, _ = io.CopyN(to, from, rand.Int64N(1_000_000))
				to.Close()
				from.Close()
			}
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
	return l.Addr().String()
}

func TestNATSOrderOverAConnectionThatBreaks(t *testing.T) {
	b := newBench(t)
	b.stream(func(c *jetstream.StreamConfig) { c.Duplicates = time.Second })
	o := b.options()
	o.Login.URL = "nats://" + cut(t, b.server.server.Addr().String())
	b.add(b.mixed(2000, 15)...)
	b.start(o)
	b.requireOnceInOrder(b.published(2000))
	b.caughtUp()
}

// The process dies at any point around a publishing; the next one goes on.
func TestNATSCrashes(t *testing.T) {
	b := newBench(t)
	b.stream(nil)
	b.add(b.mixed(400, 8)...)
	for b.memory.keptCursor().Seq < 400 {
		o := b.options()
		left := 1 + rand.N(150)
		var n *NATS
		o.Trace = func(string) {
			if left--; left == 0 {
				b.memory.mu.Lock()
				b.memory.fail = func(alert.Receipt) error { return errors.New("crashed") }
				b.memory.mu.Unlock()
				n.conn.Close()
			}
		}
		n = NewNATS(o)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_ = n.Run(ctx)
		cancel()
		b.memory.mu.Lock()
		b.memory.fail = nil
		b.memory.mu.Unlock()
	}
	b.requireOnceInOrder(b.published(400))
}

func TestNATSPassesOverPoison(t *testing.T) {
	b := newBench(t)
	big := changeEvent(1)
	big.Change.Reason = strings.Repeat("x", 2<<20)
	b.add(changeEvent(1), big, changeEvent(1), changeEvent(2))
	registry := prometheus.NewRegistry()
	o := b.options()
	o.Registerer = registry
	b.start(o)
	b.published(3)
	b.caughtUp()
	got, err := registry.Gather()
	require.NoError(t, err)
	require.Regexp(t, `value:"dead"}\s+counter:{value:1`, fmt.Sprint(got))
}

func TestNATSPassesOverChanges(t *testing.T) {
	b := newBench(t)
	o := b.options()
	o.PublishChanges = false
	b.add(changeEvent(1), alertEvent(firing(1)), changeEvent(2))
	b.start(o)
	b.caughtUp()
	msgs := b.published(1)
	require.Contains(t, msgs[0].Subject, "numwatch.v1.alert.critical.quality-red.main.29348.8613800000001.QualityRating")
}

func TestNATSSaysWhatLeftTheLog(t *testing.T) {
	b := newBench(t)
	b.add(b.mixed(10, 3)...)
	b.memory.trimmed, b.memory.events = 4, b.memory.events[4:]
	var log strings.Builder
	o := b.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	require.Contains(t, log.String(), "events left the log before they were published")
	b.published(6)
}

func TestNATSHeartbeat(t *testing.T) {
	b := newBench(t)
	nc, err := nats.Connect(b.server.URL())
	require.NoError(t, err)
	defer nc.Close()
	sub, err := nc.SubscribeSync(SubjectHeartbeat)
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	n := NewNATS(b.options())
	n.beat = 10 * time.Millisecond
	b.run(n)
	m, err := sub.NextMsg(soon)
	require.NoError(t, err)
	var beat struct{ Epoch string }
	require.NoError(t, json.Unmarshal(m.Data, &beat))
	require.Equal(t, "k3v9q2", beat.Epoch)
}

func TestEmbeddedAsksForItsToken(t *testing.T) {
	s, err := StartEmbedded(EmbeddedOptions{Listen: "127.0.0.1:0", Dir: t.TempDir(), Token: "s3cret"})
	require.NoError(t, err)
	defer s.Shutdown()
	_, err = nats.Connect(s.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	b := &bench{t: t, memory: newMemory(), server: s}
	o := b.options()
	o.Login = NATSLogin{Server: s}
	b.add(changeEvent(1))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	o.Login = NATSLogin{URL: s.URL(), Token: "s3cret"}
	b.add(changeEvent(1))
	b.start(o)
	b.caughtUp()
	b.stopSink()
	_, err = StartEmbedded(EmbeddedOptions{Listen: "nowhere", Dir: t.TempDir()})
	require.ErrorContains(t, err, "nats.listen")
	_, err = StartEmbedded(EmbeddedOptions{Listen: "127.0.0.1:x", Dir: t.TempDir()})
	require.ErrorContains(t, err, "port")
}

func TestEmbeddedSaysThatAPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = StartEmbedded(EmbeddedOptions{Listen: l.Addr().String(), Dir: t.TempDir()})
	require.ErrorContains(t, err, "address already in use")
}

func TestNATSHidesPasswords(t *testing.T) {
	require.Equal(t, "nats://a:4222,tls://b", redactServers("nats://user:secret@a:4222, tls://token@b/"))
	require.NotContains(t, redactServers("user:secret@host:4222"), "secret")
	n := NewNATS(NATSOptions{Log: newMemory(), Renderer: &Renderer{}, Login: NATSLogin{URL: "nats://u:secret@127.0.0.1:1", NKeyFile: "/nowhere"}})
	_, err := n.connect()
	require.ErrorContains(t, err, "nats.nkey_file /nowhere")
	require.NotContains(t, err.Error(), "secret")
}
