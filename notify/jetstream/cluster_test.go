package jetstream

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// electedWithin is how long a cluster may take to have leaders; an election
// takes up to nine seconds.
const electedWithin = time.Minute

// cluster is three servers on this machine, with a stream on each.
type cluster struct {
	t       *testing.T
	dir     string
	options [3]*server.Options
	nodes   [3]*server.Server
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, dir: t.TempDir()}
	var routes []string
	for i := range c.nodes {
		c.options[i] = &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: freePort(t), JetStream: true, StoreDir: c.store(i), NoSigs: true, NoLog: true,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: freePort(t)},
		}
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", c.options[i].Cluster.Port))
	}
	for i := range c.nodes {
		c.options[i].Routes = server.RoutesFromStr(strings.Join(routes, ","))
	}
	t.Cleanup(func() { c.stop(0, 1, 2) })
	c.start(0, 1, 2)
	return c
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *cluster) store(i int) string { return filepath.Join(c.dir, fmt.Sprint(i)) }

func (c *cluster) url(i int) string { return fmt.Sprintf("nats://127.0.0.1:%d", c.options[i].Port) }

func (c *cluster) start(which ...int) {
	for _, i := range which {
		s, err := server.NewServer(c.options[i].Clone())
		require.NoError(c.t, err)
		s.Start()
		c.nodes[i] = s
	}
}

func (c *cluster) stop(which ...int) {
	for _, i := range which {
		if c.nodes[i] != nil {
			c.nodes[i].Shutdown()
			c.nodes[i].WaitForShutdown()
		}
	}
}

// stream waits for the stream, made if need be, to have a leader, and returns a
// connection to a node that is not the leader.
func (c *cluster) stream(nodes ...int) jetstream.JetStream {
	c.t.Helper()
	config := StreamOptions{Name: "NUMWATCH"}.config()
	config.Replicas = 3
	var js jetstream.JetStream
	require.Eventually(c.t, func() bool {
		var leader string
		for _, i := range nodes {
			nc, err := nats.Connect(c.url(i))
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
			if leader = s.CachedInfo().Cluster.Leader; leader != c.options[i].ServerName {
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
	o.Login.URL = strings.Join([]string{c.url(1), c.url(2)}, ",")
	b.start(o)
	b.caughtUp()
	c.stop(0, 1, 2)
	require.NoError(t, os.CopyFS(copies, os.DirFS(c.dir)))
	c.start(0, 1, 2)
	b.add(b.mixed(300, 20)...)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 500 }, electedWithin, time.Millisecond)
	require.NotContains(t, said.String(), saysLost)
	c.stop(0, 1, 2)
	for i := 1; i <= 2; i++ {
		require.NoError(t, os.RemoveAll(c.store(i)))
		require.NoError(t, os.CopyFS(c.store(i), os.DirFS(filepath.Join(copies, fmt.Sprint(i)))))
	}
	c.start(1, 2)
	b.add(b.mixed(100, 20)...)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 600 }, electedWithin, time.Millisecond)
	b.js = c.stream(1, 2)
	b.requireOnceInOrder(b.published(600))
	require.Contains(t, said.String(), saysLost)
	require.EqualValues(t, 300, lost())
}
