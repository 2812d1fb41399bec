package jetstream

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
)

// electedWithin is how long a cluster may take to have leaders; an election
// takes up to nine seconds.
const electedWithin = time.Minute

func TestMain(m *testing.M) {
	natstest.Main() // a server, in a process of its own
	os.Exit(m.Run())
}

// cluster is three servers on this machine, with a stream on each.
type cluster struct {
	*natstest.Cluster
	t *testing.T
}

func newCluster(t *testing.T) cluster { return cluster{natstest.NewCluster(t), t} }

// stream waits for the stream, made if need be, to have a leader, and returns a
// connection to a node that is not the leader.
func (c cluster) stream(nodes ...int) jetstream.JetStream {
	c.t.Helper()
	config := StreamOptions{Name: "NUMWATCH"}.config()
	config.Replicas = 3
	var js jetstream.JetStream
	require.Eventually(c.t, func() bool {
		var leader string
		for _, i := range nodes {
			nc, err := nats.Connect(c.URL(i))
			if err != nil {
				return false
			}
			some, err := jetstream.New(nc, jetstream.WithDefaultTimeout(askTimeout))
			require.NoError(c.t, err)
			s, err := some.CreateOrUpdateStream(c.t.Context(), config)
			if err != nil || s.CachedInfo().Cluster.Leader == "" {
				nc.Close()
				return false
			}
			if leader = s.CachedInfo().Cluster.Leader; leader != c.Name(i) {
				js = some
				c.t.Cleanup(nc.Close)
				return true
			}
			nc.Close()
		}
		return false
	}, electedWithin, 200*time.Millisecond)
	return js
}

// Whichever node a client is connected to, it reads what was acknowledged a
// moment ago. Of direct gets, some in a hundred miss it.
func TestReadsOfAClusterAreNeverStale(t *testing.T) {
	bursts := 500
	if testing.Short() {
		bursts = 100
	}
	js := newCluster(t).stream(0, 1, 2)
	read, err := newReader(js.Conn(), "NUMWATCH")
	require.NoError(t, err)
	for i := range bursts {
		subject := fmt.Sprintf("numwatch.v1.bot.n%d", i)
		var last jetstream.PubAckFuture
		for range 20 {
			var err error
			last, err = js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: make([]byte, 1000), Header: nats.Header{headerAcked: {"1"}}})
			require.NoError(t, err)
		}
		ack := <-last.Ok()
		m, err := read.lastOn(t.Context(), subject)
		require.NoError(t, err)
		require.Equal(t, ack.Sequence, m.sequence)
	}
}

// Two nodes of a cluster are put back to what they were, and the third, which
// has everything, is gone: the others become leaders without the end.
func TestClusterLosesTheEndOfTheStream(t *testing.T) {
	c := newCluster(t)
	b := &rig{t: t, log: newMemory(), js: c.stream(0, 1, 2)}
	t.Cleanup(func() { b.stopSink() })
	copies := t.TempDir()
	b.add(b.mixed(200, 20)...)
	o, said, lost := b.heard()
	o.Login.URL = strings.Join([]string{c.URL(1), c.URL(2)}, ",")
	b.start(o)
	b.caughtUp()
	c.Stop(0, 1, 2)
	require.NoError(t, os.CopyFS(copies, os.DirFS(c.Dir)))
	c.Start(0, 1, 2)
	b.add(b.mixed(300, 20)...)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 500 }, electedWithin, time.Millisecond)
	require.NotContains(t, said.String(), saysLost)
	c.Stop(0, 1, 2)
	for i := 1; i <= 2; i++ {
		require.NoError(t, os.RemoveAll(c.Store(i)))
		require.NoError(t, os.CopyFS(c.Store(i), os.DirFS(filepath.Join(copies, fmt.Sprint(i)))))
	}
	c.Start(1, 2)
	b.add(b.mixed(100, 20)...)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 600 }, electedWithin, time.Millisecond)
	b.js = c.stream(1, 2)
	b.requireOnceInOrder(b.published(600))
	require.Contains(t, said.String(), saysLost)
	require.EqualValues(t, 300, lost())
}

// A stream is made on as many servers as it is to be on. One that is on fewer is used, with a warning.
func TestStreamOnFewerServersThanWanted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	js := c.JetStream()
	want := StreamOptions{Name: "NUMWATCH", Create: true, Replicas: 3}
	made, err := want.open(t.Context(), js)
	require.NoError(t, err)
	require.Equal(t, 3, made.CachedInfo().Config.Replicas)
	require.Empty(t, want.warnings(made.CachedInfo().Config))
	said, err := Check(t.Context(), Login{URL: c.URLs()}, want)
	require.NoError(t, err)
	require.NotContains(t, said, "warning")

	config := made.CachedInfo().Config
	config.Replicas = 1
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	said, err = Check(t.Context(), Login{URL: c.URLs()}, want)
	require.NoError(t, err)
	require.Contains(t, said, "warning: stream NUMWATCH is on 1 server of NATS")
	require.Contains(t, said, "nats stream edit NUMWATCH --replicas 3")
	require.Empty(t, StreamOptions{Name: "NUMWATCH"}.warnings(config), "without replicas one server is what is wanted")
}

// The bot is connected to a server that is cut off from the others, whether that leads the stream, and goes on answering
// reads, or not: it connects to another one.
func TestConnectedToAServerThatIsCutOff(t *testing.T) {
	for name, behind := range map[string]int{"leader": 0, "follower": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster{natstest.NewProcesses(t), t}
			b := &rig{t: t, log: newMemory(), js: c.stream(0, 1, 2)}
			t.Cleanup(func() { b.stopSink() })
			cut := (c.StreamLeader("NUMWATCH") + behind) % 3
			others := []int{(cut + 1) % 3, (cut + 2) % 3}
			urls, ways := c.URL(cut), []*natstest.Proxy{}
			for _, other := range others {
				way := natstest.NewProxy(t, strings.TrimPrefix(c.URL(other), "nats://"))
				way.Cut() // until it is connected to the first one
				urls, ways = urls+","+way.URL(), append(ways, way)
			}
			b.add(b.mixed(50, 5)...)
			b.start(b.optionsFor(Login{URL: urls}))
			require.Eventually(t, func() bool { return b.sink.Status().Cursor == 50 }, electedWithin, time.Millisecond)
			for _, way := range ways {
				way.Restore()
			}
			c.CutOff(cut)
			b.add(b.mixed(100, 5)...)
			began := time.Now()
			require.Eventually(t, func() bool { return b.sink.Status().Cursor == 150 }, electedWithin, time.Millisecond)
			t.Logf("it went on after %v", time.Since(began).Round(100*time.Millisecond))
			// The one that is cut off would answer reads with what it lacks.
			nc, err := nats.Connect(c.URL(others[0]))
			require.NoError(t, err)
			t.Cleanup(nc.Close)
			b.js, err = jetstream.New(nc)
			require.NoError(t, err)
			b.requireOnceInOrder(b.published(150))
		})
	}
}
