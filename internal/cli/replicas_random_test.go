package cli_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/internal/natstest"
)

const (
	replicaRounds   = "NUMWATCH_SOAK_REPLICAS"
	longestOfAFault = 4 * time.Second
)

// Whole bots, and faults of any of them, of their way to NATS and of NATS, sometimes two at a time. In each round a number
// falls meanwhile. Nothing is lost, told twice beyond one post for a takeover, or asked of the cloud too often, and in
// the end all stores hold the same.
func TestRandomFaultsOfReplicas(t *testing.T) {
	t.Parallel()
	rounds := min(times(t, replicaRounds, 2, 1), replicaNumbers)
	seed := crashSeed(t)
	f := &replicaFaults{newReplicaRigOn(t, natstest.NewProcesses(t), "a", "b", "c"), rand.New(rand.NewPCG(seed, 1)), map[string]bool{}}
	f.start("a", "b", "c")
	f.leader()
	for round := range rounds {
		undo := []func(){f.fault()}
		if f.rand.IntN(4) == 0 {
			undo = append(undo, f.fault())
		}
		f.fall(round)
		time.Sleep(time.Duration(f.rand.Int64N(int64(longestOfAFault))))
		for _, end := range slices.Backward(undo) {
			end()
		}
		f.told(round)
	}
	f.ready()
	f.requireEqualStores()
	f.requireWhole(rounds)
}

// replicaFaults does bad things to replicas and to NATS.
type replicaFaults struct {
	*replicaRig
	rand   *rand.Rand
	frozen map[string]bool
}

// fault does one, and returns what ends it. What is down already stays down.
func (f *replicaFaults) fault() (undo func()) {
	id, node := f.victim(), f.rand.IntN(3)
	running := f.bots[id] != nil && !f.frozen[id]
	switch kind := f.rand.IntN(11); {
	case kind == 0 && running:
		return f.down(id, "killed", func(b *bot) { b.kill(0) })
	case kind == 1 && running && f.role(id) != "": // before it answers, nothing in it may hear the signal
		return f.down(id, "stopped", func(b *bot) { b.stops(cutOffStopsWithin) })
	case kind == 2 && running:
		return f.freeze(id)
	case kind == 3 && running && len(f.bots) == 3:
		return f.down(id, "killed, and its store lost", func(b *bot) {
			b.kill(0)
			require.NoError(f.t, os.Remove(filepath.Join(f.dir, id+".db")))
		})
	case kind == 4:
		f.t.Log(id, "cut off")
		return f.onWays(id, (*natstest.Proxy).Cut)
	case kind == 5 && f.nats.Running(node):
		return f.serversDown("stopped", f.nats.Stop, node)
	case kind == 6 && f.nats.Running(0) && f.nats.Running(1):
		return f.serversDown("stopped", f.nats.Stop, 0, 1)
	case kind == 7 && f.nats.Running(node):
		return f.serversDown("killed", f.nats.Kill, node)
	case kind == 8 && f.nats.Running(node):
		f.t.Log("server", node, "frozen")
		f.nats.Freeze(node)
		return func() { f.nats.Thaw(node) }
	case kind == 9:
		f.t.Log("servers", node, (node+1)%3, "parted")
		f.nats.Part(node, (node+1)%3)
		return func() { f.nats.Join(node, (node+1)%3) }
	case kind == 10:
		f.t.Log(id, "hears no answers")
		return f.onWays(id, (*natstest.Proxy).LoseAnswers)
	default:
		return func() {}
	}
}

// victim is the replica that leads, every other time.
func (f *replicaFaults) victim() string {
	ids := slices.Sorted(maps.Keys(f.where))
	id := ids[f.rand.IntN(len(ids))]
	if f.rand.IntN(2) == 0 {
		for other := range f.bots {
			if !f.frozen[other] && f.role(other) == "leader" {
				id = other
			}
		}
	}
	return id
}

func (f *replicaFaults) down(id, how string, end func(*bot)) (undo func()) {
	f.t.Log(id, how)
	end(f.bots[id])
	delete(f.bots, id)
	return func() { f.start(id) }
}

func (f *replicaFaults) freeze(id string) (undo func()) {
	f.t.Log(id, "frozen")
	process := f.bots[id].command.Process
	require.NoError(f.t, process.Signal(syscall.SIGSTOP))
	f.frozen[id] = true
	return func() {
		delete(f.frozen, id)
		require.NoError(f.t, process.Signal(syscall.SIGCONT))
	}
}

func (f *replicaFaults) serversDown(how string, end func(...int), which ...int) (undo func()) {
	f.t.Log("servers", which, how)
	end(which...)
	return func() { f.nats.Start(which...) }
}

// requireEqualStores compares the backups of all replicas. Signs of life move their positions meanwhile, and polls write
// now and then.
func (r *replicaRig) requireEqualStores() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		var all []map[string]string
		for _, id := range slices.Sorted(maps.Keys(r.bots)) {
			all = append(all, r.backup(id))
		}
		for _, other := range all[1:] {
			if all[0] == nil || !maps.Equal(all[0], other) {
				return false
			}
		}
		return true
	}, takesOver, 200*time.Millisecond, "the stores of the replicas differ")
}

// backup returns all that a replica's store holds, but for its position; nil where it does not answer.
func (r *replicaRig) backup(id string) map[string]string {
	r.t.Helper()
	resp, err := http.Get(r.urls[id] + "/api/v1/backup")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	path := filepath.Join(r.t.TempDir(), id+".db")
	file, err := os.Create(path)
	require.NoError(r.t, err)
	_, err = io.Copy(file, resp.Body)
	require.NoError(r.t, file.Close())
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	require.NoError(r.t, err)
	defer db.Close()
	all := map[string]string{}
	require.NoError(r.t, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				if string(k) != "position" {
					all[fmt.Sprintf("%s %q", name, k)] = string(v)
				}
				return nil
			})
		})
	}))
	return all
}
