package replica

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"numwatch/internal/natstest"
)

const (
	roundsVariable = "NUMWATCH_SOAK_REPLICAS"
	seedVariable   = "NUMWATCH_TEST_SEED"
	suiteRounds    = 6
	shortRounds    = 2
	longestFault   = 4 * time.Second
)

// Faults of replicas, of their network and of NATS, one after the other and sometimes two at a time. Nothing is lost,
// all stores are equal, and in no second are there more polls than the limit allows.
func TestRandomFaultsOfReplicas(t *testing.T) {
	t.Parallel()
	rounds, seed := suiteRounds, uint64(time.Now().UnixNano())
	if testing.Short() {
		rounds = shortRounds
	}
	if n, err := strconv.Atoi(os.Getenv(roundsVariable)); err == nil {
		rounds = n
	}
	if n, err := strconv.ParseUint(os.Getenv(seedVariable), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d rounds, %s=%d", rounds, seedVariable, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	f := newFleetOn(t, natstest.NewProcesses(t))
	f.large = 600 << 10
	ids := []string{"a", "b", "c"}
	f.start(ids...)
	f.leader()
	for round := range rounds {
		undo := []func(){f.randomFault(r, ids)}
		if r.IntN(4) == 0 {
			undo = append(undo, f.randomFault(r, ids))
		}
		time.Sleep(rand.N(longestFault))
		for _, end := range slices.Backward(undo) {
			end()
		}
		t.Log("round", round)
		f.commits(3)
	}
	f.requireWhole()
}

// randomFault does something bad, and returns what ends it. What is down already stays down.
func (f *fleet) randomFault(r *rand.Rand, ids []string) (undo func()) {
	id := ids[r.IntN(len(ids))]
	if r.IntN(2) == 0 {
		if leading := f.hub.leading(); leading != "" {
			id = leading
		}
	}
	running := f.replicas[id].cmd != nil && !f.replicas[id].frozen
	node := r.IntN(3)
	switch kind := r.IntN(9); {
	case kind == 0 && running:
		f.t.Log("kill", id)
		f.kill(id)
		return func() { f.start(id) }
	case kind == 1 && running && f.hub.said(id).role != "": // before that, nothing in it hears the signal
		f.t.Log("stop", id)
		f.stop(id)
		return func() { f.start(id) }
	case kind == 2 && running:
		f.t.Log("freeze", id)
		f.signal(id, syscall.SIGSTOP)
		f.replicas[id].frozen = true
		return func() {
			f.replicas[id].frozen = false
			f.signal(id, syscall.SIGCONT)
		}
	case kind == 3:
		f.t.Log("cut off", id)
		f.cut(id)
		return func() { f.restore(id) }
	case kind == 4 && f.nats.Running(node):
		f.t.Log("server", node)
		f.nats.Stop(node)
		return func() { f.nats.Start(node) }
	case kind == 5 && f.nats.Running(0) && f.nats.Running(1):
		f.t.Log("two servers")
		f.nats.Stop(0, 1)
		return func() { f.nats.Start(0, 1) }
	case kind == 6 && f.nats.Running(node):
		f.t.Log("kill server", node)
		f.nats.Kill(node)
		return func() { f.nats.Start(node) }
	case kind == 7 && f.nats.Running(node):
		f.t.Log("freeze server", node)
		f.nats.Freeze(node)
		return func() { f.nats.Thaw(node) }
	case kind == 8:
		f.t.Log("no answers for", id)
		for _, p := range f.replicas[id].proxy {
			p.LoseAnswers()
		}
		return func() { f.restore(id) }
	default:
		return func() {}
	}
}
