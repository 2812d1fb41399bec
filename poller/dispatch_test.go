package poller

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/poller/ratelimit"
)

// slow is a Fetcher whose credentials take a while to be ready, all at once.
type slow struct {
	cloudy
	lock  sync.Mutex
	ready time.Time
}

func (s *slow) Ready(ctx context.Context) error {
	s.lock.Lock()
	wait := time.Until(s.ready)
	s.lock.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(wait, 0)):
		return nil
	}
}

// unready is a Fetcher without credentials.
type unready struct{ cloudy }

var errUnready = errors.New("no credentials")

func (*unready) Ready(context.Context) error { return errUnready }

// maxInASecond returns the most requests in any second.
func maxInASecond(sent []time.Time) (most int) {
	for i := range sent {
		n := 0
		for j := i; j < len(sent) && sent[j].Sub(sent[i]) < time.Second; j++ {
			n++
		}
		most = max(most, n)
	}
	return most
}

func TestSlowCredentialsCauseNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &slow{ready: time.Now().Add(3 * time.Second)}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: (&sink{}).deliver})
		p.SetSpaces(spaces(2000))
		stop := start(t, p)
		time.Sleep(13 * time.Second)
		require.NoError(t, stop())
		require.LessOrEqual(t, maxInASecond(c.starts), 10)
		require.InDelta(t, 98, len(c.starts), 3)
		require.GreaterOrEqual(t, c.starts[0].Sub(c.ready), time.Duration(0))
	})
}

// A poll is late bound: what became due while the credentials were fetched is
// polled first, if it matters more.
func TestTheSpaceIsPickedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &slow{ready: time.Now().Add(3 * time.Second)}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: (&sink{}).deliver})
		p.SetSpaces([]phone.SpaceKey{space("gone")})
		stop := start(t, p)
		time.Sleep(time.Second)
		p.SetSpaces([]phone.SpaceKey{space("new")})
		time.Sleep(time.Minute)
		require.NoError(t, stop())
		require.NotContains(t, c.polls, "gone")
		require.Contains(t, c.polls, "new")
	})
}

// A space without credentials fails at the pace of the limit, and nothing is sent.
func TestNoCredentialsFailSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &unready{}, &sink{}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1000))
		stop := start(t, p)
		time.Sleep(10 * time.Second)
		require.NoError(t, stop())
		require.Zero(t, c.count())
		require.InDelta(t, 98, len(s.results), 3)
		require.ErrorIs(t, s.results[0].Err, errUnready)
		require.NotEmpty(t, s.results[0].Err.Space)
	})
}
