package replica

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/natstest"
	"numwatch/store"
)

// bench is a log on three servers, and nodes in the process of the test.
type bench struct {
	t    testing.TB
	nats *natstest.Cluster
}

func newBench(t testing.TB) *bench { return &bench{t, natstest.NewCluster(t)} }

// node returns one that has joined and leads, but has no bot.
func (b *bench) node(id string, maxBytes int64) *Node {
	b.t.Helper()
	return b.nodeAt(b.nats.URLs(), id, maxBytes)
}

// nodeAt is the same with another way to the servers.
func (b *bench) nodeAt(urls, id string, maxBytes int64) *Node {
	b.t.Helper()
	n := New(Options{
		Name: "test", Path: filepath.Join(b.t.TempDir(), id+".db"), Lease: testLease, Margin: testMargin, StreamReplicas: 3, Create: true, MaxBytes: maxBytes,
		Member: Member{ID: id}, Log: slog.New(slog.NewTextHandler(b.t.Output(), nil)),
		Lead: func(context.Context, Term) error { return nil },
	})
	nc, err := nats.Connect(urls, nats.RetryOnFailedConnect(true), nats.ReconnectWait(50*time.Millisecond))
	require.NoError(b.t, err)
	n.stream, err = newStream(nc, "test")
	require.NoError(b.t, err)
	b.t.Cleanup(func() {
		require.NoError(b.t, n.closeStore())
		nc.Close()
	})
	ctx, cancel := context.WithTimeout(b.t.Context(), settles)
	defer cancel()
	require.NoError(b.t, n.join(ctx))
	return n
}

func (n *Node) leads(t testing.TB) *Store {
	t.Helper()
	require.NoError(t, n.appendMark(t.Context(), header{Kind: kindTerm}))
	return &Store{n.store, n, t.Context(), func(error) {}}
}

// events is a commit of the event behind the last one.
func events(s *Store, text string) *store.Commit {
	return &store.Commit{Events: []alert.Event{{
		Seq: s.LastSeq() + 1, Time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Kind: alert.KindBot, Notice: &alert.Notice{Kind: "test", Text: text},
	}}}
}

// reads applies everything that is in the log.
func (n *Node) reads(t *testing.T) {
	t.Helper()
	for {
		var l lookup
		require.Eventually(t, func() bool {
			l = n.stream.get(t.Context(), n.chain.seq+1)
			return l.err == nil
		}, settles, time.Millisecond)
		if l.record == nil {
			return
		}
		require.NoError(t, n.take(l.record))
	}
}

func (b *bench) records() uint64 {
	s, err := b.nats.JetStream().Stream(b.t.Context(), StreamName("test"))
	require.NoError(b.t, err)
	return s.CachedInfo().State.LastSeq
}

func TestOneRecordAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.node("one", 0), b.node("two", 0)
	require.Equal(t, one.store.Epoch(), two.store.Epoch())
	s := one.leads(t)
	require.NoError(t, s.Commit(events(s, "first")))

	t.Run("an acknowledgement that is lost", func(t *testing.T) {
		// What the record would be, stored already.
		c := events(s, "second")
		redo, err := s.Prepare(c)
		require.NoError(t, err)
		h := header{Kind: kindCommit, Term: one.chain.term, Log: one.chain.log, Writer: one.writer, Prev: one.chain.hash.String()}
		record, err := encode(&h, must(one.codec.bodies(redo))[0])
		require.NoError(t, err)
		_, err = one.stream.publish(t.Context(), record, one.chain.seq)
		require.NoError(t, err)
		before := b.records()
		require.NoError(t, s.Commit(c))
		require.Equal(t, before, b.records(), "it is appended once")
		require.EqualValues(t, 2, s.LastSeq())
	})
	t.Run("a crash between the acknowledgement and the store", func(t *testing.T) {
		redo, err := s.Prepare(events(s, "third"))
		require.NoError(t, err)
		require.NoError(t, one.append(t.Context(), header{Kind: kindCommit, Term: one.chain.term}, must(one.codec.bodies(redo))[0]))
		one.chain = from(one.store.Position()) // as after a start
		one.reads(t)
		require.EqualValues(t, 3, s.LastSeq())
	})
	t.Run("a store that cannot be written", func(t *testing.T) {
		c := events(s, "fourth")
		require.NoError(t, one.closeStore())
		require.Error(t, s.Commit(c))
		require.NoError(t, one.openStore(""))
		s.Store = one.store
		require.NoError(t, s.Commit(c))
		require.EqualValues(t, 4, s.LastSeq())
	})
	two.reads(t)
	require.Equal(t, one.store.Position(), two.store.Position())
	t.Run("another leader", func(t *testing.T) {
		other := two.leads(t)
		require.NoError(t, other.Commit(events(other, "fifth")))
		before := b.records()
		require.ErrorIs(t, s.Commit(events(s, "never")), store.ErrFenced)
		require.Equal(t, before, b.records())
		require.EqualValues(t, 4, s.LastSeq())
	})
}

// Servers that take longer to answer than others should are slow, and not lost: what is sent to them gets there once.
func TestLogIsSlow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	way := natstest.NewProxy(t, strings.TrimPrefix(b.nats.URL(0), "nats://"))
	n := b.nodeAt(way.URL(), "one", 0)
	s := n.leads(t)
	way.Delay(askWithin / 2) // there and back
	before := b.records()
	for range 3 {
		require.NoError(t, s.Commit(events(s, "late")))
	}
	require.Equal(t, before+3, b.records())
}

// A log that is full takes nothing until records that nobody needs are gone.
func TestFullLog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := b.node("one", 200<<10)
	s := n.leads(t)
	for range 5 {
		c := events(s, "large")
		c.Checkpoints = map[string][]byte{"large": noise(30 << 10)}
		require.NoError(t, s.Commit(c))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	short := &Store{n.store, n, ctx, func(error) {}}
	c := events(s, "one too many")
	c.Checkpoints = map[string][]byte{"large": noise(100 << 10)}
	require.ErrorIs(t, short.Commit(c), context.DeadlineExceeded)
	require.False(t, n.Status().LogWorks, "whoever waits for it could not take over")
	require.Eventually(t, func() bool { return n.stream.purge(t.Context(), n.chain.seq) == nil }, settles, time.Millisecond)
	require.NoError(t, s.Commit(c))
	require.True(t, n.Status().LogWorks)
	require.EqualValues(t, 6, s.LastSeq())
}

// Records go while the leader appends and a standby follows: both go on, and whoever is behind what is left never leads,
// but gets another store.
func TestPurgeUnderLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two, behind := b.node("one", 0), b.node("two", 0), b.node("behind", 0)
	s := one.leads(t)
	ctx, stop := context.WithCancel(t.Context())
	var purging sync.WaitGroup
	purging.Go(func() {
		for ctx.Err() == nil {
			if below := two.Status().Applied; below > 1 {
				_ = one.stream.purge(t.Context(), below) // the next one does it
			}
		}
	})
	for i := range 200 {
		require.NoError(t, s.Commit(events(s, string(noise(1000)))))
		if i%7 == 0 {
			two.reads(t)
		}
	}
	stop()
	purging.Wait()
	two.reads(t)
	require.Equal(t, one.store.Position(), two.store.Position())
	require.EqualValues(t, 200, two.store.LastSeq())

	require.Eventually(t, func() bool {
		l := behind.stream.get(t.Context(), behind.chain.seq+1)
		return l.err == nil && l.record == nil // it is gone
	}, settles, time.Millisecond)
	require.ErrorIs(t, behind.appendMark(t.Context(), header{Kind: kindTerm}), errRejoin)
	require.NoError(t, behind.closeStore())
	require.Equal(t, planFetch, join(must(behind.look(t.Context()))))
}

// A leader is replaced between the parts of a commit of 3 MB: nothing of it is ever applied. The next such commit is
// applied whole.
func TestTakeoverBetweenThePartsOfACommit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.node("one", 0), b.node("two", 0)
	s := one.leads(t)
	large := func(s *Store, text string) *store.Commit {
		c := events(s, text)
		c.Checkpoints = map[string][]byte{text: noise(3 << 20)}
		return c
	}
	redo, err := s.Prepare(large(s, "void"))
	require.NoError(t, err)
	bodies := must(one.codec.bodies(redo))
	require.Greater(t, len(bodies), 5)
	for i, body := range bodies[:len(bodies)-1] {
		h := header{Kind: kindCommit, Term: one.chain.term, Part: i + 1, Parts: len(bodies)}
		require.NoError(t, one.append(t.Context(), h, body))
	}
	two.reads(t)
	require.Less(t, two.store.Position().Seq, two.chain.seq, "it would read the parts again after a start")
	other := two.leads(t)
	require.ErrorIs(t, s.Commit(events(s, "never")), store.ErrFenced)

	require.NoError(t, other.Commit(large(other, "whole")))
	require.ErrorIs(t, one.forget(), errFenced)
	one.reads(t)
	require.Equal(t, two.store.Position(), one.store.Position())
	for _, n := range []*Node{one, two} {
		require.EqualValues(t, 1, n.store.LastSeq())
		for text, size := range map[string]int{"void": 0, "whole": 3 << 20} {
			value, err := n.store.Checkpoint(text)
			require.NoError(t, err)
			require.Len(t, value, size, text)
		}
	}
}

// Standbys that try to lead at the same moment: the log takes the term of one, and the others go on as standbys.
func TestStandbysTryToLeadAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	nodes := []*Node{b.node("one", 0), b.node("two", 0), b.node("three", 0)}
	for range 20 {
		outcomes := make(chan error)
		for _, n := range nodes {
			n.reads(t)
		}
		for _, n := range nodes {
			go func() { outcomes <- n.appendMark(t.Context(), header{Kind: kindTerm}) }()
		}
		lead := 0
		for range nodes {
			if err := <-outcomes; err == nil {
				lead++
			} else {
				require.ErrorIs(t, err, errFenced)
			}
		}
		require.Equal(t, 1, lead)
	}
	for _, n := range nodes {
		n.reads(t)
		require.Equal(t, nodes[0].store.Position(), n.store.Position())
	}
}
