package replica

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/internal/natstest"
)

// What these benchmarks measure has goals, and they fail where one is missed. Each takes as many turns as its goal is
// about, whatever -benchtime says.
const (
	commits        = 1000
	appendOverBare = 1.5
	changes        = 3000
	changesOffered = 400 // a second
	changesTaken   = 300 // the goal
	takeovers      = 20
	failures       = 5
	suspendedFor   = 10 * time.Second
	serverAsWell   = 20 * time.Second
)

func median(all []time.Duration) time.Duration { return slices.Sorted(slices.Values(all))[len(all)/2] }

// report prints the median of what was measured, and the highest of a hundred or, of fewer, of all.
func report(b *testing.B, name string, took []time.Duration) {
	b.Helper()
	b.ReportMetric(float64(median(took).Microseconds())/1000, "ms-p50-"+name)
	highest := slices.Sorted(slices.Values(took))[len(took)*99/100]
	b.ReportMetric(float64(highest.Microseconds())/1000, "ms-p99-"+name)
}

// BenchmarkCommit compares a commit through the log, and its append alone, with a bare awaited publish of
// the same bytes to a stream like the log's, by turns.
func BenchmarkCommit(b *testing.B) {
	bench := newBench(b)
	n := bench.node("one", 0)
	s := n.leads(b)
	ctx := context.Background()
	_, err := n.stream.js.CreateStream(ctx, jetstream.StreamConfig{Name: "BARE", Subjects: []string{"bare"}, Replicas: 3, Storage: jetstream.FileStorage})
	require.NoError(b, err)
	var bare, appended, whole []time.Duration
	last := uint64(0)
	turn := func() {
		c := events(s, string(noise(1000)))
		redo, err := s.Prepare(c)
		require.NoError(b, err)
		body := bytes.Clone(must(n.codec.bodies(redo))[0])
		record, err := encode(&header{Kind: kindBeat, Log: n.chain.log, Writer: n.writer, Prev: n.chain.hash.String()}, body)
		require.NoError(b, err)

		start := time.Now()
		ack, err := n.stream.js.Publish(ctx, "bare", record, jetstream.WithExpectLastSequence(last))
		require.NoError(b, err)
		last = ack.Sequence
		bare = append(bare, time.Since(start))

		start = time.Now()
		require.NoError(b, n.append(ctx, header{Kind: kindBeat}, body))
		appended = append(appended, time.Since(start))

		start = time.Now()
		require.NoError(b, s.Commit(c))
		whole = append(whole, time.Since(start))
	}
	for b.Loop() {
		for range commits {
			turn()
		}
	}
	report(b, "bare", bare)
	report(b, "append", appended)
	report(b, "commit", whole)
	ratio := float64(median(appended)) / float64(median(bare))
	b.ReportMetric(ratio, "append/bare")
	if ratio > appendOverBare {
		b.Errorf("an append takes %.2f times what a bare publish takes, goal: at most %v", ratio, appendOverBare)
	}
}

// BenchmarkChanges has changes come at a steady rate, more of them than have to be taken, and commits whatever waits at once, as the
// bot does. The servers write everything to the disk before they answer. It measures how long a change waits until it is committed.
func BenchmarkChanges(b *testing.B) {
	bench := &bench{b, natstest.NewProcesses(b)}
	s := bench.node("one", 0).leads(b)
	text := string(noise(300))
	var waited []time.Duration
	turns, batches, took := 0, 0, time.Duration(0)
	for b.Loop() {
		turns++
		start := time.Now()
		for done := 0; done < changes; batches++ {
			due := min(changes, 1+int(time.Since(start).Seconds()*changesOffered))
			if due == done {
				time.Sleep(time.Second / changesOffered)
				due++
			}
			c := events(s, text)
			for i := done + 1; i < due; i++ {
				next := c.Events[0]
				next.Seq += uint64(i - done)
				c.Events = append(c.Events, next)
			}
			require.NoError(b, s.Commit(c))
			for ; done < due; done++ {
				waited = append(waited, time.Since(start)-time.Duration(done)*time.Second/changesOffered)
			}
		}
		took += time.Since(start)
	}
	report(b, "waited", waited)
	taken := float64(turns*changes) / took.Seconds()
	b.ReportMetric(taken, "changes/s")
	b.ReportMetric(float64(turns*changes)/float64(batches), "changes/commit")
	if taken < changesTaken {
		b.Errorf("%.0f changes a second are committed, goal: at least %d", taken, changesTaken)
	}
}

// BenchmarkTakeover measures how long it takes until another replica leads, and until it polls, after the leader was killed and
// after it was stopped in an orderly way. In the latter case it does not poll by design before the second is over in which
// the other one may have sent its last requests (handover), so that the goal is about when it leads.
func BenchmarkTakeover(b *testing.B) {
	for _, fault := range []struct {
		name string
		end  func(f *fleet, id string)
		goal time.Duration
	}{
		{"killed", (*fleet).kill, testLease + time.Second},
		{"stopped", func(f *fleet, id string) { f.stop(id) }, time.Second},
	} {
		b.Run(fault.name, func(b *testing.B) {
			f := newFleet(b)
			f.start("a", "b", "c")
			leader := f.ready()
			var leads, polls []time.Duration
			takeover := func() {
				start := time.Now()
				fault.end(f, leader)
				f.leader(leader)
				led, polled := f.hub.takeover(start)
				leads, polls = append(leads, led), append(polls, polled)
				f.start(leader)
				leader = f.ready()
			}
			for b.Loop() {
				for range takeovers {
					takeover()
				}
			}
			report(b, "leads", leads)
			report(b, "polls", polls)
			b.ReportMetric(float64(fault.goal.Milliseconds()), "ms-goal")
			if m := median(leads); m > fault.goal {
				b.Errorf("another one leads after %v at the median, goal: %v", m, fault.goal)
			}
			f.requireWhole()
		})
	}
}

// BenchmarkServerFails measures for how long nobody polls when the server that leads the log's stream is killed, alone and
// together with the replica that leads.
func BenchmarkServerFails(b *testing.B) {
	for _, fault := range []struct {
		name   string
		leader bool // it is killed as well
		goal   time.Duration
	}{
		{"alone", false, suspendedFor},
		{"with the leader", true, serverAsWell},
	} {
		b.Run(fault.name, func(b *testing.B) {
			f := newFleetOn(b, natstest.NewProcesses(b))
			f.start("a", "b", "c")
			f.ready()
			var paused []time.Duration
			failure := func() {
				node, leader := f.nats.StreamLeader(StreamName("test")), f.leader()
				start := time.Now()
				f.nats.Kill(node)
				if fault.leader {
					f.kill(leader)
				}
				f.commits(5)
				paused = append(paused, f.hub.longestPause(start))
				f.nats.Start(node)
				if fault.leader {
					f.start(leader)
				}
				f.ready()
			}
			for b.Loop() {
				for range failures {
					failure()
				}
			}
			report(b, "paused", paused)
			b.ReportMetric(float64(fault.goal.Milliseconds()), "ms-goal")
			if longest := slices.Max(paused); longest > fault.goal {
				b.Errorf("nobody polls for %v, goal: %v", longest, fault.goal)
			}
			f.requireWhole()
		})
	}
}
