package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
)

// One of two replicas polls and posts. It is killed, stopped and frozen in turn, and each time the other one goes on:
// every change is told once, and the cloud never sees too many requests.
func TestReplicasTakeOver(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	killed := r.ready()
	r.falls(0)
	r.kill(killed)
	next := r.leader(killed)
	r.falls(1)
	terms := r.terms()
	require.Equal(t, natstest.Term{ID: next}, terms[len(terms)-1])

	r.start(killed)
	stopped := r.ready()
	r.stop(stopped)
	next = r.leader(stopped)
	terms = r.terms()
	require.Equal(t, natstest.Term{ID: next, Released: true}, terms[len(terms)-1])
	r.requireHandover(stopped)
	r.falls(2)

	r.start(stopped)
	frozen := r.ready()
	process := r.bots[frozen].command.Process
	require.NoError(t, process.Signal(syscall.SIGSTOP))
	delete(r.bots, frozen)
	r.leader(frozen)
	r.falls(3)
	require.NoError(t, process.Signal(syscall.SIGCONT))
	r.becomes(frozen, "standby")
	time.Sleep(2 * time.Second) // the one that was frozen would act by now
	r.requireWhole(4)
}

// Without a quorum of NATS nobody polls or posts, and one notice says so afterwards. With it the same work goes on. The
// server that is left is the one that led the log: it answers for a while yet, and takes nothing.
func TestReplicasWaitForAQuorum(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	leader := r.leader()
	r.falls(0)
	left := r.nats.StreamLeader(replicaLog)
	down := []int{(left + 1) % 3, (left + 2) % 3}
	terms := len(r.terms())
	r.nats.Stop(down...)
	r.requireQuiet()
	require.Eventually(t, func() bool { return r.get(leader, "readyz").code == 503 }, takesOver, 20*time.Millisecond)
	asked := r.asked()
	r.fall(1)
	posts := len(r.slack.Messages(replicaChannel))
	time.Sleep(12 * time.Second) // long enough for the loop to say that it hangs
	require.Equal(t, asked, r.asked())
	require.Len(t, r.slack.Messages(replicaChannel), posts)
	for id := range r.bots {
		require.Equal(t, 503, r.get(id, "readyz").code)
	}
	r.nats.Start(down...)
	r.falls(1)
	r.leader()
	require.Eventually(t, func() bool { return r.get("a", "readyz").code == 200 && r.get("b", "readyz").code == 200 }, takesOver, 100*time.Millisecond)
	require.LessOrEqual(t, len(r.terms()), terms+1, "the same leader, or one takeover")
	r.requireWhole(2)
	notices := 0
	for _, m := range r.slack.Messages(replicaChannel) {
		if strings.Contains(fmt.Sprintf("%+v", m), "not watching") {
			notices++
		}
	}
	require.LessOrEqual(t, notices, 1)
}

// Whichever replica is asked, the one that leads answers; people can have another one lead.
func TestReplicasAnswerForEachOther(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	leader := r.leader()
	other := map[string]string{"a": "b", "b": "a"}[leader]
	r.becomes(other, "standby")
	r.falls(0)
	require.Eventually(t, func() bool { return strings.Contains(r.get(other, "api/v1/status").body, `"ready": true`) }, takesOver, 50*time.Millisecond)
	require.Contains(t, r.get(other, "").body, "numwatch")
	require.Contains(t, r.get(other, "api/v1/alerts").body, replicaNumber(0))
	require.Equal(t, 200, r.get(other, "readyz").code)
	require.Equal(t, "ok\n", r.get(other, "healthz").body)
	require.Contains(t, r.get(other, "metrics").body, `numwatch_replica_role{role="standby"} 1`)
	require.Contains(t, r.get(leader, "metrics").body, `numwatch_replica_role{role="leader"} 1`)
	require.Equal(t, 404, r.get(other, "debug/pprof/").code)

	list := r.command("replicas", "list", "--url", r.urls[other])
	require.Regexp(t, leader+" +leader .* same ", list)
	require.Regexp(t, other+" +standby .* same ", list)
	require.NotContains(t, list, "DIFFERENT")
	require.Contains(t, r.command("replicas", "handover", "--by", "ada", "--url", r.urls[other]), "stepping down")
	require.Equal(t, other, r.leader(leader))
	r.becomes(leader, "standby")
	r.falls(1)
	r.requireWhole(2)
}

// The log is deleted: nobody acts until people say which store is right.
func TestReplicasAreReseeded(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.start("a", "b")
	r.leader()
	r.falls(0)
	require.NoError(t, r.nats.JetStream().DeleteStream(t.Context(), replicaLog))
	r.becomes("a", "halted")
	r.becomes("b", "halted")
	require.Contains(t, r.command("replicas", "list", "--url", r.urls["a"]), "halted: ahead")
	require.Equal(t, 503, r.get("a", "readyz").code)

	require.Contains(t, r.command("replicas", "reseed", "--config", r.where["a"]), "Nothing was done")
	require.Contains(t, r.command("replicas", "reseed", "--yes", "--config", r.where["a"]), "new epoch")
	r.becomes("a", "leader")
	require.Equal(t, "halted", r.role("b"), "its store is of the old log")
	require.Contains(t, r.command("replicas", "rejoin", "--yes", "--config", r.where["b"]), "the store is now")
	r.becomes("b", "standby")
	r.falls(1)
	r.kill("a")
	r.leader("a")
	r.falls(2)
}

// A store that belongs to replicas does not run without them until it is told that there are none any more; and a
// store of a single numwatch becomes the first one of a set.
func TestStoreEntersAndLeavesASet(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, "a", "b")
	r.withoutReplicas("a", "solo")
	r.start("solo")
	r.falls(0)
	r.stop("solo")

	r.start("a", "b")
	require.Equal(t, "a", r.leader(), "the other one has to get its store first")
	r.becomes("b", "standby")
	require.Len(t, r.said(replicaNumber(0)), 1, "it is known")
	r.falls(1)
	said := r.command("check", "--config", r.where["a"], "--rules", r.rules())
	require.Contains(t, said, "stream NUMWATCH_LOG_test is on 3 servers")
	require.Contains(t, said, "a runs as leader")
	require.NotContains(t, said, "warning: b runs")
	require.NoError(t, os.WriteFile(r.rules()+".other", []byte(replicaRules+"# changed\n"), 0o600))
	require.Contains(t, r.command("check", "--config", r.where["a"], "--rules", r.rules()+".other"), "warning: b runs as standby, with other accounts or rules")
	r.bots["a"].stop()
	r.bots["b"].stop()
	clear(r.bots)

	out, err := exec.Command("numwatch", "run", "--config", r.where["solo"], "--rules", r.rules()).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "numwatch replicas leave")
	require.Contains(t, r.command("replicas", "leave", "--yes", "--config", r.where["a"]), "single numwatch again")
	r.start("solo")
	r.falls(2)
	require.Len(t, r.said(replicaNumber(1)), 1)
	r.requireEventsOnce()
}
