package replica

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
	"numwatch/store/storetest"
)

// The leader is killed: another one leads a lease later, and nothing that was acknowledged is lost.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.large = 600 << 10 // two records
	f.start("a", "b", "c")
	first := f.leads(15)
	f.kill(first)
	f.leader(first)
	terms := f.terms()
	require.NotEqual(t, first, terms[len(terms)-1].ID)
	require.False(t, terms[len(terms)-1].Released)
	f.start(first)
	f.commits(15)
	f.requireWhole()
}

// An orderly stop gives the right away: the next one leads at once, and polls when the second in which the last request
// was sent is over.
func TestLeaderStops(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	first := f.leads(5)
	f.stop(first)
	f.leader(first)
	terms := f.terms()
	require.True(t, terms[len(terms)-1].Released)
	require.GreaterOrEqual(t, f.hub.gap(first), handover)
	f.requireWhole()
}

// A leader that stood still, or cannot reach NATS, finds out that it was replaced before it acts again.
func TestLeaderFreezesOrIsCutOff(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(f *fleet, id string) }{
		"stopped": {
			func(f *fleet, id string) { f.signal(id, syscall.SIGSTOP) },
			func(f *fleet, id string) { f.signal(id, syscall.SIGCONT) },
		},
		"cut off": {func(f *fleet, id string) { f.cut(id) }, func(f *fleet, id string) { f.restore(id) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.start("a", "b")
			first := f.leads(5)
			fault.begin(f, first)
			f.leader(first)
			f.commits(5)
			fault.end(f, first)
			f.becomes(first, Standby)
			f.requireWhole()
		})
	}
}

// The wall clock of the leader's machine is set forward by a minute, or the machine was suspended: the right ends at that
// moment, and is there again with the next record.
func TestClockOfTheLeaderJumps(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	var last jump
	for last.before != "<nil>" { // the right may just have lapsed
		seen := len(f.hub.jumped())
		f.signal(f.leads(5), syscall.SIGUSR1)
		require.Eventually(t, func() bool { return len(f.hub.jumped()) > seen }, settles, 5*time.Millisecond)
		last = f.hub.jumped()[seen]
	}
	require.Contains(t, last.after, ErrNoRight.Error())
	f.commits(5)
	f.requireWhole()
}

// While NATS has no quorum nobody acts; with it the same leader goes on, and nothing is lost.
func TestNATSLosesItsQuorum(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	f.ready()
	f.commits(5)
	terms := len(f.terms())
	f.nats.Stop(0, 1)
	ended := time.Now().Add(testLease - testMargin) // all rights, of which none is renewed
	time.Sleep(testLease + 2*time.Second)
	again := time.Now()
	f.nats.Start(0, 1)
	f.leader()
	for _, p := range f.hub.sent() {
		require.False(t, p.at.After(ended) && p.at.Before(again), "nobody polls")
	}
	require.LessOrEqual(t, len(f.terms()), terms+1, "the same leader, or one takeover")
	f.requireWhole()
}

// Servers are stopped one after the other, each once the one before is up to date, and then all: it goes on by itself.
func TestServersOfNATSRestart(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	f.ready()
	for i := range 3 {
		f.nats.Stop(i)
		time.Sleep(500 * time.Millisecond)
		f.leader()
		f.nats.Start(i)
		f.leader()
		f.nats.CaughtUp(i, StreamName("test"))
	}
	f.nats.Stop(0, 1, 2)
	f.nats.Start(0, 1, 2)
	f.leader()
	f.requireWhole()
}

// A replica whose store is gone, or too old for the log, gets that of another one.
func TestReplicaWithoutAStoreGetsOne(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b", "c")
	first := f.ready()
	wiped, old := f.others(first)[0], f.others(first)[1]
	f.stop(wiped, old)
	require.NoError(t, os.Remove(f.replicas[wiped].path))
	f.commits(10)
	s, err := f.nats.JetStream().Stream(t.Context(), StreamName("test"))
	require.NoError(t, err)
	require.NoError(t, s.Purge(t.Context(), jetstream.WithPurgeKeep(2)))
	f.start(wiped, old)
	for _, id := range []string{wiped, old} {
		f.becomes(id, Standby)
	}
	f.requireWhole()
}

// Whoever has more than the log, or another history, never leads.
func TestLogIsDeletedUnderReplicas(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	f.ready()
	f.commits(5)
	require.NoError(t, f.nats.JetStream().DeleteStream(t.Context(), StreamName("test")))
	for _, id := range []string{"a", "b"} {
		require.Eventually(t, func() bool { return f.hub.said(id).why == WhyAhead }, settles, 50*time.Millisecond)
	}
	_, err := f.nats.JetStream().Stream(t.Context(), StreamName("test"))
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "none of them makes it anew")

	// A third one with an empty store begins a new log, which grows as long as the old one was.
	applied := f.hub.said("a").applied
	f.start("c")
	require.Equal(t, "c", f.leader("a", "b"))
	require.Eventually(t, func() bool { return f.hub.said("c").applied > applied+10 }, settles, 50*time.Millisecond)
	for _, id := range []string{"a", "b"} {
		require.Equal(t, WhyAhead, f.hub.said(id).why)
		require.Equal(t, string(Halted), f.hub.said(id).role)
		require.Empty(t, must(filepath.Glob(f.replicas[id].path+".*")), "people decide")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The servers lose the end of the log, as after a loss of power without sync_interval always, and a
// replica that had not read it leads on from there. The one that had keeps its file and takes the other's.
func TestReplicaHasAnotherHistory(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	first := f.ready()
	second := f.others(first)[0]
	f.commits(5)
	f.signal(second, syscall.SIGSTOP)
	f.stop(first)
	copied := f.dir + "/nats"
	f.nats.Stop(0, 1, 2)
	require.NoError(t, os.CopyFS(copied, os.DirFS(f.nats.Dir)))
	f.nats.Start(0, 1, 2)
	f.nats.JetStream()
	f.start(first)
	require.Equal(t, first, f.leader(second))
	f.commits(5)
	f.kill(first)
	f.nats.Stop(0, 1, 2)
	require.NoError(t, os.RemoveAll(f.nats.Dir))
	require.NoError(t, os.CopyFS(f.nats.Dir, os.DirFS(copied)))
	f.nats.Start(0, 1, 2)
	f.hub.forget() // what was acknowledged meanwhile is lost
	f.signal(second, syscall.SIGCONT)
	require.Equal(t, second, f.leader(first))
	f.commits(20) // so that the log is longer again than it was
	f.start(first)
	f.becomes(first, Standby)
	require.Len(t, must(filepath.Glob(f.replicas[first].path+".diverged-*")), 1)
	f.requireWhole()
}

// A replica that does not know the format of a record stops following, and says so.
func TestReplicaMeetsANewerFormat(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a")
	f.leader()
	_, err := f.nats.JetStream().Publish(t.Context(), "numwatch.log.test", []byte(`{"v":2,"kind":"merge"}`+"\n"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return f.hub.said("a").why == WhyNewer }, settles, 50*time.Millisecond)
	halted := time.Now()
	time.Sleep(testLease)
	polls := f.hub.sent()
	require.True(t, polls[len(polls)-1].at.Before(halted))
}

// A standby whose file is damaged keeps it aside, and gets the store of the leader.
func TestReplicaWithADamagedStoreGetsAnother(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.start("a", "b")
	first := f.ready()
	second := f.others(first)[0]
	f.commits(60)
	f.stop(second)
	storetest.ZeroRoot(t, f.replicas[second].path, "log")
	f.start(second)
	require.Eventually(t, func() bool { return len(must(filepath.Glob(f.replicas[second].path+".damaged-*"))) == 1 }, settles, 50*time.Millisecond)
	f.becomes(second, Standby)
	f.requireWhole()
}

// The server that leads the log's stream is killed, or stands still, or cannot reach the others, while the replicas still
// reach it: the same replica goes on, or another one does, once.
func TestServerThatLeadsTheStreamFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		begin, end func(c *natstest.Cluster, node int)
	}{
		"killed":  {func(c *natstest.Cluster, node int) { c.Kill(node) }, func(c *natstest.Cluster, node int) { c.Start(node) }},
		"frozen":  {(*natstest.Cluster).Freeze, (*natstest.Cluster).Thaw},
		"cut off": {(*natstest.Cluster).CutOff, (*natstest.Cluster).Rejoin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleetOn(t, natstest.NewProcesses(t))
			f.start("a", "b")
			f.ready()
			node := f.nats.StreamLeader(StreamName("test"))
			terms := len(f.terms())
			fault.begin(f.nats, node)
			failed := time.Now()
			f.commits(5)
			t.Logf("it went on after %v", time.Since(failed).Round(100*time.Millisecond))
			fault.end(f.nats, node)
			f.ready()
			require.LessOrEqual(t, len(f.terms()), terms+1)
			f.requireWhole()
		})
	}
}

// All replicas are connected to the server that leads the log's stream, which is cut off from the others: it goes on
// answering reads, and takes nothing. They find the servers that have a quorum.
func TestReplicasAreConnectedToAServerThatIsCutOff(t *testing.T) {
	t.Parallel()
	f := newFleetOn(t, natstest.NewProcesses(t))
	f.start("a", "b")
	f.ready()
	node := f.nats.StreamLeader(StreamName("test"))
	others := []int{(node + 1) % 3, (node + 2) % 3}
	for _, r := range f.replicas {
		for _, other := range others {
			r.proxy[other].Cut()
		}
	}
	for id := range f.replicas { // whoever goes on has come to the server that is left
		applied := f.hub.said(id).applied
		require.Eventually(t, func() bool { return f.hub.said(id).applied > applied+10 }, settles, 20*time.Millisecond)
	}
	for _, r := range f.replicas {
		for _, other := range others {
			r.proxy[other].Restore()
		}
	}
	f.nats.CutOff(node)
	f.commits(20)
	f.nats.Rejoin(node)
	f.ready()
	f.requireWhole()
}

// Two servers do not reach each other, while both reach the third one: which pair it is, and whoever leads the stream
// then, nothing is lost.
func TestServersOfNATSAreParted(t *testing.T) {
	t.Parallel()
	f := newFleetOn(t, natstest.NewProcesses(t))
	f.start("a", "b")
	f.ready()
	leads := f.nats.StreamLeader(StreamName("test"))
	for _, pair := range [][2]int{{leads, (leads + 1) % 3}, {(leads + 1) % 3, (leads + 2) % 3}} {
		f.nats.Part(pair[0], pair[1])
		f.commits(20)
		f.nats.Join(pair[0], pair[1])
	}
	f.ready()
	f.requireWhole()
}

// The leading replica and the server that leads the stream are killed at once, and later all servers.
func TestEverythingIsKilled(t *testing.T) {
	t.Parallel()
	f := newFleetOn(t, natstest.NewProcesses(t))
	f.start("a", "b", "c")
	first := f.ready()
	node := f.nats.StreamLeader(StreamName("test"))
	f.nats.Kill(node)
	f.kill(first)
	f.leader(first)
	f.nats.Start(node)
	f.start(first)
	f.ready()
	f.nats.Kill(0, 1, 2)
	time.Sleep(time.Second)
	f.nats.Start(0, 1, 2)
	f.ready()
	f.requireWhole()
}
