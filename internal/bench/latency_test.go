package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/internal/watch"
	"numwatch/notify/jetstream"
	"numwatch/phone"
	"numwatch/poller"
)

const (
	perSecond = 100
	samples   = 500
)

// BenchmarkChangeToAck measures the time from an answer that holds a change
// until NATS has acknowledged all that came of it, at 100 changes a second,
// beside one bare commit and one bare publish of the same size on the same disk.
func BenchmarkChangeToAck(b *testing.B) {
	for b.Loop() {
		whole := changeToAck(b)
		commit, publish := bareCommit(b), barePublish(b)
		report(b, "change-ack", whole)
		report(b, "bare-commit", commit)
		report(b, "bare-publish", publish)
		b.ReportMetric(float64(at(whole, 0.99))/float64(at(commit, 0.99)+at(publish, 0.99)), "p99-ratio")
	}
	b.ReportMetric(0, "ns/op")
}

func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func report(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(at(took, 0.5).Microseconds()), "µs-p50-"+name)
	b.ReportMetric(float64(at(took, 0.99).Microseconds()), "µs-p99-"+name)
}

func embedded(b *testing.B) *jetstream.Server {
	server, err := jetstream.NewServer(jetstream.ServerOptions{Listen: "127.0.0.1:0", Dir: filepath.Join(b.TempDir(), "nats")})
	require.NoError(b, err)
	b.Cleanup(server.Shutdown)
	require.NoError(b, server.Start(b.Context()))
	return server
}

func changeToAck(b *testing.B) []time.Duration {
	var spaces []phone.Space
	for i := range perSecond {
		spaces = append(spaces, phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: fmt.Sprint(i)}, Name: "Customer"})
	}
	server := embedded(b)
	var publisher *jetstream.Publisher
	l, s, directory := loop(b, spaces, func() { publisher.Wake() })
	publisher = jetstream.New(jetstream.Options{
		Log: s, Recorder: l, Login: jetstream.Login{Server: server}, PublishChanges: true,
		Renderer: &jetstream.Renderer{Epoch: s.Epoch(), Space: directory.Space},
		Stream:   jetstream.StreamOptions{Name: "NUMWATCH", Create: true},
		Logger:   slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- publisher.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(b, <-done)
	}()
	for i := range spaces {
		deliver(b, l, &spaces[i], "GREEN")
	}
	caughtUp(b, publisher, s.LastSeq())

	var wg sync.WaitGroup
	took := make([]time.Duration, samples)
	ticker := time.NewTicker(time.Second / perSecond)
	defer ticker.Stop()
	for i := range samples {
		<-ticker.C
		wg.Go(func() {
			start := time.Now()
			deliver(b, l, &spaces[i%len(spaces)], []string{"RED", "GREEN"}[i/len(spaces)%2])
			caughtUp(b, publisher, s.LastSeq())
			took[i] = time.Since(start)
		})
	}
	wg.Wait()
	return took
}

func deliver(b *testing.B, l *watch.Loop, space *phone.Space, quality string) {
	n := phone.Number{}
	for name, value := range number(1, quality) {
		if f, ok := phone.ParseField(name); ok && f.OfNumber() {
			n.Set(f, value)
		}
	}
	n.PhoneNumber = "8613800000001"
	now := time.Now()
	_, err := l.Deliver(b.Context(), poller.Result{Space: space.SpaceKey, At: now, Snapshot: &phone.Snapshot{
		Space: space.SpaceKey, Numbers: []phone.Number{n}, At: now, RequestId: "90E63D28-E31D-1EB2-8939-A94866411B2O",
	}})
	require.NoError(b, err)
}

// caughtUp waits until NATS has acknowledged every event up to seq.
func caughtUp(b *testing.B, n *jetstream.Publisher, seq uint64) {
	for deadline := time.Now().Add(10 * time.Second); n.Status().Cursor < seq; {
		if time.Now().After(deadline) {
			b.Fatalf("NATS has acknowledged %d of %d", n.Status().Cursor, seq)
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// bareCommit is one transaction that writes as much as a change does.
func bareCommit(b *testing.B) []time.Duration {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	require.NoError(b, err)
	defer db.Close()
	value := make([]byte, 1500)
	return paced(b, func(i int) error {
		return db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("log"))
			if err != nil {
				return err
			}
			return bucket.Put(fmt.Appendf(nil, "%08d", i), value)
		})
	})
}

// barePublish is one message of an event's size, acknowledged.
func barePublish(b *testing.B) []time.Duration {
	nc, err := nats.Connect(embedded(b).URL())
	require.NoError(b, err)
	defer nc.Close()
	js, err := natsjs.New(nc)
	require.NoError(b, err)
	_, err = js.CreateStream(b.Context(), natsjs.StreamConfig{Name: "BARE", Subjects: []string{"bare"}})
	require.NoError(b, err)
	value := make([]byte, 1500)
	return paced(b, func(int) error {
		_, err := js.Publish(b.Context(), "bare", value)
		return err
	})
}

func paced(b *testing.B, work func(i int) error) []time.Duration {
	ticker := time.NewTicker(time.Second / perSecond)
	defer ticker.Stop()
	took := make([]time.Duration, samples)
	for i := range took {
		<-ticker.C
		start := time.Now()
		require.NoError(b, work(i))
		took[i] = time.Since(start)
	}
	return took
}
