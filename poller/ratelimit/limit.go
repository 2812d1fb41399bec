// Package ratelimit decides how fast an account's requests may be sent. Limit is
// pure; Pace is a Limit on the clock. It imports the standard library alone;
// whatever sends requests for the account calls it.
package ratelimit

import (
	"slices"
	"time"
)

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
// From half of the full pace down, levels are compared, as refusals may have other
// reasons than the pace: see trial.
type Limit struct {
	levels  []level // from fastest to slowest
	at      int     // the present level
	half    int     // the last level of at least half of the full pace
	sent    ring    // when the last requests went
	due     time.Time
	blocked time.Time // nothing is sent before: a throttled answer said so
	answers answers

	moved    time.Time     // when the pace last changed
	probing  bool          // it changed upwards and is not proven yet
	patience time.Duration // how long to stay before the next try upwards
	trial    trial
	tooFast  int       // the slowest level that failed a trial of late, 0: none
	again    bool      // the last search tried all of them; the next leaves out those that failed
	search   time.Time // when to try again all levels up to half of the full pace

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

	// A pace is proven when it was held so long without a fall.
	proof = time.Minute
	// The next try upwards waits at least and at most so long; each fall doubles it,
	// each proof halves it.
	minPatience = 90 * time.Second
	maxPatience = time.Hour
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

// Good reports whether the request of a Take may still go out. It must be written well
// within the span of its level: until then later ones are not held back for it.
func (l *Limit) Good(taken, now time.Time) bool {
	return !taken.Before(l.moved) && !l.blocked.After(now) && now.Sub(taken) <= l.levels[l.at].span/4
}

// Sent notes that the request of a Take went out later than that: the second in which
// the server counts it begins there.
func (l *Limit) Sent(taken, at time.Time) { l.sent.move(taken, at) }

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
	case l.trial.direction != 0:
		l.judge(a.At)
	case a.Throttled && l.against(a):
		l.fall(a.At)
		return true
	}
	return a.Throttled && l.answers.shared(a.Space)
}

// against reports whether there is evidence enough against the present pace.
func (l *Limit) against(a Answer) bool {
	needed := enough
	switch {
	case l.answers.outage():
		return true
	case a.At.Before(l.until):
		needed += 2 * l.tolerated * recent
	case l.probing || l.at >= l.half:
		needed = enoughForTry
	}
	return l.answers.evidence(l.answers.since, "", needed)
}

// fall lowers the pace: above half of the full one at once, below on trial.
func (l *Limit) fall(now time.Time) {
	switch {
	case l.probing:
		l.fallTo(now, l.at+1)
	case l.at < l.half && l.answers.silent(silence):
		l.fallTo(now, l.half)
	case l.at < l.half:
		l.fallTo(now, min(l.at+min(l.at+1, 2), l.half))
	default:
		l.tryLower(now)
	}
}

// fallTo moves down to a level.
func (l *Limit) fallTo(now time.Time, to int) {
	l.patience = min(2*l.patience, maxPatience)
	l.retreat(now, to)
}

// retreat moves to a level after the pause for which the server asks.
func (l *Limit) retreat(now time.Time, to int) {
	l.block(latest(now.Add(drain), l.answers.retryAt()))
	l.move(now, to)
}

func (l *Limit) move(now time.Time, to int) {
	if l.at <= l.half && to > l.half {
		l.search = now.Add(searchEvery)
	}
	l.at, l.moved = to, now
	l.answers.since, l.answers.here = l.answers.count, sample{pace: l.Rate()}
	l.probing = false
}

func (l *Limit) block(until time.Time) { l.blocked = latest(l.blocked, until) }

// stepUp goes one level up when the present one has been held long enough.
func (l *Limit) stepUp(now time.Time) {
	held, patience := now.Sub(l.moved), l.patience
	if l.at == 1 {
		patience *= 2 // the last step wins least
	}
	switch {
	case l.at > l.half:
		l.tryHigher(now)
		return
	case l.moved.IsZero() || l.trial.direction != 0 || l.at == 0 && !l.probing:
		return
	case l.probing && held >= proof:
		l.patience = max(l.patience/2, minPatience)
	case l.probing || held < patience:
		return
	}
	l.move(now, max(l.at-1, 0))
	l.probing = true
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

// move replaces one of the times by a later one. They stay in order.
func (r *ring) move(from, to time.Time) {
	i := slices.Index(r.times, from)
	if i < 0 {
		return
	}
	for i != r.last {
		next := (i + 1) % len(r.times)
		if !r.times[next].Before(to) {
			break
		}
		r.times[i], i = r.times[next], next
	}
	r.times[i] = to
}
