package poller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
)

// A space that is taken out while it is polled is not failing for ever.
func TestPollerForgetsASpaceTakenOutInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{latency: 5 * time.Second}, &sink{}
		c.fails = func(id string) error { return &cams.Error{Class: cams.DeniedSpace, Account: "main", Space: id} }
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1))
		stop := start(t, p)
		time.Sleep(time.Second)
		require.Equal(t, 1, c.count())
		p.SetSpaces(nil)
		time.Sleep(time.Minute)
		require.NoError(t, stop())
		require.Len(t, s.results, 1)
		require.Empty(t, p.Status().Failing)
	})
}

// A request is booked when it is sent, however long the lock was waited for:
// booked earlier, the next would follow too soon.
func TestPollerBooksARequestWhenItIsSent(t *testing.T) {
	p := New(Options{Account: "main", Fetcher: &cloudy{}, Pace: ratelimit.NewPace(10), Deliver: (&sink{}).deliver, MinInterval: time.Nanosecond})
	p.SetSpaces(spaces(1))
	p.mu.Lock()
	taken := make(chan bool)
	go func() {
		_, ok := p.take()
		taken <- ok
	}()
	time.Sleep(100 * time.Millisecond) // until it waits
	sent := time.Now()
	p.mu.Unlock()
	require.True(t, <-taken)
	require.False(t, p.meter.since.Before(sent), "%s too early", sent.Sub(p.meter.since))
}
