// The faults of the table in docs/replicas.md are tried on whole bots, three servers of NATS, and a cloud and a Slack that hold their
// limits, in the files replicas_*_test.go here. internal/replica tries more of them, and the same ones more often, with
// processes that only poll and commit. Only there are:
//
//   - two standbys that try to lead at the same moment, and records that come at a certain moment (node_test.go): nodes in the
//     process of the test, as the moment has to be hit;
//   - a jump of the leader's clock (faults_test.go): processes whose clock is a variable, as that of the machine belongs to all;
//   - how long a takeover takes (bench_test.go): benchmarks fail where it is too long. Tests assert an order, terms and counts,
//     which do not depend on what else the machine does.
package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
	"numwatch/store"
)

// The replica that leads cannot reach NATS: another one leads, and the one that was cut off follows it later.
func TestReplicaThatLeadsIsCutOff(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	cut := r.ready()
	r.falls(0)
	restore := r.onWays(cut, (*natstest.Proxy).Cut)
	r.leader(cut)
	r.falls(1)
	restore()
	r.becomes(cut, "standby")
	r.falls(2)
	r.requireWhole(3)
	r.requireEqualStores()
}

// cutOffStopsWithin is how long a leader may take to stop that cannot reach the log: docs/operations.md says about 20
// seconds, and service managers give it 30.
const cutOffStopsWithin = 30 * time.Second

// The replica that leads is stopped while it cannot reach NATS, and has something to write. It ends in time, and the other
// one finds and tells what it could not.
func TestReplicaThatIsCutOffStops(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	cut := r.ready()
	r.falls(0)
	restore := r.onWays(cut, (*natstest.Proxy).Cut)
	r.fall(1)
	r.bots[cut].stops(cutOffStopsWithin)
	delete(r.bots, cut)
	r.leader(cut)
	r.told(1)
	restore()
	r.start(cut)
	r.ready()
	r.requireWhole(2)
}

// The server that leads the log is killed, stopped or cut off from the others, while the replicas still reach it: the same
// replica goes on, or another one does, once.
func TestServerThatLeadsTheLogOfReplicasFails(t *testing.T) {
	t.Parallel()
	r := newReplicaRigOn(t, natstest.NewProcesses(t), "a", "b")
	r.start("a", "b")
	r.ready()
	r.falls(0)
	fallen := 1
	for how, fault := range map[string]struct{ begin, end func(node int) }{
		"killed":  {func(node int) { r.nats.Kill(node) }, func(node int) { r.nats.Start(node) }},
		"stopped": {func(node int) { r.nats.Stop(node) }, func(node int) { r.nats.Start(node) }},
		"cut off": {r.nats.CutOff, r.nats.Rejoin},
	} {
		terms, node := len(r.terms()), r.nats.StreamLeader(replicaLog)
		fault.begin(node)
		r.falls(fallen)
		fallen++
		fault.end(node)
		r.ready()
		require.LessOrEqual(t, len(r.terms()), terms+1, how)
	}
	r.requireWhole(fallen)
	r.requireEqualStores()
}

// The replica that leads and the server that leads the log are killed at once, and later all servers.
func TestReplicaIsKilledWithServers(t *testing.T) {
	t.Parallel()
	r := newReplicaRigOn(t, natstest.NewProcesses(t), "a", "b")
	r.start("a", "b")
	killed := r.ready()
	r.falls(0)
	node := r.nats.StreamLeader(replicaLog)
	r.nats.Kill(node)
	r.kill(killed)
	r.leader(killed)
	r.falls(1)
	r.nats.Start(node)
	r.start(killed)
	r.ready()

	r.nats.Kill(0, 1, 2)
	r.fall(2)
	r.nats.Start(0, 1, 2)
	r.told(2)
	r.ready()
	r.requireWhole(3)
	r.requireEqualStores()
}

// The replica that leads is killed when its commit is in the log, and not yet in its store. It applies the commit once,
// when it follows the log.
func TestReplicaIsKilledBetweenTheLogAndItsStore(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	leader := r.ready()
	seen := fmt.Sprintf(`"spaces_seen": %d`, replicaSpaces) // what falls before is no change
	require.Eventually(t, func() bool { return strings.Contains(r.get(leader, "api/v1/status").body, seen) }, takesOver, 50*time.Millisecond)
	fallen, killed, last := 0, "", uint64(0)
	for kind := ""; kind != "commit"; { // it may have sent a sign of life just before
		killed = r.ready()
		before, _ := r.lastRecord()
		restore := r.onWays(killed, (*natstest.Proxy).LoseAnswers)
		for range replicaSpaces / 4 { // so that one of the next polls finds something
			r.fall(fallen)
			fallen++
		}
		require.Eventually(t, func() bool { last, kind = r.lastRecord(); return last > before }, takesOver, 5*time.Millisecond)
		if kind == "commit" {
			r.kill(killed)
		}
		restore()
	}
	s, err := store.Open(filepath.Join(r.dir, killed+".db"), store.Options{})
	require.NoError(t, err)
	require.Less(t, s.Position().Seq, last)
	require.NoError(t, s.Close())
	r.start(killed)
	r.ready()
	require.Eventually(t, func() bool { return len(r.changed()) == fallen }, takesOver, time.Second)
	r.requireLimits(len(r.terms()))
	r.requireEventsOnce()
	r.requireRecordsOnce()
	r.requireEqualStores()
}

// changed returns the numbers of which the events say that they fell.
func (r *replicaRig) changed() map[string]bool {
	r.t.Helper()
	fell := map[string]bool{}
	for _, m := range r.nats.Messages(crashStream) {
		if strings.HasPrefix(m.Subject, "numwatch.v1.change.") && strings.HasSuffix(m.Subject, ".QualityRating") && strings.Contains(string(m.Data), `"RED"`) {
			fell[m.Subject] = true
		}
	}
	return fell
}

// lastRecord is where the log ends, and with what.
func (r *replicaRig) lastRecord() (seq uint64, kind string) {
	r.t.Helper()
	s, err := r.nats.JetStream().Stream(r.t.Context(), replicaLog)
	require.NoError(r.t, err)
	seq = s.CachedInfo().State.LastSeq
	m, err := s.GetMsg(r.t.Context(), seq)
	require.NoError(r.t, err)
	var header struct{ Kind string }
	line, _, _ := strings.Cut(string(m.Data), "\n")
	require.NoError(r.t, json.Unmarshal([]byte(line), &header))
	return seq, header.Kind
}

// A replica that has lost its store, and one whose store ends before the log begins, get that of another one.
func TestReplicasGetAStore(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b", "c")
	r.start("a", "b", "c")
	leader := r.ready()
	wiped := map[string]string{"a": "b", "b": "c", "c": "a"}[leader]
	purged := map[string]string{"a": "c", "b": "a", "c": "b"}[leader]
	for _, id := range []string{wiped, purged} {
		r.stop(id)
	}
	require.NoError(t, os.Remove(filepath.Join(r.dir, wiped+".db")))
	r.falls(0)
	r.falls(1)
	s, err := r.nats.JetStream().Stream(t.Context(), replicaLog)
	require.NoError(t, err)
	require.NoError(t, s.Purge(t.Context(), jetstream.WithPurgeKeep(2)))
	for _, id := range []string{wiped, purged} {
		r.start(id)
		r.becomes(id, "standby")
		require.Contains(t, r.bots[id].said.tail(), "the store of another replica was taken", id)
	}
	r.falls(2)
	r.requireEqualStores()
	r.requireEventsOnce()
}

// Servers that lost the end of the log, and a log that somebody made anew, are not for those who have more or something else:
// they never lead, also not when the log is as long as the one that they know.
func TestLogOfReplicasIsCutOrMadeAnew(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b", "c")
	r.start("a", "b")
	r.ready()
	r.falls(0)
	earlier := filepath.Join(r.dir, "nats")
	r.nats.Stop(0, 1, 2)
	require.NoError(t, os.CopyFS(earlier, os.DirFS(r.nats.Dir)))
	r.nats.Start(0, 1, 2)
	r.falls(1)
	r.requireEqualStores()
	known := map[string]uint64{}
	r.nats.Stop(0, 1, 2)
	for id := range r.bots { // so that none writes another record before it knows that the log is shorter
		require.NoError(t, r.bots[id].command.Process.Signal(syscall.SIGSTOP))
	}
	require.NoError(t, os.RemoveAll(r.nats.Dir))
	require.NoError(t, os.CopyFS(r.nats.Dir, os.DirFS(earlier)))
	r.nats.Start(0, 1, 2)
	r.nats.StreamLeader(replicaLog)
	for id := range r.bots {
		require.NoError(t, r.bots[id].command.Process.Signal(syscall.SIGCONT))
	}
	for id := range r.bots {
		r.becomes(id, "halted")
		require.Contains(t, r.command("replicas", "list", "--url", r.urls[id]), "halted: ahead")
		known[id] = r.member(id, id).Seq
	}
	r.requireQuiet()

	require.NoError(t, r.nats.JetStream().DeleteStream(t.Context(), replicaLog))
	r.start("c")
	r.becomes("c", "leader")
	require.Eventually(t, func() bool {
		seq, _ := r.lastRecord()
		return seq > max(known["a"], known["b"])+5
	}, takesOver, 100*time.Millisecond)
	r.falls(2)
	for _, id := range []string{"a", "b"} {
		require.Equal(t, "ahead", r.member(id, id).Why, id)
		aside, err := filepath.Glob(filepath.Join(r.dir, id+".db.*"))
		require.NoError(t, err)
		require.Empty(t, aside, "people decide")
	}
	for _, term := range r.terms() {
		require.Equal(t, "c", term.ID)
	}
}

// A replica with other rules is shown as such, wherever people look.
func TestReplicasWithOtherRulesAreShown(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a")
	r.leader()
	other := r.rules() + ".other"
	require.NoError(t, os.WriteFile(other, []byte(strings.Replace(replicaRules, "critical", "high", 1)), 0o600))
	r.startWith("b", other)
	r.becomes("b", "standby")
	require.Eventually(t, func() bool { return r.member("a", "b").Differs }, takesOver, 20*time.Millisecond)
	list := r.command("replicas", "list", "--url", r.urls["a"])
	require.Regexp(t, "a +leader .* same ", list)
	require.Regexp(t, "b +standby .* DIFFERENT ", list)
	require.Contains(t, r.get("a", "").body, "accounts or rules are not those")
	require.Contains(t, r.get("a", "api/v1/status").body, `"differs": true`)
}

// Without replicas in the configuration there is no log, nothing is said to replicas, and there are no files but the store.
func TestSoloNumwatchHasNoLog(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a")
	r.withoutReplicas("a", "solo")
	js := r.nats.JetStream()
	toReplicas, err := js.Conn().SubscribeSync("numwatch.replica.>")
	require.NoError(t, err)
	require.NoError(t, js.Conn().Flush())
	r.start("solo")
	r.falls(0)
	r.falls(1)
	var streams, files []string
	for name := range js.StreamNames(t.Context()).Name() {
		streams = append(streams, name)
	}
	require.Equal(t, []string{crashStream}, streams)
	said, _, err := toReplicas.Pending()
	require.NoError(t, err)
	require.Zero(t, said)
	entries, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	for _, e := range entries {
		files = append(files, e.Name())
	}
	require.ElementsMatch(t, []string{"a.db", "a.yaml", "rules.yaml", "solo.yaml"}, files)
	require.Contains(t, r.get("solo", "api/v1/replicas").body, `"replicas": []`)
	require.NotContains(t, r.get("solo", "metrics").body, "numwatch_replica")
	r.bots["solo"].stop()
	s, err := store.Open(filepath.Join(r.dir, "a.db"), store.Options{})
	require.NoError(t, err)
	require.Zero(t, s.Position())
	require.NoError(t, s.Close())
}
