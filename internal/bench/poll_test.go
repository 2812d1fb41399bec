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
	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
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
	return cost{took, after.Mallocs - before.Mallocs}
}

func (c *cost) add(d cost) {
	c.cpu += d.cpu
	c.allocs += d.allocs
}

func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUnchangedPoll compares one whole unchanged poll (sign, send, decode,
// compare; no write) with the bare signed call and typed decode.
func BenchmarkUnchangedPoll(b *testing.B) {
	for _, numbers := range []int{5, 200} {
		b.Run(fmt.Sprintf("numbers=%d", numbers), func(b *testing.B) { unchangedPoll(b, numbers) })
	}
}

// What one comparison takes of each side, and how finely the two alternate:
// rounds of a few milliseconds, so that what else the machine does meets both,
// make one ratio, and the result is the median of the ratios.
const (
	leastTime   = 4 * time.Second // of the processor
	ratioRounds = 10
)

// compare lets the two take turns and reports their costs and ratios.
func compare(b *testing.B, calls int, poll, bare func() error) {
	measure(b, 50, poll)
	measure(b, 50, bare)
	var ours, theirs cost
	var ratios []float64
	for ours.cpu < leastTime || theirs.cpu < leastTime {
		var our, their cost
		for range ratioRounds {
			our.add(measure(b, calls, poll))
			their.add(measure(b, calls, bare))
		}
		ours.add(our)
		theirs.add(their)
		ratios = append(ratios, float64(our.cpu)/float64(their.cpu))
	}
	slices.Sort(ratios)
	times := float64(len(ratios) * ratioRounds * calls)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.cpu.Microseconds())/times, "µs-cpu/poll")
	b.ReportMetric(float64(theirs.cpu.Microseconds())/times, "µs-cpu/bare")
	b.ReportMetric(ratios[len(ratios)/2], "cpu-ratio")
	b.ReportMetric(ratios[len(ratios)/10], "cpu-ratio-p10")
	b.ReportMetric(ratios[len(ratios)*9/10], "cpu-ratio-p90")
	b.ReportMetric(float64(ours.allocs)/times, "allocs/poll")
	b.ReportMetric(float64(theirs.allocs)/times, "allocs/bare")
	b.ReportMetric(float64(ours.allocs)/float64(theirs.allocs), "allocs-ratio")
}

func unchangedPoll(b *testing.B, numbers int) {
	endpoint := canned(b, numbers)
	space := phone.Space{SpaceKey: phone.SpaceKey{Account: "main", ID: "293483938849493"}}
	l, _, _ := loop(b, []phone.Space{space}, func() {})
	client, err := cams.NewClient(cams.ClientOptions{
		Account: "main", Endpoint: endpoint,
		Credentials: cams.Credentials{Type: "access_key", AccessKeyId: keyID, AccessKeySecret: keySecret},
	})
	require.NoError(b, err)
	b.Cleanup(client.Close)
	poll := func() error {
		snap, err := client.Fetch(b.Context(), space.SpaceKey, ratelimit.Turn{})
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
	for b.Loop() {
		compare(b, max(5, 200/numbers), poll, bare)
	}
}
