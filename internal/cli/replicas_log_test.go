package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
	camssim "numwatch/internal/sim/cams"
)

const replicaLog = "NUMWATCH_LOG_test"

// limitLog has the log take no more than a number of bytes.
func (r *replicaRig) limitLog(limit func(used uint64) int64) {
	r.t.Helper()
	js := r.nats.JetStream()
	s, err := js.Stream(r.t.Context(), replicaLog)
	require.NoError(r.t, err)
	config := s.CachedInfo().Config
	config.MaxBytes = limit(s.CachedInfo().State.Bytes)
	_, err = js.UpdateStream(r.t.Context(), config)
	require.NoError(r.t, err)
}

// While the log is full, nobody polls or posts, and no replica says that it is ready. Once there is room, the work goes on
// by itself.
func TestLogOfReplicasIsFull(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	leader := r.leader()
	r.becomes(map[string]string{"a": "b", "b": "a"}[leader], "standby")
	r.falls(0)
	r.limitLog(func(used uint64) int64 { return int64(used) })
	r.requireQuiet()
	r.fall(1)
	for id := range r.bots {
		require.Eventually(t, func() bool { return r.get(id, "readyz").code == 503 }, takesOver, 20*time.Millisecond, id)
	}
	require.Empty(t, r.said(replicaNumber(1)))
	require.Contains(t, r.bots[leader].said.tail(), "the log is full")

	r.limitLog(func(uint64) int64 { return 1 << 30 })
	r.told(1)
	for id := range r.bots {
		require.Eventually(t, func() bool { return r.get(id, "readyz").code == 200 }, takesOver, 20*time.Millisecond, id)
	}
	r.requireWhole(2)
	r.requireEqualStores()
}

// The log has a record of a newer version: replicas that do not know it do nothing, and say why.
func TestReplicasAreOlderThanTheLog(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	r.leader()
	r.falls(0)
	_, err := r.nats.JetStream().Publish(t.Context(), "numwatch.log.test", []byte(`{"v":2,"kind":"merge"}`+"\n"))
	require.NoError(t, err)
	r.becomes("a", "halted")
	r.becomes("b", "halted")
	require.Contains(t, r.command("replicas", "list", "--url", r.urls["a"]), "halted: newer_format")
	for id := range r.bots {
		answer := r.get(id, "readyz")
		require.Equal(t, 503, answer.code)
		require.Contains(t, answer.body, "the log holds records of a newer numwatch")
	}
	r.fall(1)
	r.requireQuiet()
	require.Empty(t, r.said(replicaNumber(1)))
}

// All servers of NATS lose the end of the log, and a replica that had not read it goes on from there. The one that had
// keeps its store as a file, and takes that of the other.
func TestReplicasHaveDifferentHistories(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	first := r.leader()
	second := map[string]string{"a": "b", "b": "a"}[first]
	r.becomes(second, "standby")
	r.falls(0)
	behind := r.bots[second].command.Process
	require.NoError(t, behind.Signal(syscall.SIGSTOP))
	earlier := filepath.Join(r.dir, "nats")
	r.nats.Stop(0, 1, 2)
	require.NoError(t, os.CopyFS(earlier, os.DirFS(r.nats.Dir)))
	r.nats.Start(0, 1, 2)
	r.falls(1)
	r.kill(first)

	r.nats.Stop(0, 1, 2)
	require.NoError(t, os.RemoveAll(r.nats.Dir))
	require.NoError(t, os.CopyFS(r.nats.Dir, os.DirFS(earlier)))
	r.nats.Start(0, 1, 2)
	require.NoError(t, behind.Signal(syscall.SIGCONT))
	require.Equal(t, second, r.leader(first))
	r.falls(2)
	r.start(first)
	r.becomes(first, "standby")
	aside, err := filepath.Glob(filepath.Join(r.dir, first+".db.diverged-*"))
	require.NoError(t, err)
	require.Len(t, aside, 1)
	r.requireWhole(3)
	r.requireEqualStores()
}

// NATS stores what the leader sends, and its answers are lost: what is in the log already is not appended again.
func TestLeaderHearsNoAnswers(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	leader := r.leader()
	r.falls(0)
	for i := 1; i <= 3; i++ {
		restore := r.onWays(leader, (*natstest.Proxy).LoseAnswers)
		r.fall(i)
		time.Sleep(time.Second)
		restore()
		r.told(i)
	}
	r.requireWhole(4)
	r.requireRecordsOnce()
	r.requireEqualStores()
}

// requireRecordsOnce looks for records that are in the log twice.
func (r *replicaRig) requireRecordsOnce() {
	r.t.Helper()
	seen := map[string]bool{}
	for _, m := range r.nats.Messages(replicaLog) {
		require.False(r.t, seen[string(m.Data)], "record %d is in the log twice", m.Sequence)
		seen[string(m.Data)] = true
	}
}

// The stream of the events is as safe as the log, where numwatch makes it. One that is on a single server is used as it
// is, and people are told how to change that.
func TestReplicasWantEventsOnThreeServers(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	js := r.nats.JetStream()
	require.NoError(t, js.DeleteStream(t.Context(), crashStream))
	r.start("a", "b")
	leader := r.ready()
	r.falls(0)
	s, err := js.Stream(t.Context(), crashStream)
	require.NoError(t, err)
	config := s.CachedInfo().Config
	require.Equal(t, 3, config.Replicas)
	const advice = "nats stream edit NUMWATCH --replicas 3"
	require.NotContains(t, r.command("check", "--config", r.where["a"], "--rules", r.rules()), advice)
	require.NotContains(t, r.get(leader, "api/v1/status").body, advice)

	config.Replicas = 1
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	require.Contains(t, unwrapped(r.command("check", "--config", r.where["a"], "--rules", r.rules())), advice)
	r.stop(leader)
	next := r.leader(leader)
	require.Eventually(t, func() bool { return strings.Contains(r.get(next, "api/v1/status").body, advice) }, takesOver, 50*time.Millisecond)
	require.Contains(t, unwrapped(r.command("status", "--url", r.urls[next])), advice)
	require.Contains(t, r.get(next, "delivery").body, advice)
}

// unwrapped puts into one line what a command prints for people.
func unwrapped(said string) string { return strings.Join(strings.Fields(said), " ") }

// largeSpace has a poll of a space find 3 MB that no compression makes smaller, which is a commit in several records.
func (r *replicaRig) largeSpace(seed int) {
	r.t.Helper()
	noise := rand.NewChaCha8([32]byte{byte(seed)})
	space := camssim.Space{Id: replicaSpace(0), Name: "Customer"}
	for i := range 32 {
		name := make([]byte, 3<<20/32)
		_, err := noise.Read(name)
		require.NoError(r.t, err)
		number := fmt.Sprintf("86139000%04d", i)
		space.Numbers = append(space.Numbers, healthy(number, base64.StdEncoding.EncodeToString(name)))
	}
	for i := 0; i < replicaNumbers; i += replicaSpaces {
		space.Numbers = append(space.Numbers, healthy(replicaNumber(i), "Customer"))
	}
	require.NoError(r.t, r.cloud.SetSpace("main", space))
}

// withinACommit waits until the log ends with a part of a commit that is not the last one, or whatever comes after.
func (r *replicaRig) withinACommit() bool {
	r.t.Helper()
	s, err := r.nats.JetStream().Stream(r.t.Context(), replicaLog)
	require.NoError(r.t, err)
	for began := time.Now(); time.Since(began) < takesOver/10; time.Sleep(time.Millisecond) {
		info, err := s.Info(r.t.Context())
		if err != nil {
			continue
		}
		m, err := s.GetMsg(r.t.Context(), info.State.LastSeq)
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(m.Data), "\n")
		var h struct{ Part, Parts int }
		require.NoError(r.t, json.Unmarshal([]byte(line), &h))
		if h.Part < h.Parts {
			return true
		}
	}
	return false
}

// The leader is killed in the middle of a commit of 3 MB, which nobody applies then. The next one finds the same changes
// again, and commits them whole.
func TestReplicaIsKilledWithinALargeCommit(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	r.ready()
	r.falls(1)
	within, leader := false, ""
	for attempt := 0; attempt < 5 && !within; attempt++ {
		leader = r.leader()
		r.onWays(leader, func(p *natstest.Proxy) { p.Delay(20 * time.Millisecond) })
		r.largeSpace(attempt)
		within = r.withinACommit()
	}
	require.True(t, within)
	r.kill(leader)
	r.leader(leader)
	require.Eventually(t, func() bool { void, whole := r.largeCommits(); return void > 0 && whole > 0 }, takesOver, time.Second)
	r.onWays(leader, (*natstest.Proxy).Restore)
	r.start(leader)
	r.ready()
	r.falls(2)
	r.requireEventsOnce()
	r.requireEqualStores()
}

// largeCommits counts those in the log that a term ended before they were whole, and those that are whole.
func (r *replicaRig) largeCommits() (void, whole int) {
	r.t.Helper()
	type header struct {
		Kind        string
		Part, Parts int
	}
	var last header
	for _, m := range r.nats.Messages(replicaLog) {
		var next header
		line, _, _ := strings.Cut(string(m.Data), "\n")
		require.NoError(r.t, json.Unmarshal([]byte(line), &next))
		switch {
		case last.Part < last.Parts && next.Kind == "term":
			void++
		case next.Parts > 5 && next.Part == next.Parts:
			whole++
		}
		last = next
	}
	return void, whole
}

// Two standbys are there when the leader dies, and one of them had not heard of the log for a while. One leads, and
// nothing is lost, whichever it is.
func TestStandbyOfReplicasIsBehind(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b", "c")
	r.start("a", "b", "c")
	leader := r.ready()
	behind := map[string]string{"a": "b", "b": "c", "c": "a"}[leader]
	restore := r.onWays(behind, (*natstest.Proxy).Cut)
	r.falls(0)
	r.falls(1)
	leader = r.leader(behind)
	r.kill(leader)
	restore()
	r.leader(leader)
	r.falls(2)
	r.start(leader)
	r.ready()
	r.falls(3)
	r.requireWhole(4)
	r.requireEqualStores()
}
