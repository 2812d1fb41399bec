package ratelimit

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/poller/schedule"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// server counts strictly: at most limit requests in any sliding second.
type server struct {
	limit        int
	countRefused bool
	arrivals     []time.Time
	outage       [2]time.Time // between these it refuses everything
}

func (s *server) admit(now time.Time) bool {
	for len(s.arrivals) > 0 && now.Sub(s.arrivals[0]) >= time.Second {
		s.arrivals = s.arrivals[1:]
	}
	ok := len(s.arrivals) < s.limit && (now.Before(s.outage[0]) || !now.Before(s.outage[1]))
	if ok || s.countRefused {
		s.arrivals = append(s.arrivals, now)
	}
	return ok
}

// event is something that happens at a time of the simulation.
type event struct {
	at time.Time
	do func(now time.Time)
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// road is the way to a strict server and back, in virtual time.
type road struct {
	server  server
	jitter  time.Duration
	latency time.Duration
	wakes   time.Duration // how late a process notices that it may send, at most
	writes  time.Duration // how late it writes what it sends, at most
	chance  *rand.Rand
	queue   events
	ignore  time.Time // what is sent before is not counted
}

func (r *road) at(t time.Time, do func(now time.Time)) { heap.Push(&r.queue, event{t, do}) }

func (r *road) run(until time.Time) {
	for len(r.queue) > 0 && r.queue[0].at.Before(until) {
		e := heap.Pop(&r.queue).(event)
		e.do(e.at)
	}
}

// tally is what became of a client's requests.
type tally struct{ sent, refused int }

func (t tally) share() float64 { return float64(t.refused) / float64(max(t.sent, 1)) }

func (r *road) send(now time.Time, t *tally, answered func(now time.Time, ok bool)) {
	counted := !now.Before(r.ignore)
	arrival := now.Add(r.latency + time.Duration(r.chance.Float64()*float64(r.jitter)))
	r.at(arrival, func(now time.Time) {
		ok := r.server.admit(now)
		if counted {
			t.sent++
			if !ok {
				t.refused++
			}
		}
		r.at(now.Add(r.latency), func(now time.Time) { answered(now, ok) })
	})
}

// drive sends as fast as the limit allows, for a thousand spaces in turn.
func (r *road) drive(l *Limit, t *tally) {
	var turn func(now time.Time)
	n := 0
	turn = func(now time.Time) {
		next := l.Next(now)
		if !next.After(now) {
			l.Take(now)
			n++
			space := fmt.Sprint(n % 1000)
			r.at(now.Add(r.upTo(r.writes)), func(written time.Time) {
				l.Sent(now, written)
				r.send(written, t, func(at time.Time, ok bool) {
					l.Answered(Answer{Space: space, Sent: written, At: at, Throttled: !ok})
				})
			})
			next = l.Next(now).Add(r.upTo(r.wakes))
		}
		r.at(next, turn)
	}
	r.at(epoch, turn)
}

func (r *road) upTo(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	return time.Duration(r.chance.Float64() * float64(d))
}

// other is a client that sends at its own pace whatever happens.
func (r *road) other(perSecond float64, t *tally, from, to time.Duration) {
	gap := time.Duration(float64(time.Second) / perSecond)
	for at := from; at < to; at += gap {
		r.at(epoch.Add(at), func(now time.Time) { r.send(now, t, func(time.Time, bool) {}) })
	}
}

func newRoad(limit int, jitter time.Duration, seed uint64) *road {
	return &road{
		server: server{limit: limit}, jitter: jitter, latency: 25 * time.Millisecond,
		chance: rand.New(rand.NewPCG(seed, 1)),
	}
}

const tenMinutes = 10 * time.Minute

func TestLimitAgainstStrictServer(t *testing.T) {
	for _, c := range []struct {
		jitter time.Duration
		used   float64
	}{{0, 0.97}, {20 * time.Millisecond, 0.96}, {100 * time.Millisecond, 0.88}} {
		for seed := range uint64(10) {
			t.Run(fmt.Sprint(c.jitter, seed), func(t *testing.T) {
				r := newRoad(10, c.jitter, seed)
				var ours tally
				r.drive(NewLimit(10), &ours)
				r.run(epoch.Add(tenMinutes))
				require.GreaterOrEqual(t, float64(ours.sent-ours.refused), c.used*10*tenMinutes.Seconds())
				require.LessOrEqual(t, ours.share(), 0.001, "%d of %d", ours.refused, ours.sent)
			})
		}
	}
}

// However late a process sends, no second has more requests than the limit, and hardly more is
// lost than the time for which it is not known whether a request went.
func TestLimitOfALateProcess(t *testing.T) {
	for _, c := range []struct{ wakes, writes time.Duration }{
		{5 * time.Millisecond, 5 * time.Millisecond},
		{60 * time.Millisecond, 0},
		{0, 200 * time.Millisecond},
		{0, 900 * time.Millisecond},
	} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprint(c.wakes, c.writes, seed), func(t *testing.T) {
				r := newRoad(10, 0, seed)
				r.wakes, r.writes = c.wakes, c.writes
				var ours tally
				r.drive(NewLimit(10), &ours)
				r.run(epoch.Add(tenMinutes))
				require.Zero(t, ours.refused)
				round := margin*time.Second.Seconds() + (c.wakes+c.writes).Seconds()/2
				require.Greater(t, float64(ours.sent), 0.93*10*tenMinutes.Seconds()/round)
			})
		}
	}
}

// A turn is good for a part of its level's span: with a slow pace, for as long as a connection takes.
func TestTurnsExpire(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		after time.Duration
		good  bool
	}{{10, 250 * time.Millisecond, true}, {10, 260 * time.Millisecond, false}, {1.9, 130 * time.Millisecond, true}, {1.9, 140 * time.Millisecond, false}, {0.05, 5 * time.Second, true}} {
		l := NewLimit(c.rate)
		l.Take(epoch)
		require.Equal(t, c.good, l.Good(epoch, epoch.Add(c.after)), "%v", c)
	}
	l := NewLimit(10)
	l.Take(epoch)
	l.Hold(epoch)
	require.False(t, l.Good(epoch, epoch), "nothing may be sent now")
	l = NewLimit(10)
	l.Take(epoch)
	l.fallTo(epoch.Add(time.Millisecond), len(l.levels)-1)
	require.False(t, l.Good(epoch, epoch.Add(2*time.Second)), "the pace has changed")
}

func TestLimitLivesWithAnotherClient(t *testing.T) {
	for _, countRefused := range []bool{false, true} {
		for _, joins := range []time.Duration{0, 2 * time.Minute} {
			for seed := range uint64(10) {
				t.Run(fmt.Sprint(countRefused, joins, seed), func(t *testing.T) {
					r := newRoad(10, 20*time.Millisecond, seed)
					r.server.countRefused = countRefused
					r.ignore = epoch.Add(joins + 30*time.Second)
					var ours, theirs tally
					r.drive(NewLimit(10), &ours)
					r.other(3, &theirs, joins+time.Duration(seed)*37*time.Millisecond, tenMinutes)
					r.run(epoch.Add(tenMinutes))
					span := tenMinutes - joins - 30*time.Second
					t.Logf("we %.2f%% of %d, they %.2f%% of %d", 100*ours.share(), ours.sent, 100*theirs.share(), theirs.sent)
					require.LessOrEqual(t, ours.share(), 0.01)
					require.LessOrEqual(t, theirs.share(), 0.01)
					require.GreaterOrEqual(t, float64(ours.sent-ours.refused), 0.75*7*span.Seconds())
				})
			}
		}
	}
}

// Two that behave find room for both.
func TestLimitsShareAnAccount(t *testing.T) {
	for seed := range uint64(5) {
		r := newRoad(10, 20*time.Millisecond, seed)
		r.server.countRefused = seed%2 == 0
		r.ignore = epoch.Add(time.Minute)
		var first, second tally
		r.drive(NewLimit(10), &first)
		r.drive(NewLimit(8), &second)
		r.run(epoch.Add(tenMinutes))
		t.Logf("%+v %+v", first, second)
		require.LessOrEqual(t, first.share(), 0.01)
		require.LessOrEqual(t, second.share(), 0.01)
		require.Greater(t, first.sent+second.sent, 5*540)
	}
}

func TestLimitRecoversWhenTheOtherLeaves(t *testing.T) {
	r := newRoad(10, 20*time.Millisecond, 1)
	r.ignore = epoch.Add(100 * time.Minute)
	var ours, theirs tally
	l := NewLimit(10)
	r.drive(l, &ours)
	r.other(3, &theirs, 0, 5*time.Minute)
	r.run(epoch.Add(2 * time.Hour))
	require.InDelta(t, 9.8, l.Rate(), 0.01)
	require.Zero(t, ours.refused)
}

func TestLimitNeverThrottledForAnHour(t *testing.T) {
	r := newRoad(10, 0, 1)
	s := schedule.New(schedule.Options{MaxAge: 5 * time.Minute, MinInterval: 30 * time.Second, Rate: 10})
	s.SetSpaces(ids(1000), epoch)
	l := NewLimit(10)
	var ours tally
	var turn func(now time.Time)
	turn = func(now time.Time) {
		due, ok := s.Due(now)
		require.True(t, ok)
		if at := latest(due, l.Next(now)); at.After(now) {
			r.at(at, turn)
			return
		}
		s.SetRate(l.Rate())
		id, ok := s.Next(now)
		require.True(t, ok)
		l.Take(now)
		r.send(now, &ours, func(now time.Time, ok bool) {
			require.True(t, ok, "throttled")
			s.Done(id, schedule.Outcome{}, now)
		})
		r.at(now, turn)
	}
	r.at(epoch, turn)
	r.run(epoch.Add(time.Hour))
	require.Zero(t, ours.refused)
	require.GreaterOrEqual(t, float64(ours.sent), 0.95*10*3600)
}

func TestLimitObeysRetryAfter(t *testing.T) {
	l := NewLimit(10)
	for i, space := range []string{"1", "2"} {
		at := epoch.Add(time.Duration(i) * 200 * time.Millisecond)
		l.Take(at)
		l.Answered(Answer{Space: space, Sent: at, At: at.Add(50 * time.Millisecond), Throttled: true, RetryAfter: 7 * time.Second})
	}
	require.Equal(t, epoch.Add(7250*time.Millisecond), l.Next(epoch.Add(260*time.Millisecond)))
}

func TestLimitCountsOneBurstOfRefusalsOnce(t *testing.T) {
	l := NewLimit(10)
	now := epoch
	var sent []time.Time
	for range 20 {
		now = l.Next(now)
		l.Take(now)
		sent = append(sent, now)
	}
	for i, s := range sent {
		l.Answered(Answer{Space: fmt.Sprint(i), Sent: s, At: now.Add(50 * time.Millisecond), Throttled: true})
	}
	require.InDelta(t, 10/wideMargin, l.Rate(), 0.01)
}

// A pause is not made up for: no burst follows it, whatever the rate.
func TestLimitNeverBursts(t *testing.T) {
	for _, rate := range []float64{0.1, 0.5, 1, 2.5, 8, 10, 33, 100} {
		l := NewLimit(rate)
		chance := rand.New(rand.NewPCG(1, 1))
		now := epoch
		var sent []time.Time
		for i := range 2000 {
			at := l.Next(now)
			require.False(t, at.Before(now))
			now = at
			if i%100 == 0 {
				now = now.Add(time.Duration(chance.Int64N(int64(time.Minute))))
			} else {
				now = now.Add(time.Duration(chance.Float64() * float64(time.Second) / rate))
			}
			l.Take(now)
			sent = append(sent, now)
		}
		most := max(1, int(rate))
		span := time.Duration(float64(most) / rate * float64(time.Second))
		for i := most; i < len(sent); i++ {
			require.GreaterOrEqual(t, sent[i].Sub(sent[i-most]), span, "rate %v", rate)
		}
	}
}

func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	return list
}

// A space that is always throttled, or often, has limits of its own: the pace stays.
func TestLimitIgnoresASpaceThatAloneIsThrottled(t *testing.T) {
	for _, spaces := range []int{2, 12, 1000} {
		for _, rate := range []float64{0.3, 0.5, 1} {
			t.Run(fmt.Sprint(spaces, rate), func(t *testing.T) {
				l, chance := NewLimit(8), rand.New(rand.NewPCG(1, 1))
				full, now, said := l.Rate(), epoch, 0
				for n := range 20_000 {
					now = l.Next(now)
					l.Take(now)
					a := Answer{Space: fmt.Sprint(n % spaces), Sent: now, At: now.Add(50 * time.Millisecond), RetryAfter: time.Minute}
					a.Throttled = a.Space == "0" && chance.Float64() < rate
					if l.Answered(a) {
						said++
					}
					require.InDelta(t, full, l.Rate(), 1e-9)
				}
				require.Zero(t, said, "it is no matter of the account's")
				require.InDelta(t, 20_000/full, now.Sub(epoch).Seconds(), 1)
			})
		}
	}
}
