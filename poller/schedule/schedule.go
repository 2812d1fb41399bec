// Package schedule decides which space of an account is polled next. It is pure:
// times come in as values. It imports phone alone; the poller calls it.
package schedule

import (
	"math"
	"math/rand/v2"
	"time"
)

// Outcome is the result of a space's answer.
type Outcome struct {
	Changes int  // that were found against the last snapshot
	Hot     bool // something there may soon change: YELLOW, FLAGGED, PENDING, under review
}

// Options bound a schedule.
type Options struct {
	MaxAge      time.Duration // no space waits longer, where the rate allows it
	MinInterval time.Duration // none is asked more often
	Rate        float64       // requests per second that may be used
	HintShare   float64       // the share of the pace that hints may use; 0: hints are never followed
	Seed        uint64        // of the jitter
}

// Schedule decides which of an account's spaces is polled next. It is pure:
// times come in as values. It is not safe for concurrent use. Every decision
// takes O(log n).
//
// The expected delay until a change is seen is least when the intervals are
// proportional to 1/√(weight·rate of changes). So this is stride scheduling: each
// space has a pass, the virtual time of its turn; the one with the least pass is
// next, and its pass grows by a stride of that length. The shares are right
// whatever the rate of requests, which need not be known. Age overrides this: a
// space whose last answer is older than the bound goes first, oldest first; and
// none goes before its MinInterval or its back-off is over. Hints override both: a
// space that changed somebody says goes at once, as far as HintShare allows.
type Schedule struct {
	o           Options
	start       time.Time // its first moment, from which its times count
	spaces      map[string]*entry
	ready       queue         // may be polled: by pass
	held        queue         // may not yet: by notBefore
	aging       queue         // both, but for what is held too long: by answered
	hints       queue         // those with a hint that no poll has followed yet: by the earliest time
	turns       float64       // that hints may take now
	earned      time.Duration // when they were last counted
	virtualTime float64
	shares      float64 // of all spaces
	rates       rates
	chance      *rand.Rand
	saved       map[string]Saved // of spaces that have not been named since Restore
}

// entry is the state of one space. It is in ready or in held, or in flight. Its
// times count from the schedule's start: they are as monotonic as time.Time, a
// third of its size, and there are as many entries as spaces.
type entry struct {
	id        string
	pass      float64
	picked    float64 // the virtual time when it was picked
	share     float64 // turns in a unit of virtual time: 1/stride
	notBefore time.Duration
	turn      time.Duration // of its first poll, had new spaces no haste
	answered  time.Duration // last answer; until the first, when the space was added
	last      int64         // the same on the wall clock, in unix milliseconds; 0: none
	hotUntil  time.Duration
	learned   learned
	hint      *hinted       // nil before the first
	rate      float64       // of changes a day, when it answered last; 0 before the second answer
	waited    time.Duration // between its last two answers
	waiting   int32         // index in ready
	holding   int32         // index in held
	ageing    int32         // index in aging
	failures  int32         // in a row
	inFlight  bool
	byAge     bool // it was picked because of its age
}

// New returns a schedule without spaces.
func New(o Options) *Schedule {
	return &Schedule{
		o:      o,
		spaces: map[string]*entry{},
		ready:  queue{place: func(e *entry) *int32 { return &e.waiting }},
		held:   queue{place: func(e *entry) *int32 { return &e.holding }},
		aging:  queue{place: func(e *entry) *int32 { return &e.ageing }},
		hints:  queue{place: func(e *entry) *int32 { return &e.hint.waiting }},
		rates:  newRates(),
		chance: rand.New(rand.NewPCG(o.Seed, 0x5c)),
	}
}

// since turns a time into one of the schedule's.
func (s *Schedule) since(now time.Time) time.Duration {
	if s.start.IsZero() {
		s.start = now
	}
	return now.Sub(s.start)
}

// SetRate says how many requests per second may be used from now on.
func (s *Schedule) SetRate(perSecond float64) { s.o.Rate = perSecond }

// SetSpaces replaces the set of spaces. New ones are polled at once, and get their
// second turns evenly over one MinInterval; those that stay keep their place.
func (s *Schedule) SetSpaces(ids []string, at time.Time) {
	now := s.since(at)
	keep := make(map[string]bool, len(ids))
	added := make([]*entry, 0, max(len(ids)-len(s.spaces), 0))
	for _, q := range []*queue{&s.ready, &s.held, &s.aging} {
		q.grow(len(ids))
	}
	for _, id := range ids {
		if keep[id] {
			continue
		}
		keep[id] = true
		if s.spaces[id] == nil {
			e := &entry{id: id, waiting: -1, holding: -1, ageing: -1, answered: now, pass: s.virtualTime}
			s.spaces[id] = e
			if s.resume(e, at) {
				s.enter(e)
			} else {
				added = append(added, e)
			}
		}
	}
	for id, e := range s.spaces {
		if !keep[id] {
			s.drop(e)
		}
	}
	s.spread(added, now)
	s.rebalance()
	if len(s.saved) == 0 {
		s.saved = nil // an emptied map keeps its room
	}
}

// spread lets new spaces be polled now, in random order. From then on their turns are
// apart, as if they had been polled evenly over one MinInterval.
func (s *Schedule) spread(added []*entry, now time.Duration) {
	s.chance.Shuffle(len(added), func(i, j int) { added[i], added[j] = added[j], added[i] })
	for i, e := range added {
		s.enter(e)
		e.turn = now + time.Duration(float64(s.o.MinInterval)*float64(i)/float64(len(added)))
	}
}

func (s *Schedule) enter(e *entry) {
	s.hold(e, e.notBefore)
	s.rates.add(e.learned)
	s.setShare(e, math.Sqrt(s.rates.of(e.learned)))
}

// rebalance finds the strides of spaces of which much is known already.
func (s *Schedule) rebalance() {
	for range 8 {
		least := 1 / s.longest()
		for _, e := range s.spaces {
			s.setShare(e, max(e.share, least))
		}
	}
}

func (s *Schedule) drop(e *entry) {
	s.ready.remove(e)
	s.held.remove(e)
	s.aging.remove(e)
	if e.hint != nil {
		s.hints.remove(e)
	}
	s.rates.drop(e.learned)
	s.shares -= e.share
	delete(s.spaces, e.id)
}

// Due returns the earliest time at which a space may be polled, in the past if
// one may be now; it reports false if none waits.
func (s *Schedule) Due(at time.Time) (time.Time, bool) {
	now := s.since(at)
	s.release(now)
	if s.ready.Len() > 0 {
		return at, true
	}
	due, ok := s.hintDue(now)
	if e := s.held.first(); e != nil && (!ok || e.notBefore < due) {
		due, ok = e.notBefore, true
	}
	return s.start.Add(due), ok
}

// Next picks the space to poll now; it is then in flight until Done or Failed
// is called for it. It reports false if no space may be polled.
func (s *Schedule) Next(at time.Time) (id string, ok bool) {
	now := s.since(at)
	s.release(now)
	e, byHint, byAge := s.nextHinted(now), true, false
	if e == nil {
		e, byHint, byAge = s.overdue(now), false, true
	}
	if e == nil {
		if e, byAge = s.ready.first(), false; e == nil {
			return "", false
		}
		s.virtualTime = max(s.virtualTime, e.pass)
	}
	s.pickedWithHint(e, now, byHint)
	s.ready.remove(e)
	s.held.remove(e)
	s.aging.remove(e)
	e.inFlight, e.byAge, e.picked = true, byAge, s.virtualTime
	return e.id, true
}

// release moves what is held no longer to those that may be polled.
func (s *Schedule) release(now time.Duration) {
	for e := s.held.first(); e != nil && e.notBefore <= now; e = s.held.first() {
		s.held.remove(e)
		s.ready.push(e, e.pass)
		if !s.aging.has(e) {
			s.aging.push(e, float64(e.answered))
		}
	}
}

// overdue returns the space that must be polled now because of its age.
func (s *Schedule) overdue(now time.Duration) *entry {
	bound := s.bound()
	for {
		e := s.aging.first()
		switch {
		case e == nil || now-e.answered < bound:
			return nil
		case s.ready.has(e):
			return e
		}
		s.aging.remove(e) // it is backed off; release puts it back
	}
}

// bound is the age at which a space goes before all others.
func (s *Schedule) bound() time.Duration { return s.o.bound(len(s.spaces)) }

// Done notes a space's answer, and what was made of it. It returns how long the
// answer before was ago, and false if there was none.
func (s *Schedule) Done(id string, o Outcome, at time.Time) (waited time.Duration, again bool) {
	e := s.complete(id)
	if e == nil {
		return 0, false
	}
	now := s.since(at)
	waited, again = now-e.answered, e.last != 0
	if again {
		s.rates.learn(&e.learned, o.Changes > 0, waited)
	}
	if o.Hot {
		e.hotUntil = now + hotFor
	} else if o.Changes > 0 && again {
		e.hotUntil = max(e.hotUntil, now+stirredFor)
	}
	rate := s.rates.of(e.learned)
	if again {
		e.rate, e.waited = rate, waited
	}
	if now < e.hotUntil {
		rate *= hotWeight
	}
	stride := s.stride(e, rate)
	if e.byAge || !again {
		stride *= s.chance.Float64() // else those that came together would do so again
	}
	e.answered, e.last, e.failures = now, at.UnixMilli(), 0
	e.pass = e.picked + stride
	s.hold(e, max(now, e.turn)+s.o.MinInterval)
	e.turn = 0
	s.answeredHint(e)
	return waited, again
}

// A space where a change is under way or has just happened counts twice.
const (
	hotFor     = time.Hour
	stirredFor = 20 * time.Minute
	hotWeight  = 2
)

// stride is how far a space with such a rate of changes waits, in virtual time.
func (s *Schedule) stride(e *entry, rate float64) float64 {
	stride := min(1/math.Sqrt(rate), s.longest())
	s.setShare(e, 1/stride)
	return stride
}

// longest is how far virtual time moves until the greatest age is due. No stride is
// longer, so that age itself hardly ever decides: what it picks goes before all
// others, and where many came to it together, the spaces that change often
// would wait meanwhile.
func (s *Schedule) longest() float64 {
	return max(inTime*s.bound().Seconds()*s.o.Rate/s.shares, minStride)
}

const (
	inTime = 0.995 // of the greatest age
	// Where a round takes all the time there is, strides get ever shorter; they
	// end up alike.
	minStride = 0.02
)

// setShare notes how many turns a space takes in a unit of virtual time.
func (s *Schedule) setShare(e *entry, share float64) {
	s.shares += share - e.share
	e.share = share
}

// Postponed notes a poll that failed through no fault of the space, which is
// next in turn.
func (s *Schedule) Postponed(id string, at time.Time) {
	if e := s.complete(id); e != nil {
		e.pass = s.virtualTime
		s.hold(e, s.since(at)+s.o.MinInterval)
		s.failedHint(e)
	}
}

// Failed notes a poll that failed. The space is backed off, further with each
// failure in a row, but no longer than the greatest age unless it is denied or the
// cloud asks to wait longer.
func (s *Schedule) Failed(id string, denied bool, retryAfter time.Duration, at time.Time) {
	if e := s.complete(id); e != nil {
		e.pass = s.virtualTime
		e.failures++
		s.hold(e, s.since(at)+max(s.backoff(denied, e.failures), retryAfter))
		s.failedHint(e)
	}
}

// How long a denied space is not polled.
const (
	firstDeniedWait = 5 * time.Minute
	maxDeniedWait   = time.Hour
)

func (s *Schedule) backoff(denied bool, failures int32) time.Duration {
	first, most := s.o.MinInterval, max(s.bound(), s.o.MinInterval)
	if denied {
		first, most = max(firstDeniedWait, most), max(maxDeniedWait, most)
	}
	wait := float64(first) * math.Exp2(float64(min(failures-1, 20)))
	jittered := min(wait, float64(most)) * (0.8 + 0.2*s.chance.Float64())
	return max(time.Duration(jittered), s.o.MinInterval)
}

// complete returns a space that was in flight and still belongs to the set.
func (s *Schedule) complete(id string) *entry {
	e := s.spaces[id]
	if e == nil || !e.inFlight {
		return nil
	}
	e.inFlight = false
	return e
}

func (s *Schedule) hold(e *entry, until time.Duration) {
	e.notBefore = until
	s.held.push(e, float64(until))
	s.aging.push(e, float64(e.answered))
}

// Answered returns the time of a space's last answer, of an earlier run too; zero
// if there was none.
func (s *Schedule) Answered(id string) time.Time {
	if e := s.spaces[id]; e != nil && e.last != 0 {
		return time.UnixMilli(e.last)
	}
	return time.Time{}
}

// Oldest returns the time of the oldest last answer of all spaces, a space without
// one counting from when it was added; zero if there is no space.
func (s *Schedule) Oldest() time.Time {
	if len(s.spaces) == 0 {
		return time.Time{}
	}
	oldest := time.Duration(math.MaxInt64)
	for _, e := range s.spaces {
		oldest = min(oldest, e.answered)
	}
	return s.start.Add(oldest)
}
