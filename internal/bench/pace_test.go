package bench_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
)

// The two ways of calling take turns, so that what else the machine does falls
// on both.
const (
	paceTurns = 6 // of each
	warmFor   = 2 * time.Second
	paceFor   = 5 * time.Second
	// Between two turns the cloud forgets what it counted.
	restFor = 1200 * time.Millisecond
)

// served counts the answers that were good, and what came of the others.
type served struct {
	calls, failed atomic.Int64
}

// turn is what one way of calling took over a turn.
type turn struct {
	perSecond float64       // good answers
	cpu       time.Duration // of this process, for one of them
	failed    int64
}

// measureTurn lets work run until its context ends and measures the middle.
func measureTurn(b *testing.B, work func(ctx context.Context, s *served) error) turn {
	time.Sleep(restFor)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var s served
	done := make(chan error, 1)
	go func() { done <- work(ctx, &s) }()
	time.Sleep(warmFor)
	calls, cpu, start := s.calls.Load(), cpuTime(b), time.Now()
	time.Sleep(paceFor)
	calls, cpu = s.calls.Load()-calls, cpuTime(b)-cpu
	took := time.Since(start)
	cancel()
	require.NoError(b, <-done)
	require.Positive(b, calls)
	return turn{float64(calls) / took.Seconds(), cpu / time.Duration(calls), s.failed.Load()}
}

// stagger starts the accounts one after another within the time between two
// requests of one, as those of a fleet know nothing of each other.
func stagger(account int) {
	time.Sleep(time.Duration(account) * time.Second / fleetLimit / fleetAccounts)
}

// pollFleet polls all accounts as the bot does, but for what comes after.
func pollFleet(endpoint string) func(ctx context.Context, s *served) error {
	return func(ctx context.Context, s *served) error {
		group, ctx := errgroup.WithContext(ctx)
		for a := range fleetAccounts {
			p, closed, err := fleetPoller(endpoint, a, s)
			if err != nil {
				return err
			}
			group.Go(func() error {
				defer closed()
				stagger(a)
				return p.Run(ctx)
			})
		}
		return group.Wait()
	}
}

func fleetPoller(endpoint string, account int, s *served) (p *poller.Poller, closed func(), err error) {
	name, key := fmt.Sprint("account-", account), fleetKey(account)
	pace := ratelimit.NewPace(fleetLimit)
	client, err := cams.NewClient(cams.ClientOptions{
		Account: name, Endpoint: endpoint, Pace: pace,
		Credentials: cams.Credentials{Type: "access_key", AccessKeyId: key.AccessKeyId, AccessKeySecret: key.AccessKeySecret},
	})
	if err != nil {
		return nil, nil, err
	}
	p = poller.New(poller.Options{
		Account: name, Fetcher: client, Pace: pace, MinInterval: time.Second, Seed: uint64(account),
		Deliver: func(_ context.Context, r poller.Result) (schedule.Outcome, error) {
			if r.Err != nil || len(r.Snapshot.Numbers) != fleetNumbers {
				s.failed.Add(1)
			} else {
				s.calls.Add(1)
			}
			return schedule.Outcome{}, nil
		},
	})
	var spaces []phone.SpaceKey
	for i := range fleetSpaces {
		spaces = append(spaces, phone.SpaceKey{Account: name, ID: spaceID(i)})
	}
	p.SetSpaces(spaces)
	return p, client.Close, nil
}

// callFleet makes the same calls at the same pace through the vendor's client,
// one for each account, because it is not safe for concurrent use.
func callFleet(endpoint string) func(ctx context.Context, s *served) error {
	return func(ctx context.Context, s *served) error {
		var group errgroup.Group
		for a := range fleetAccounts {
			key := fleetKey(a)
			o, err := newOfficial(endpoint, key.AccessKeyId, key.AccessKeySecret)
			if err != nil {
				return err
			}
			group.Go(func() error {
				stagger(a)
				pace := ratelimit.NewPace(fleetLimit)
				for i := 0; ; i++ {
					if _, err := pace.Wait(ctx); err != nil {
						return nil
					}
					n, err := o.call(spaceID(i % fleetSpaces))
					if err != nil || n != fleetNumbers {
						s.failed.Add(1)
					} else {
						s.calls.Add(1)
					}
				}
			})
		}
		return group.Wait()
	}
}

// BenchmarkFleet polls 100 accounts of 1,000 spaces with 5 numbers each, as fast
// as their limits allow, against the cloud in a process of its own, and makes
// the same calls as the vendor's SDK does. The figures are medians of the turns;
// the processor's time is that of this process alone.
func BenchmarkFleet(b *testing.B) {
	endpoint := startCloud(b)
	for range b.N {
		figures := map[string][]float64{}
		note := func(name string, v float64) { figures[name] = append(figures[name], v) }
		for range paceTurns {
			ours, theirs := measureTurn(b, pollFleet(endpoint)), measureTurn(b, callFleet(endpoint))
			note("polls/s", ours.perSecond)
			note("official-calls/s", theirs.perSecond)
			note("µs-cpu/poll", micros(ours.cpu))
			note("µs-cpu/official-call", micros(theirs.cpu))
			note("cpu-ratio", micros(ours.cpu)/micros(theirs.cpu))
			note("refused/turn", float64(ours.failed))
			note("official-refused/turn", float64(theirs.failed))
		}
		b.ReportMetric(0, "ns/op")
		for name, values := range figures {
			slices.Sort(values)
			b.ReportMetric((values[(len(values)-1)/2]+values[len(values)/2])/2, name)
		}
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
