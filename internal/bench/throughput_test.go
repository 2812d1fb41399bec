package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/internal/watch"
	"numwatch/notify/jetstream"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/store"
)

const (
	storm     = 5 * time.Second
	deliverer = 256 // polls under way at a time: as many as a commit takes
	perSpace  = 5
)

// BenchmarkSustained measures how many events a second the bot commits and NATS
// acknowledges, all the way: snapshots with changes go through the real loop
// into a store, and out of its log as whole envelopes to the embedded server.
// Each poll shows another rating of some numbers; about every third opens an
// alert or resolves one.
func BenchmarkSustained(b *testing.B) {
	for _, spaces := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("spaces=%d", spaces), func(b *testing.B) {
			f := newFleet(b, spaces)
			for b.Loop() {
				f.sustained(b)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

var commits atomic.Int64

// fleet is the whole way from a poll's result to the stream.
type fleet struct {
	spaces    []phone.Space
	ratings   []atomic.Int32 // how often a space was polled
	loop      *watch.Loop
	store     *store.Store
	publisher *jetstream.Publisher
}

func newFleet(b *testing.B, n int) *fleet {
	f := &fleet{ratings: make([]atomic.Int32, n)}
	for i := range n {
		f.spaces = append(f.spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: fmt.Sprintf("293483%06d", i)}, Name: "Customer"})
	}
	path := filepath.Join(b.TempDir(), "numwatch.db")
	f.seed(b, path)
	l, s, directory := loopOn(b, path, f.spaces, func() { f.publisher.Wake() })
	f.loop, f.store = l, s
	f.publisher = jetstream.New(jetstream.Options{
		Log: s, Recorder: l, Login: jetstream.Login{Server: embedded(b)}, PublishChanges: true,
		Renderer: &jetstream.Renderer{Epoch: s.Epoch(), Space: directory.Space},
		Stream:   jetstream.StreamOptions{Name: "NUMWATCH", Create: true},
		Logger:   slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.publisher.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-done)
	})
	return f
}

// seed stores what the spaces held before, so that no first sight is measured.
func (f *fleet) seed(b *testing.B, path string) {
	s, err := store.Open(path, store.Options{})
	require.NoError(b, err)
	defer s.Close()
	const together = 2000
	for start := 0; start < len(f.spaces); start += together {
		c := &store.Commit{}
		for i := start; i < min(start+together, len(f.spaces)); i++ {
			snap := f.snapshot(i, 0)
			r := phone.SpaceState{Space: snap.Space, At: snap.At, RequestId: snap.RequestId}
			for _, n := range snap.Numbers {
				r.Numbers = append(r.Numbers, phone.TrackedNumber{Number: n})
			}
			c.SpaceStates = append(c.SpaceStates, r)
		}
		require.NoError(b, s.Commit(c))
	}
}

// snapshot is what the n-th poll of a space shows.
func (f *fleet) snapshot(space int, n int32) *phone.Snapshot {
	now := time.Now()
	snap := &phone.Snapshot{Space: f.spaces[space].SpaceKey, At: now, RequestId: "90E63D28-E31D-1EB2-8939-A94866411B2O"}
	for i := range perSpace {
		rating := []string{"GREEN", "YELLOW", "RED", "YELLOW"}[(int(n)+i)%4]
		snap.Numbers = append(snap.Numbers, phoneNumber(space*perSpace+i, rating))
	}
	return snap
}

func (f *fleet) sustained(b *testing.B) {
	before := f.store.LastSeq()
	cpu, start := cpuTime(b), time.Now()
	var wg sync.WaitGroup
	for range deliverer {
		wg.Go(func() {
			for time.Since(start) < storm {
				i := rand.IntN(len(f.spaces))
				snap := f.snapshot(i, f.ratings[i].Add(1))
				if _, err := f.loop.Deliver(b.Context(), poller.Result{Space: snap.Space, At: snap.At, Snapshot: snap}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	committed := time.Since(start)
	end := f.store.LastSeq()
	for f.publisher.Status().Cursor < end {
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start)
	events := float64(end - before)
	b.ReportMetric(events/took.Seconds(), "events/s")
	b.ReportMetric(events/float64(commits.Swap(0)), "events/commit")
	b.ReportMetric(events/committed.Seconds(), "commits-events/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/events, "µs-cpu/event")
}
