// Package ratelimit decides how fast an account's requests may be sent. Limit is
// pure; Pace is a Limit on the clock. It imports the standard library alone;
// whatever sends requests for the account calls it.
package ratelimit

import "time"

// Limit decides when requests of one account may be sent, so that a server
// which allows a number of them in any sliding second never sees more. It is
// pure: times come in as values, and must not run backwards. It is not safe for
// concurrent use.
//
// Requests are spaced evenly, never saved up. Jitter on the way makes a server
// see some requests closer together than they were sent, so the spacing has a
// margin for it.
//
// The pace moves between levels: down when several spaces are throttled, up by
// one level after a long quiet time. At each level a second holds a whole number
// of requests at most. Between such levels the account's other tools would be
// throttled far more often than numwatch, which would not notice.
//
// Where a lower pace is throttled as much as a higher one, the pace is not the
// cause, and slowness helps nobody: the pace goes back to what it was.
type Limit struct {
	levels  []level // from fastest to slowest
	at      int     // the present level
	half    int     // the last level of at least half of the full pace
	sent    ring    // when the last requests went
	due     time.Time
	blocked time.Time // nothing is sent before: a throttled answer said so
	answers answers

	moved     time.Time     // when the pace last changed
	probing   bool          // it changed upwards and is not proven yet
	fell      bool          // it changed downwards
	quick     bool          // below half of the full pace nothing seems to stand in the way
	patience  time.Duration // how long to stay before the next try upwards
	began     int           // the level at which the refusals began that brought the pace down
	throttled float64       // share of refusals at the pace from which it fell below half; 0: not measured

	// Where a lower pace did not help, the level at which it began is on trial.
	trial     bool
	trialEnds int     // the level to fall to where that is throttled more
	tolerated float64 // share of refusals that no pace prevents, until it is measured again
	until     time.Time
}

// level is a pace: at most count requests in any span.
type level struct {
	count int
	span  time.Duration
}

func (r level) gap() time.Duration   { return r.span / time.Duration(r.count) }
func (r level) perSecond() float64   { return float64(r.count) / r.span.Seconds() }
func (r level) over(f float64) level { return level{r.count, time.Duration(float64(r.span) * f)} }

const (
	margin     = 1.02  // covers jitter of 20 ms, as on a good network
	wideMargin = 1.105 // covers jitter of 100 ms
	slowestGap = 20 * time.Second

	// Below half of the full pace the next one is at most this part of the present
	// one, so that it can be told whether that helps.
	nextPace = 0.67
	helps    = 0.6 // of the share of refusals, at most, is left where a lower pace helps
	// With such a share of refusals it cannot be told.
	nearlyAll = 0.9
	// How long a share of refusals that no pace prevents is put up with.
	tolerance = 10 * time.Minute

	// A pace is proven when it was held so long without a fall.
	proof = time.Minute
	// The next try upwards waits at least and at most so long; each fall doubles it,
	// each proof halves it.
	minPatience  = 90 * time.Second
	maxPatience  = time.Hour
	maxBelowHalf = 6 * time.Minute // the same below half of the full pace
	// Below half of it all goes faster after an outage, in which everything was
	// throttled, and once a try succeeded: nothing seems to stand in the way.
	quickly = 6
	// After a fall the server's second is left to pass: throttled requests may
	// count too.
	drain = 1100 * time.Millisecond
)

// NewLimit returns a limit of perSecond requests, which must be positive.
func NewLimit(perSecond float64) *Limit {
	count := max(1, int(perSecond))
	full := level{count, time.Duration(float64(count) / perSecond * float64(time.Second))}
	l := &Limit{patience: minPatience, sent: newRing(count), answers: answers{blame: map[string]float64{}}}
	l.levels = []level{full.over(margin), full.over(wideMargin)}
	step := (count + 9) / 10
	for k := count - step; k >= 1; k -= step {
		l.levels = append(l.levels, level{k, full.span}.over(margin))
	}
	for last := l.levels[len(l.levels)-1]; last.gap() < slowestGap; {
		last.span *= 2
		l.levels = append(l.levels, last)
	}
	for l.half+1 < len(l.levels) && l.levels[l.half+1].perSecond() >= 0.49*l.levels[0].perSecond() {
		l.half++
	}
	return l
}

// Hold takes the last second as used: it is not known what was sent before now.
func (l *Limit) Hold(now time.Time) { l.block(now.Add(drain)) }

// Next returns the earliest time, now or later, at which a request may be sent.
func (l *Limit) Next(now time.Time) time.Time {
	l.stepUp(now)
	pace := l.levels[l.at]
	return latest(now, l.due, l.blocked, l.sent.back(pace.count).Add(pace.span))
}

// Take notes a request that is sent at now, which Next allowed. One that goes
// late by up to half a gap leaves the next where it was.
func (l *Limit) Take(now time.Time) {
	if l.moved.IsZero() {
		l.moved = now
	}
	gap := l.levels[l.at].gap()
	if now.Sub(l.due) > gap/2 {
		l.due = now
	}
	l.due = l.due.Add(gap)
	l.sent.push(now)
}

// Answered notes an answer. For a throttled one it reports whether it is shared:
// whether it comes of the account's limit rather than of one of the space alone.
func (l *Limit) Answered(a Answer) (shared bool) {
	if a.Sent.Before(l.moved) { // it went at a pace that has been given up since
		shared = a.Throttled && l.answers.shared(a.Space)
		if shared {
			l.block(a.At.Add(max(a.RetryAfter, drain)))
		}
		return shared
	}
	l.answers.add(a)
	switch {
	case l.trial:
		l.judgeTrial(a.At)
	case l.tooFast(a):
		shared = a.Throttled
		l.fall(a.At)
	}
	return shared || a.Throttled && l.answers.shared(a.Space)
}

// tooFast reports whether there is evidence enough against the present pace.
func (l *Limit) tooFast(a Answer) bool {
	if l.answers.silent(longSilence) && l.answers.shared(a.Space) {
		return true
	}
	needed := enough
	switch {
	case l.fell && l.answers.noneAccepted():
		needed = enoughForNone
	case a.At.Before(l.until):
		needed += 2 * l.tolerated * recent
	case l.probing || l.at > l.half:
		needed = enoughForTry
	}
	return l.answers.evidence(l.answers.since, "") >= needed
}

// fall lowers the pace. Below half of the full one it does so step by step, and if
// a step did not help it tries whether the pace from before would do.
func (l *Limit) fall(now time.Time) {
	throttled, measured := l.answers.share()
	switch {
	case l.probing:
		l.fallTo(now, l.at+1)
	case l.at < l.half:
		l.fallTo(now, min(l.at+min(l.at+1, 2), l.half))
	case l.answers.noneAccepted():
		l.fallTo(now, l.lower(l.lower(l.at)))
	case !measured:
	case l.throttled == 0 || throttled < helps*l.throttled || throttled >= nearlyAll:
		l.throttled = throttled
		l.fallTo(now, l.lower(l.at))
	default:
		l.trial, l.trialEnds = true, l.lower(l.at)
		l.throttled = max(throttled, l.throttled)
		l.move(now, l.began)
	}
}

// judgeTrial ends the trial of the pace from before the fall, once enough is
// known: if it is throttled no more than the lower one, the share of refusals is
// tolerated for a while. Else the fall goes on.
func (l *Limit) judgeTrial(now time.Time) {
	throttled, of := l.answers.refused(), l.answers.count-l.answers.since
	limit := 2*l.throttled*sample + 3
	switch {
	case float64(throttled) > limit || l.answers.silent(longSilence):
		l.trial = false
		l.fallTo(now, l.trialEnds)
	case of >= sample:
		l.trial = false
		l.tolerated, l.until = max(l.throttled, float64(throttled)/float64(of)), now.Add(tolerance)
		l.patience = minPatience
	default:
		return
	}
	l.throttled = 0
}

// fallTo moves down to a level.
func (l *Limit) fallTo(now time.Time, to int) {
	if !l.probing && now.Sub(l.moved) >= proof {
		l.began = l.at
	}
	l.quick = l.answers.noneAccepted() && (l.quick || l.at == l.half)
	if l.patience = min(2*l.patience, maxPatience); l.quick && l.at == l.half {
		l.patience = minPatience
	}
	l.block(latest(now.Add(drain), l.answers.retryAt()))
	l.move(now, min(to, len(l.levels)-1))
	l.fell = true
}

func (l *Limit) move(now time.Time, to int) {
	l.at, l.moved, l.answers.since = to, now, l.answers.count
	l.probing, l.fell = false, false
}

// lower returns the next level below half of the full pace.
func (l *Limit) lower(at int) int {
	to := at
	for to < len(l.levels)-1 && l.levels[to].perSecond() > nextPace*l.levels[at].perSecond() {
		to++
	}
	return to
}

func (l *Limit) block(until time.Time) { l.blocked = latest(l.blocked, until) }

// stepUp goes one level up when the present one has been held long enough.
func (l *Limit) stepUp(now time.Time) {
	held, proven, patience := now.Sub(l.moved), proof, l.patience
	if l.at > l.half {
		patience = min(patience, maxBelowHalf)
	}
	if l.quick {
		proven, patience = max(proof/quickly, 2*l.levels[l.at].gap()), min(patience/quickly, proof)
	}
	switch {
	case l.moved.IsZero() || l.at == 0 && !l.probing || l.trial:
		return
	case l.probing && held >= proven:
		l.patience = max(l.patience/2, minPatience)
		l.quick = l.at > l.half
	case l.probing || held < patience:
		return
	}
	l.throttled = 0
	l.move(now, max(l.at-1, 0))
	l.probing = true
	l.quick = l.quick && l.at > l.half
}

// Rate is the present pace, in requests per second.
func (l *Limit) Rate() float64 { return l.levels[l.at].perSecond() }

func latest(t time.Time, more ...time.Time) time.Time {
	for _, u := range more {
		if u.After(t) {
			t = u
		}
	}
	return t
}

// ring keeps the last times.
type ring struct {
	times []time.Time
	last  int
}

func newRing(size int) ring { return ring{times: make([]time.Time, size)} }

func (r *ring) push(t time.Time) {
	r.last = (r.last + 1) % len(r.times)
	r.times[r.last] = t
}

// back returns the time n pushes ago, 1 being the last; zero if there is none.
func (r *ring) back(n int) time.Time {
	return r.times[(r.last-n+1+len(r.times))%len(r.times)]
}
