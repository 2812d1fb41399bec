package replica

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/internal/natstest"
	"numwatch/store"
)

const (
	testLease  = slowness * 2500 * time.Millisecond
	testMargin = 1200 * time.Millisecond
	// settles is how long the cluster and the replicas may take to come to terms: elections take up to nine seconds.
	// Nothing is said about how long it does take, which depends on what else the machine does: BenchmarkTakeover measures it.
	settles = 3 * time.Minute
)

// fleet is three servers of NATS, and replicas that are processes.
type fleet struct {
	t        testing.TB
	nats     *natstest.Cluster
	dir      string
	hub      *hub
	large    int
	replicas map[string]*replica
}

// replica is a process, and the way it has to NATS.
type replica struct {
	id     string
	path   string
	cmd    *exec.Cmd
	ended  chan error
	frozen bool
	proxy  []*natstest.Proxy
}

func newFleet(t testing.TB) *fleet { return newFleetOn(t, natstest.NewCluster(t)) }

func newFleetOn(t testing.TB, cluster *natstest.Cluster) *fleet {
	f := &fleet{t: t, nats: cluster, dir: t.TempDir(), hub: newHub(t), replicas: map[string]*replica{}}
	t.Cleanup(func() {
		for _, r := range f.replicas {
			if r.cmd != nil {
				f.kill(r.id)
			}
		}
	})
	cluster.JetStream() // wait until streams can be made
	return f
}

func (f *fleet) start(ids ...string) {
	f.t.Helper()
	for _, id := range ids {
		r := f.replicas[id]
		if r == nil {
			r = &replica{id: id, path: filepath.Join(f.dir, id+".db")}
			for i := range 3 {
				r.proxy = append(r.proxy, natstest.NewProxy(f.t, strings.TrimPrefix(f.nats.URL(i), "nats://")))
			}
			f.replicas[id] = r
		}
		var urls []string
		for _, p := range r.proxy {
			urls = append(urls, p.URL())
		}
		config, err := json.Marshal(process{
			ID: id, NATS: strings.Join(urls, ","), Path: r.path, Hub: f.hub.url, Lease: testLease, Margin: testMargin, Large: f.large,
		})
		require.NoError(f.t, err)
		f.hub.starts(id)
		r.cmd = exec.Command(os.Args[0])
		r.cmd.Env = append(os.Environ(), processEnv+"="+string(config))
		r.cmd.Stderr = &lines{f.t}
		require.NoError(f.t, r.cmd.Start())
		ended, cmd := make(chan error, 1), r.cmd
		r.ended = ended
		go func() { ended <- cmd.Wait() }()
	}
}

// lines shows what a process logs with the output of the test.
type lines struct{ t testing.TB }

func (l *lines) Write(b []byte) (int, error) {
	fmt.Fprint(l.t.Output(), string(b))
	return len(b), nil
}

func (f *fleet) signal(id string, s syscall.Signal) {
	f.t.Helper()
	require.NoError(f.t, f.replicas[id].cmd.Process.Signal(s))
}

func (f *fleet) kill(id string) {
	f.t.Helper()
	f.signal(id, syscall.SIGKILL)
	<-f.replicas[id].ended
	f.replicas[id].cmd = nil
}

// stop stops a replica in an orderly way.
func (f *fleet) stop(ids ...string) {
	f.t.Helper()
	for _, id := range ids {
		f.signal(id, syscall.SIGTERM)
		select {
		case err := <-f.replicas[id].ended:
			require.NoError(f.t, err)
		case <-time.After(settles):
			f.t.Fatalf("%s does not stop", id)
		}
		f.replicas[id].cmd = nil
	}
}

func (f *fleet) cut(id string) {
	for _, p := range f.replicas[id].proxy {
		p.Cut()
	}
}

func (f *fleet) restore(id string) {
	for _, p := range f.replicas[id].proxy {
		p.Restore()
	}
}

// leader waits until a replica other than these polls, and returns which.
func (f *fleet) leader(not ...string) (id string) {
	f.t.Helper()
	since := time.Now()
	require.Eventually(f.t, func() bool {
		id = f.hub.polledSince(since, not)
		return id != ""
	}, settles, 5*time.Millisecond)
	return id
}

// ready waits until all replicas lead or follow, and returns the one that leads.
func (f *fleet) ready() (leader string) {
	f.t.Helper()
	leader = f.leader()
	f.follow()
	return leader
}

// leads waits until all replicas lead or follow, and a number of commits after that, and returns the one that leads then.
func (f *fleet) leads(commits int) (leader string) {
	f.t.Helper()
	f.ready()
	f.commits(commits)
	return f.leader()
}

// follow waits until all replicas lead or follow.
func (f *fleet) follow() {
	f.t.Helper()
	for id, r := range f.replicas {
		if r.cmd == nil {
			continue
		}
		require.Eventually(f.t, func() bool {
			role := f.hub.said(id).role
			return role == string(Standby) || role == string(Leading)
		}, settles, 20*time.Millisecond, "%s does not follow the log", id)
	}
}

// commits waits until so many more commits were acknowledged.
func (f *fleet) commits(more int) {
	f.t.Helper()
	want := f.hub.acks() + more
	require.Eventually(f.t, func() bool { return f.hub.acks() >= want }, settles, 20*time.Millisecond, "it does not go on")
}

// becomes waits until a replica says that it has a role.
func (f *fleet) becomes(id string, role Role) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.hub.said(id).role == string(role) }, settles, 20*time.Millisecond, "%s does not become %s", id, role)
}

// terms returns who led, and requires that each time began and went on by right.
func (f *fleet) terms() []natstest.Term { return f.nats.Terms(StreamName("test"), testLease) }

func (f *fleet) others(id string) (others []string) {
	for other := range f.replicas {
		if other != id {
			others = append(others, other)
		}
	}
	slices.Sort(others)
	return others
}

// requireWhole stops everything and compares: all stores hold the same, every commit that was
// acknowledged is in them, and only the one that leads wrote to the log and polled, never too often.
func (f *fleet) requireWhole() {
	f.t.Helper()
	f.ready()
	for id, r := range f.replicas {
		if r.cmd != nil {
			f.signal(id, syscall.SIGSTOP) // so that none takes over while the others stop
		}
	}
	js := f.nats.JetStream()
	var paths []string
	for id, r := range f.replicas {
		if r.cmd == nil {
			continue
		}
		f.kill(id)
		paths = append(paths, r.path)
	}
	// A server that was frozen may answer from what it had before. What counts is what they agree on.
	require.Eventually(f.t, func() bool {
		ends := map[store.Position]bool{}
		for _, path := range paths {
			ends[f.catchUp(js, path)] = true
		}
		return len(ends) == 1
	}, settles, 100*time.Millisecond, "the stores do not end at the same record")
	want := holds(f.t, paths[0])
	for _, path := range paths[1:] {
		got := holds(f.t, path)
		require.Len(f.t, got, len(want))
		require.Equal(f.t, want, got)
	}
	s, err := store.Open(paths[0], store.Options{})
	require.NoError(f.t, err)
	defer s.Close()
	events, err := s.ReadLog(1, 1_000_000)
	require.NoError(f.t, err)
	for seq, text := range f.hub.ackedEvents() {
		require.LessOrEqual(f.t, seq, len(events), "lost")
		require.Equal(f.t, text, events[seq-1].Notice.Text, "event %d was acknowledged, and is another", seq)
	}
	f.terms()
	f.hub.requireLimits(f.t)
}

// catchUp applies the rest of the log to a store that nobody has open, as a follower would.
func (f *fleet) catchUp(js jetstream.JetStream, path string) store.Position {
	f.t.Helper()
	s, err := store.Open(path, store.Options{})
	require.NoError(f.t, err)
	stream, err := newStream(js.Conn(), "test")
	require.NoError(f.t, err)
	n := &Node{o: Options{Lease: testLease}, codec: newCodec(), store: s, chain: from(s.Position()), stream: stream}
	for {
		l := n.stream.get(f.t.Context(), n.chain.seq+1)
		if l.record == nil {
			break
		}
		link, err := n.chain.next(l.record)
		require.NoError(f.t, err)
		require.NoError(f.t, n.apply(link))
	}
	require.NoError(f.t, s.Close())
	return n.chain.position()
}

// holds returns all that a store has.
func holds(t testing.TB, path string) map[string]string {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	require.NoError(t, err)
	defer db.Close()
	all := map[string]string{}
	require.NoError(t, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error { all[fmt.Sprintf("%s %q", name, k)] = string(v); return nil })
		})
	}))
	return all
}
