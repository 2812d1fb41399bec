// Package natstest runs clusters of real nats-servers in the process of a test. Only tests import it.
package natstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

const (
	// readyWithin is how long a server may take to listen.
	readyWithin = time.Minute
	// electsWithin is how long the servers may take to elect a leader, which is up to nine seconds where nothing
	// else runs.
	electsWithin = time.Minute
	// answersWithin is how long a server may take to answer.
	answersWithin = 20 * time.Second
)

// Cluster is three servers on this machine.
type Cluster struct {
	Dir       string // of what they store: Store
	t         testing.TB
	nodes     [3]node
	embedded  [3]*server.Server // nil while it does not run
	processes [3]*process       // the same
	apart     bool              // in processes
	routes    [3][3]*Proxy      // from one to another, where they are processes
}

// NewCluster starts three servers in this process, which stop with the test. It does not wait for them to have a
// leader. They write everything to the disk before they answer, as they should for the log of replicas.
func NewCluster(t testing.TB) *Cluster { return start(t, false) }

// NewProcesses is NewCluster with each server in a process of its own. TestMain has to call Main.
func NewProcesses(t testing.TB) *Cluster { return start(t, true) }

func start(t testing.TB, apart bool) *Cluster {
	c := &Cluster{t: t, Dir: t.TempDir(), apart: apart}
	for i := range c.nodes {
		c.nodes[i] = node{Name: fmt.Sprintf("n%d", i), Store: c.Store(i), Port: FreePort(t), ClusterPort: FreePort(t)}
	}
	for i := range c.nodes {
		c.nodes[i].Routes = c.routesOf(i)
	}
	t.Cleanup(func() { c.Stop(0, 1, 2) })
	c.Start(0, 1, 2)
	return c
}

// nowhere is what a server advertises whose routes can be cut: others then reach it by those only.
const nowhere = "127.0.0.1:1"

// routesOf are the ways from a server to the others.
func (c *Cluster) routesOf(from int) string {
	var routes []string
	for to := range c.nodes {
		if to == from {
			continue
		}
		route := fmt.Sprintf("127.0.0.1:%d", c.nodes[to].ClusterPort)
		if c.apart {
			c.nodes[from].Advertise = nowhere
			c.routes[from][to] = NewProxy(c.t, route)
			route = c.routes[from][to].Address()
		}
		routes = append(routes, "nats://"+route)
	}
	return strings.Join(routes, ",")
}

// Part cuts two servers that are processes off from each other, while both reach the third, until Join.
func (c *Cluster) Part(a, b int) {
	c.routes[a][b].Cut()
	c.routes[b][a].Cut()
}

// Join reconnects two servers.
func (c *Cluster) Join(a, b int) {
	c.routes[a][b].Restore()
	c.routes[b][a].Restore()
}

// CutOff cuts a server that is a process off from both others, until Rejoin.
func (c *Cluster) CutOff(server int) {
	c.Part(server, (server+1)%3)
	c.Part(server, (server+2)%3)
}

// Rejoin reconnects a server with both others.
func (c *Cluster) Rejoin(server int) {
	c.Join(server, (server+1)%3)
	c.Join(server, (server+2)%3)
}

// Ports below those that the system gives to connections, of which some test has hundreds.
const firstPort, lastPort = 10_000, 32_000

// FreePort returns a port that nothing listens on, for what has to be known before it starts and when it starts
// again. No other test gets it as long as this one's process runs, as a file says.
func FreePort(t testing.TB) (port int) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "numwatch-test-ports")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for range 1000 {
		port = firstPort + rand.IntN(lastPort-firstPort)
		taken, err := os.Create(filepath.Join(dir, fmt.Sprint(port)))
		require.NoError(t, err)
		if syscall.Flock(int(taken.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err == nil && l.Close() == nil {
				ports.Store(port, taken)
				return port
			}
		}
		_ = taken.Close() // nothing was written
	}
	require.Fail(t, "there is no free port")
	return 0
}

// ports are the files of those that this process has: one that is not referred to would be closed.
var ports sync.Map

// Name is the name of a server, by which streams call their leaders.
func (c *Cluster) Name(i int) string { return c.nodes[i].Name }

// Store is the directory of a server.
func (c *Cluster) Store(i int) string { return filepath.Join(c.Dir, fmt.Sprint(i)) }

// URL is where clients connect to a server.
func (c *Cluster) URL(i int) string { return fmt.Sprintf("nats://127.0.0.1:%d", c.nodes[i].Port) }

// URLs is where clients connect to any server.
func (c *Cluster) URLs() string { return strings.Join([]string{c.URL(0), c.URL(1), c.URL(2)}, ",") }

// JetStream returns a client once the servers answer it.
func (c *Cluster) JetStream() (js jetstream.JetStream) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		nc, err := nats.Connect(c.URLs())
		if err != nil {
			return false
		}
		if js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(answersWithin)); err == nil {
			ctx, cancel := context.WithTimeout(c.t.Context(), time.Second) // without a leader nobody answers
			_, err = js.AccountInfo(ctx)
			cancel()
		}
		if err != nil {
			nc.Close()
			return false
		}
		c.t.Cleanup(nc.Close)
		return true
	}, electsWithin, 100*time.Millisecond)
	return js
}

// StreamLeader returns the server that leads a stream.
func (c *Cluster) StreamLeader(stream string) (leader int) {
	c.t.Helper()
	js := c.JetStream()
	require.Eventually(c.t, func() bool {
		s, err := js.Stream(c.t.Context(), stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		name := s.CachedInfo().Cluster.Leader
		leader = slices.IndexFunc(c.nodes[:], func(n node) bool { return n.Name == name })
		return leader >= 0
	}, electsWithin, 100*time.Millisecond)
	return leader
}

// Running reports whether a server runs.
func (c *Cluster) Running(i int) bool { return c.embedded[i] != nil || c.processes[i] != nil }

// Start starts servers.
func (c *Cluster) Start(which ...int) {
	for _, i := range which {
		if c.apart {
			c.processes[i] = startProcess(c.t, &c.nodes[i])
			continue
		}
		s, err := server.NewServer(c.nodes[i].options())
		require.NoError(c.t, err)
		s.Start()
		c.embedded[i] = s
		require.True(c.t, s.ReadyForConnections(readyWithin), "server %d does not listen", i)
	}
}

// Stop stops servers in an orderly way, and waits for them.
func (c *Cluster) Stop(which ...int) {
	for _, i := range which {
		switch {
		case c.processes[i] != nil:
			c.processes[i].end(syscall.SIGTERM)
		case c.embedded[i] != nil:
			c.embedded[i].Shutdown()
			c.embedded[i].WaitForShutdown()
		}
		c.processes[i], c.embedded[i] = nil, nil
	}
}

// CaughtUp waits until a server of this process has all of a stream. Until then the server counts towards a quorum, and
// the stream may be left without a leader.
func (c *Cluster) CaughtUp(i int, stream string) {
	c.t.Helper()
	require.NotNil(c.t, c.embedded[i], "server %d is no part of this process", i)
	js := c.JetStream()
	current := func() bool {
		s, err := js.Stream(c.t.Context(), stream)
		if err != nil || s.CachedInfo().Cluster.Leader == "" {
			return false
		}
		behind := func(p *jetstream.PeerInfo) bool { return p.Name == c.Name(i) && (!p.Current || p.Offline) }
		return !slices.ContainsFunc(s.CachedInfo().Cluster.Replicas, behind) &&
			c.embedded[i].JetStreamIsStreamCurrent(server.DEFAULT_GLOBAL_ACCOUNT, stream)
	}
	require.Eventually(c.t, current, electsWithin, 20*time.Millisecond, "server %d lacks some of stream %s", i, stream)
}

// Kill kills servers that are processes.
func (c *Cluster) Kill(which ...int) {
	for _, i := range which {
		c.processes[i].signal(syscall.SIGKILL)
	}
	for _, i := range which {
		c.processes[i].end(syscall.SIGKILL)
		c.processes[i] = nil
	}
}

// Freeze suspends a server that is a process, until Thaw. To the others and its clients it looks cut off.
func (c *Cluster) Freeze(i int) { c.processes[i].signal(syscall.SIGSTOP) }

// Thaw resumes a server.
func (c *Cluster) Thaw(i int) {
	if c.processes[i] != nil {
		c.processes[i].signal(syscall.SIGCONT)
	}
}
