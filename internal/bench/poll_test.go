package bench_test

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/poller"
)

// cost is what a piece of work took of the whole process.
type cost struct {
	cpu    time.Duration
	allocs uint64
}

// measure runs work a number of times and returns its cost, the server's share
// included.
func measure(tb testing.TB, times int, work func() error) cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime(tb)
	for range times {
		if err := work(); err != nil {
			tb.Fatal(err)
		}
	}
	took := cpuTime(tb) - start
	runtime.ReadMemStats(&after)
	return cost{took / time.Duration(times), (after.Mallocs - before.Mallocs) / uint64(times)}
}

func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUnchangedPoll compares one whole unchanged poll (sign, send, decode,
// compare; no write) with the bare signed call and typed decode. The two take
// turns, and the ratio is the median of the turns' ratios.
func BenchmarkUnchangedPoll(b *testing.B) {
	for _, numbers := range []int{5, 200} {
		b.Run(fmt.Sprintf("numbers=%d", numbers), func(b *testing.B) { unchangedPoll(b, numbers) })
	}
}

func unchangedPoll(b *testing.B, numbers int) {
	endpoint := canned(b, numbers)
	space := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "293483938849493"}}
	l, _, _ := loop(b, []phone.Space{space}, func() {})
	client, err := poller.NewClient(poller.ClientOptions{
		Account: "main", Endpoint: endpoint,
		Credentials: poller.Credentials{Type: "access_key", AccessKeyId: keyID, AccessKeySecret: keySecret},
	})
	require.NoError(b, err)
	b.Cleanup(client.Close)
	poll := func() error {
		snap, err := client.Fetch(b.Context(), space.SpaceKey)
		if err != nil {
			return err
		}
		_, err = l.Deliver(b.Context(), poller.Result{Space: space.SpaceKey, Snapshot: snap, At: snap.At})
		return err
	}
	base, err := url.Parse(endpoint + "/")
	require.NoError(b, err)
	plain := &http.Client{Transport: &http.Transport{}}
	b.Cleanup(plain.CloseIdleConnections)
	bare := func() error {
		_, err := bareCall(plain, base, space.ID)
		return err
	}
	measure(b, 50, poll)
	measure(b, 50, bare)

	var ratios []float64
	var ours, theirs cost
	for b.Loop() {
		ours, theirs = measure(b, 100, poll), measure(b, 100, bare)
		ratios = append(ratios, float64(ours.cpu)/float64(theirs.cpu))
	}
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.cpu.Microseconds()), "µs-cpu/poll")
	b.ReportMetric(float64(theirs.cpu.Microseconds()), "µs-cpu/bare")
	b.ReportMetric(ratios[len(ratios)/2], "cpu-ratio")
	b.ReportMetric(float64(ours.allocs), "allocs/poll")
	b.ReportMetric(float64(theirs.allocs), "allocs/bare")
}
