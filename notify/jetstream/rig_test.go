package jetstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

const soon = 10 * time.Second

// rig is a real server, a log in memory and what publishes the one to the other.
type rig struct {
	t      *testing.T
	server *Server
	log    *memory
	js     jetstream.JetStream
	sink   *Publisher
	stop   func()
}

func newRig(t *testing.T) *rig {
	b := &rig{t: t, log: newMemory()}
	b.startServer(t.TempDir(), "127.0.0.1:0")
	b.js = b.dial()
	t.Cleanup(func() { b.stopSink() })
	return b
}

// stream makes the stream before the sink does, with a duplicate window so
// short that it hides nothing.
func (b *rig) stream(change func(*jetstream.StreamConfig)) jetstream.Stream {
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
func (b *rig) outlast() { time.Sleep(250 * time.Millisecond) }

// caughtUp waits until everything in the log is acknowledged.
func (b *rig) caughtUp() {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.sink.Status().Cursor == b.log.LastSeq() }, soon, time.Millisecond)
}

func (b *rig) startServer(dir, listen string) {
	b.server = startServer(b.t, ServerOptions{Listen: listen, Dir: dir})
}

func startServer(t *testing.T, o ServerOptions) *Server {
	t.Helper()
	s, err := NewServer(o)
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	require.NoError(t, s.Start(t.Context()))
	return s
}

func (b *rig) dial() jetstream.JetStream {
	nc, err := nats.Connect(b.server.URL())
	require.NoError(b.t, err)
	b.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(b.t, err)
	return js
}

func (b *rig) options() Options { return b.optionsFor(Login{URL: b.server.URL()}) }

func (b *rig) start(o Options) {
	b.run(New(o))
}

func (b *rig) run(n *Publisher) {
	b.sink = n
	b.log.forgetCondition(component)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.sink.Run(ctx) }()
	b.stop = func() {
		cancel()
		require.NoError(b.t, <-done)
	}
}

// working waits until the sink that was started last reports that it works: it
// has looked at the stream, and nothing waits.
func (b *rig) working() {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.log.condition(component) == phone.OK }, soon, time.Millisecond)
}

func (b *rig) stopSink() {
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// add appends to the log and wakes the sink.
func (b *rig) add(events ...alert.Event) {
	b.log.add(events...)
	if b.sink != nil {
		b.sink.Wake()
	}
}

// published waits until the stream holds n messages and returns them.
func (b *rig) published(n int) []*jetstream.RawStreamMsg {
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
	s.CachedInfo().Config.AllowDirect = false // any server would answer, also one that is behind or cut off
	var all []*jetstream.RawStreamMsg
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(b.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // deleted
		}
		require.NoError(b.t, err)
		all = append(all, m)
	}
	return all
}

// requireOnceInOrder checks guarantee G2: every event of the log once, and
// those of one number in order.
func (b *rig) requireOnceInOrder(msgs []*jetstream.RawStreamMsg) {
	b.t.Helper()
	r := &Renderer{Epoch: "k3v9q2"}
	seen := map[uint64]bool{}
	last := map[phone.Subject]uint64{}
	for _, m := range msgs {
		seq, ok := r.seq(m.Header.Get("Nats-Msg-Id"))
		require.True(b.t, ok)
		require.False(b.t, seen[seq], "event %d is there twice", seq)
		seen[seq] = true
		events, err := b.log.ReadLog(seq, 1)
		require.NoError(b.t, err)
		s := events[0].Subject()
		require.Greater(b.t, seq, last[s], "events of %s are out of order", s)
		last[s] = seq
	}
	require.Len(b.t, seen, int(b.log.LastSeq()))
}

func (b *rig) mixed(n, numbers int) []alert.Event {
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
