package poller

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	camssim "numwatch/internal/sim/cams"
	"numwatch/phone"
	"numwatch/phone/phonetest"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
)

// cloudy is a Fetcher that answers in virtual time.
type cloudy struct {
	mu      sync.Mutex
	latency time.Duration
	fails   func(id string) error // nil: nothing fails
	starts  []time.Time
	polls   map[string]int
	flying  int
	most    int
}

func (c *cloudy) Ready(context.Context) error { return nil }

func (c *cloudy) Fetch(ctx context.Context, k phone.SpaceKey, _ ratelimit.Turn) (*phone.Snapshot, error) {
	c.mu.Lock()
	c.starts = append(c.starts, time.Now())
	if c.polls == nil {
		c.polls = map[string]int{}
	}
	c.polls[k.ID]++
	c.flying++
	c.most = max(c.most, c.flying)
	latency, fails := c.latency, c.fails
	c.mu.Unlock()
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(latency):
	}
	c.mu.Lock()
	c.flying--
	c.mu.Unlock()
	if err != nil {
		return nil, &cams.Error{Class: cams.Transient, Account: k.Account, Space: k.ID, Err: err}
	}
	if fails != nil {
		if err := fails(k.ID); err != nil {
			return nil, err
		}
	}
	return &phone.Snapshot{Space: k, At: time.Now()}, nil
}

func (c *cloudy) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.starts)
}

func (c *cloudy) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// sink takes results.
type sink struct {
	mu      sync.Mutex
	results []Result
	answer  func(ctx context.Context, r Result) (schedule.Outcome, error)
}

func (s *sink) deliver(ctx context.Context, r Result) (schedule.Outcome, error) {
	s.mu.Lock()
	s.results = append(s.results, r)
	s.mu.Unlock()
	if s.answer != nil {
		return s.answer(ctx, r)
	}
	return schedule.Outcome{}, nil
}

func spaces(n int) (keys []phone.SpaceKey) {
	for i := range n {
		keys = append(keys, space(fmt.Sprint(i)))
	}
	return keys
}

func space(id string) phone.SpaceKey { return phone.SpaceKey{Account: "main", ID: id} }

// start runs a poller within a bubble until the function returned is called,
// which returns Run's error.
func start(t *testing.T, p *Poller) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

func TestPollerKeepsThePaceWhateverTheLatency(t *testing.T) {
	for _, latency := range []time.Duration{0, 50 * time.Millisecond, 8 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c, s := &cloudy{latency: latency}, &sink{}
			p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
			p.SetSpaces(spaces(1000))
			stop := start(t, p)
			time.Sleep(10 * time.Minute)
			st := p.Status()
			require.NoError(t, stop())
			require.InDelta(t, 9.8*600, c.count(), 10)
			require.InDelta(t, 9.8, st.Used, 0.2)
			require.Zero(t, st.Throttled)
			require.Equal(t, 1000, st.Plan.Spaces)
			require.Less(t, time.Since(st.Oldest), 5*time.Minute)
			for i := 10; i < len(c.starts); i++ {
				require.GreaterOrEqual(t, c.starts[i].Sub(c.starts[i-10]), time.Second)
			}
			for _, r := range s.results {
				require.True(t, (r.Err == nil) != (r.Snapshot == nil))
				require.False(t, r.At.Before(r.Started))
			}
		})
	}
}

func TestPollerWaitsWhileDeliverDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, hold := &cloudy{}, make(chan struct{})
		s := &sink{answer: func(ctx context.Context, r Result) (schedule.Outcome, error) {
			select {
			case <-hold:
			case <-ctx.Done():
			}
			return schedule.Outcome{}, ctx.Err()
		}}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Concurrency: 5})
		p.SetSpaces(spaces(1000))
		stop := start(t, p)
		time.Sleep(time.Minute)
		require.Equal(t, 5, c.count())
		close(hold)
		time.Sleep(time.Minute)
		require.Greater(t, c.count(), 500)
		require.NoError(t, stop())
	})
}

// Many accounts share one receiver: none asks for more while it cannot take what is there.
func TestPollerWaitsWhileTheReceiverIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{}, &sink{}
		var behind atomic.Bool
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Behind: behind.Load})
		p.SetSpaces(spaces(1000))
		stop := start(t, p)
		time.Sleep(time.Minute)
		behind.Store(true)
		time.Sleep(recheck)
		asked := c.count()
		time.Sleep(time.Minute)
		require.LessOrEqual(t, c.count(), asked+1, "one may have been waiting for its turn")
		behind.Store(false)
		time.Sleep(time.Minute)
		require.InDelta(t, 9.8*60, c.count()-asked, 10)
		require.NoError(t, stop())
	})
}

func TestPollerEndsWhenDeliverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk full")
		s := &sink{answer: func(context.Context, Result) (schedule.Outcome, error) { return schedule.Outcome{}, broken }}
		p := New(Options{Account: "main", Fetcher: &cloudy{latency: time.Second}, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(100))
		require.ErrorIs(t, p.Run(t.Context()), broken)
	})
}

// A denial right after another space was let in is doubted until that one is asked
// again, which must be next, or a lost key would be tried at full pace.
func TestPollerAsksAnotherSpaceWhetherADenialIsOfTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account, c := health.New("main", nil), &cloudy{}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(3), Deliver: (&sink{}).deliver, Health: account, MaxAge: time.Second, MinInterval: 200 * time.Millisecond})
		p.SetSpaces(spaces(2))
		stop := start(t, p)
		time.Sleep(time.Minute)
		before := c.count()
		denied := &cams.Error{Class: cams.DeniedAccount, Account: "main", Code: "SignatureDoesNotMatch", Err: errors.New("denied")}
		c.set(func() { c.fails = func(string) error { return denied } })
		time.Sleep(10 * time.Second)
		_, isDenied := account.Unwell()
		require.True(t, isDenied)
		require.LessOrEqual(t, c.count()-before, 4)
		require.NoError(t, stop())
	})
}

// As above, but the other space is let in: the denied one must not be asked at full pace.
func TestPollerTriesASpaceThatAloneIsDeniedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := &cams.Error{Class: cams.DeniedAccount, Account: "main", Code: "NoPermission", Err: errors.New("denied")}
		account, c := health.New("main", nil), &cloudy{}
		c.fails = func(id string) error {
			if id == "1" {
				return denied
			}
			return nil
		}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: (&sink{}).deliver, Health: account, MinInterval: time.Second})
		p.SetSpaces(spaces(3))
		stop := start(t, p)
		time.Sleep(2 * time.Minute)
		_, isDenied := account.Unwell()
		require.False(t, isDenied)
		c.set(func() {
			require.Less(t, c.polls["1"], 20)
			require.Greater(t, c.polls["0"], 100)
		})
		require.NoError(t, stop())
	})
}

func TestPollerTriesADeniedAccountSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{latency: 300 * time.Millisecond}, &sink{}
		denied := &cams.Error{Class: cams.DeniedAccount, Account: "main", Code: "NoPermission"}
		c.fails = func(string) error { return denied }
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1000))
		stop := start(t, p)
		time.Sleep(time.Hour)
		require.Less(t, c.count(), 20)
		require.Greater(t, c.count(), 8)
		st := p.Status()
		require.Equal(t, "NoPermission", st.Unwell.Err.Code)
		require.True(t, st.DeniedUntil.After(time.Now()))
		require.Empty(t, st.Failing, "no space is to blame")

		c.set(func() { c.fails = nil })
		time.Sleep(13 * time.Minute)
		require.False(t, p.Status().Denied)
		require.NoError(t, stop())
		require.Len(t, c.polls, 1000)
	})
}

func TestPollerTellsWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{}, &sink{}
		c.fails = func(id string) error {
			switch id {
			case "3":
				return &cams.Error{Class: cams.DeniedSpace, Account: "main", Space: id, Code: "Unknown.ResourceOwnerId"}
			case "4":
				return errors.New("odd: https://u:p@h/x?token=1")
			}
			return nil
		}
		registry := prometheus.NewPedanticRegistry()
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Metrics: registry})
		p.SetSpaces(spaces(10))
		stop := start(t, p)
		time.Sleep(10 * time.Minute)
		st := p.Status()
		require.Len(t, st.Failing, 2)
		require.Equal(t, space("3"), st.Failing[0].Space)
		require.Equal(t, "Unknown.ResourceOwnerId", st.Failing[0].Err.Code)
		require.Equal(t, cams.Transient, st.Failing[1].Err.Class)
		require.Greater(t, st.Failing[1].Failures, 2)
		require.NotContains(t, st.Failing[1].Err.Error(), "token=1")

		c.set(func() { c.fails = nil })
		p.SetSpaces(spaces(4))
		require.Len(t, p.Status().Failing, 1, "what left is forgotten")
		time.Sleep(2 * time.Hour)
		require.Empty(t, p.Status().Failing)
		require.NoError(t, stop())

		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 4+len(statusGauges))
		denials := 0.0
		for _, f := range families {
			for _, m := range f.Metric {
				for _, l := range m.Label {
					require.Contains(t, []string{"account", "outcome", "by", "source"}, l.GetName())
					if l.GetValue() == "denied_space" {
						denials += m.GetCounter().GetValue()
					}
				}
			}
		}
		require.Positive(t, denials)
		New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Metrics: registry})
		New(Options{Account: "other", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Metrics: registry})
	})
}

// A space that is denied for two hours shows its true age beside others.
func TestTheOldestPollIsThatOfTheSpaceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{}, &sink{}
		registry := prometheus.NewPedanticRegistry()
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Metrics: registry})
		p.SetSpaces(spaces(300))
		stop := start(t, p)
		time.Sleep(10 * time.Minute)
		c.set(func() {
			c.fails = func(id string) error {
				if id == "7" {
					return &cams.Error{Class: cams.DeniedSpace, Account: "main", Space: id}
				}
				return nil
			}
		})
		time.Sleep(2 * time.Hour)
		require.InDelta(t, 2*time.Hour, time.Since(p.Status().Oldest), float64(2*time.Minute))
		families, err := registry.Gather()
		require.NoError(t, err)
		age := 0.0
		for _, f := range families {
			if f.GetName() == "numwatch_oldest_poll_age_seconds" {
				age = f.Metric[0].GetGauge().GetValue()
			}
		}
		require.InDelta(t, 7200, age, 120)
		require.NoError(t, stop())
	})
}

// What is not committed yet is not in a checkpoint: it may be older than the truth,
// but never newer.
func TestACheckpointIsNeverNewerThanWhatWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		s := &sink{answer: func(context.Context, Result) (schedule.Outcome, error) {
			<-held
			return schedule.Outcome{}, nil
		}}
		p := New(Options{Account: "main", Fetcher: &cloudy{}, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1))
		stop := start(t, p)
		time.Sleep(time.Second)
		before, err := p.Checkpoint()
		require.NoError(t, err)
		require.NotContains(t, string(before), `"last"`)
		close(held)
		time.Sleep(time.Second)
		after, err := p.Checkpoint()
		require.NoError(t, err)
		require.Contains(t, string(after), `"last"`)
		require.NoError(t, stop())
	})
}

func TestPollerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{latency: time.Hour}, &sink{}
		p := New(Options{Account: "main", Fetcher: c, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Timeout: 3 * time.Second})
		p.SetSpaces(spaces(1))
		stop := start(t, p)
		time.Sleep(4 * time.Second)
		require.NoError(t, stop())
		require.Len(t, s.results, 1)
		require.Equal(t, 3*time.Second, s.results[0].At.Sub(s.results[0].Started))
	})
}

func TestPollerSlowsDownWhenThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &cloudy{latency: 50 * time.Millisecond}, &sink{}
		var lock sync.Mutex
		var times []time.Time
		pace := ratelimit.NewPace(10)
		c.fails = func(id string) error {
			lock.Lock()
			defer lock.Unlock()
			now := time.Now()
			for len(times) > 0 && now.Sub(times[0]) >= time.Second {
				times = times[1:]
			}
			if len(times) >= 5 {
				shared := pace.Answered(ratelimit.Answer{Space: id, Sent: now.Add(-c.latency), Throttled: true, RetryAfter: time.Second})
				return &cams.Error{Class: cams.Throttled, Account: "main", Space: id, RetryAfter: time.Second, Shared: shared}
			}
			times = append(times, now)
			pace.Answered(ratelimit.Answer{Space: id, Sent: now.Add(-c.latency)})
			return nil
		}
		p := New(Options{Account: "main", Fetcher: c, Pace: pace, Deliver: s.deliver})
		p.SetSpaces(spaces(1000))
		stop := start(t, p)
		time.Sleep(10 * time.Minute)
		st := p.Status()
		require.NoError(t, stop())
		require.LessOrEqual(t, st.Pace, 5.0)
		require.Less(t, st.Throttled, 0.01)
		require.Empty(t, st.Failing, "a throttled poll is not the space's failure")
	})
}

// throttling is a Fetcher whose answers the pace learns of, as those of a client.
type throttling struct {
	cloudy
	pace      *ratelimit.Pace
	throttles func(id string) bool
}

func (c *throttling) Fetch(ctx context.Context, k phone.SpaceKey, turn ratelimit.Turn) (*phone.Snapshot, error) {
	a := ratelimit.Answer{Space: k.ID, Sent: time.Now()}
	snapshot, err := c.cloudy.Fetch(ctx, k, turn)
	c.set(func() { a.Throttled = err == nil && c.throttles(k.ID) })
	if shared := c.pace.Answered(a); a.Throttled {
		return nil, &cams.Error{Class: cams.Throttled, Account: k.Account, Space: k.ID, Code: "System.LimitControl", Shared: shared}
	}
	return snapshot, err
}

// One space that is always throttled is backed off, and failing; the others keep
// at least 95% of their polls.
func TestASpaceThatAloneIsThrottledIsBackedOffAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := ratelimit.NewPace(8)
		sick := true
		c := &throttling{pace: pace, cloudy: cloudy{latency: 50 * time.Millisecond}}
		c.throttles = func(id string) bool { return sick && id == "0" }
		p := New(Options{
			Account: "main", Fetcher: c, Pace: pace, Deliver: (&sink{}).deliver, MaxAge: time.Minute, MinInterval: time.Second,
		})
		p.SetSpaces(spaces(12))
		stop := start(t, p)
		time.Sleep(10 * time.Minute)
		st := p.Status()
		c.set(func() { sick = false })
		time.Sleep(time.Minute)
		well := p.Status()
		require.NoError(t, stop())
		require.InDelta(t, 7.84, st.Pace, 0.01)
		require.Greater(t, st.Used, 0.95*7.84)
		require.Len(t, st.Failing, 1)
		require.Equal(t, "System.LimitControl", st.Failing[0].Err.Code)
		require.Greater(t, st.Failing[0].Failures, 5)
		require.Less(t, c.polls["0"], 100, "it is backed off")
		require.Nil(t, st.Unwell)
		require.Empty(t, well.Failing, "it recovers by itself")
	})
}

// An account that is throttled as a whole until its spaces wait too long is failing.
func TestAnAccountThatIsThrottledForLongIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace, h := ratelimit.NewPace(8), health.New("main", nil)
		throttled := false
		c := &throttling{pace: pace, throttles: func(string) bool { return throttled }}
		p := New(Options{Account: "main", Fetcher: c, Pace: pace, Deliver: (&sink{}).deliver, Health: h})
		p.SetSpaces(spaces(100))
		stop := start(t, p)
		time.Sleep(10 * time.Minute)
		c.set(func() { throttled = true })
		time.Sleep(5 * time.Minute)
		h.FindBlind(time.Now(), p.LongestWait())
		require.Nil(t, p.Status().Unwell)
		time.Sleep(3 * time.Minute)
		require.Less(t, pace.Rate(), 0.1)
		h.FindBlind(time.Now(), p.LongestWait())
		require.Equal(t, "NotPolled", p.Status().Unwell.Err.Code)
		require.Contains(t, p.Status().Unwell.Err.Message, "of 100 spaces have had no successful poll since")
		require.Contains(t, p.Status().Unwell.Err.Message, "System.LimitControl")

		c.set(func() { throttled = false })
		time.Sleep(5 * time.Minute)
		h.FindBlind(time.Now(), p.LongestWait())
		require.Nil(t, p.Status().Unwell)
		require.NoError(t, stop())
	})
}

func TestPollerGoesOnFromACheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, s := &cloudy{}, &sink{}
		p := New(Options{Account: "main", Fetcher: first, Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1500))
		stop := start(t, p)
		time.Sleep(time.Hour)
		require.NoError(t, stop())
		checkpoint, err := p.Checkpoint()
		require.NoError(t, err)

		second := &cloudy{}
		p = New(Options{Account: "main", Fetcher: second, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Checkpoint: checkpoint})
		p.SetSpaces(spaces(1500))
		require.Less(t, time.Since(p.Status().Oldest), 5*time.Minute)
		stop = start(t, p)
		time.Sleep(time.Minute)
		require.NoError(t, stop())
		for id, n := range second.polls {
			require.Equal(t, 1, n, "space %s", id)
		}
		last := map[phone.SpaceKey]time.Time{}
		for _, r := range s.results {
			require.Equal(t, last[r.Space].UnixMilli(), max(r.Previous.UnixMilli(), time.Time{}.UnixMilli()), "of the run before too")
			require.False(t, r.Previous.After(last[r.Space]), "and never later")
			last[r.Space] = r.At
		}
		broken := New(Options{Account: "main", Fetcher: second, Pace: ratelimit.NewPace(10), Deliver: s.deliver, Checkpoint: []byte("{")})
		broken.SetSpaces(spaces(3))
		require.Equal(t, 3, broken.Status().Plan.Spaces)
	})
}

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

// The whole way, against the strict simulator, in real time, at the pace that
// config.yaml has where it says nothing.
func TestPollerAgainstTheCloud(t *testing.T) {
	span := 3 * time.Second
	sim := newCloud(t)
	sim.Inject(camssim.Fault{Latency: 50 * time.Millisecond})
	s := &sink{}
	p := New(Options{Account: "main", Fetcher: newClient(t, sim.URL), Pace: ratelimit.NewPace(8), Deliver: s.deliver})
	p.SetSpaces(spaces(1000))
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	require.NoError(t, p.Run(ctx))
	stats := sim.Stats("main")
	require.LessOrEqual(t, stats.Peak, 10)
	require.Zero(t, stats.Refused)
	require.GreaterOrEqual(t, stats.Served, 10) // of 24; a busy machine takes its time
	for id, n := range stats.Spaces {
		require.Equal(t, 1, n, "space %s", id)
	}
	for _, r := range s.results {
		require.Nil(t, r.Err)
		require.True(t, strings.HasPrefix(r.Snapshot.Numbers[0].PhoneNumber, "86"))
	}
}

var testKey = camssim.Key{AccessKeyId: "LTAI-test-id", AccessKeySecret: "the-secret-of-the-key"}

// cloud is a simulated cloud with 1,000 spaces of the account main on loopback.
type cloud struct {
	*camssim.Server
	URL string
}

func newCloud(t testing.TB) *cloud {
	var spaces []camssim.Space
	for i := range 1000 {
		n := camssim.Number(phonetest.Record())
		n["PhoneNumber"] = fmt.Sprint("86", i)
		spaces = append(spaces, camssim.Space{Id: fmt.Sprint(i), Numbers: []camssim.Number{n}})
	}
	sim := camssim.New(camssim.Config{
		Limit: 10, RetryAfter: true, Accounts: []camssim.Account{{Name: "main", Key: testKey, Spaces: spaces}},
	})
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	return &cloud{sim, web.URL}
}

func newClient(t testing.TB, endpoint string) *cams.Client {
	client, err := cams.NewClient(cams.ClientOptions{
		Account: "main", Endpoint: endpoint, Timeout: 5 * time.Second,
		Credentials: cams.Credentials{Type: "access_key", AccessKeyId: testKey.AccessKeyId, AccessKeySecret: testKey.AccessKeySecret},
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// BenchmarkLimit polls for 30 s in real time, as fast as the documented limit
// allows.
func BenchmarkLimit(b *testing.B) {
	for range b.N {
		sim := newCloud(b)
		sim.Inject(camssim.Fault{Latency: 50 * time.Millisecond})
		s := &sink{}
		p := New(Options{Account: "main", Fetcher: newClient(b, sim.URL), Pace: ratelimit.NewPace(10), Deliver: s.deliver})
		p.SetSpaces(spaces(1000))
		ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
		require.NoError(b, p.Run(ctx))
		cancel()
		stats := sim.Stats("main")
		b.ReportMetric(float64(stats.Served)/300, "of-limit")
		b.ReportMetric(float64(stats.Refused)/float64(stats.Requests), "throttled")
	}
}
