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
// Requests are spaced evenly, never saved up. A server that counts strictly
// sees k requests in a second as k+1 when the way to it takes them unequally
// long, so k of them are spread over a second and a margin. The pace moves
// between levels: down on a throttled answer, one level up after a long quiet
// time. At each level the most requests that are sent in any second is a whole
// number; between them the account's other tools would be throttled far more
// often than numwatch, which would not notice.
type Limit struct {
	levels  []level // from fastest to slowest
	at      int     // the present level
	sent    ring    // when the last requests went
	due     time.Time
	blocked time.Time // nothing is sent before: a throttled answer said so

	moved      time.Time     // when the pace last changed
	probing    bool          // it changed upwards and is not proven yet
	patience   time.Duration // how long to stay before the next try upwards
	recovering bool          // an outage brought the pace down
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

	// A pace is proven when it was held so long without a throttled answer.
	proof = time.Minute
	// The next try upwards waits at least and at most so long; each throttled
	// answer doubles it, each proof halves it.
	minPatience = 90 * time.Second
	maxPatience = time.Hour
	// After an outage all goes so many times faster, and the next try comes
	// after a minute at the latest.
	recoverySpeed   = 6
	maxRecoveryWait = time.Minute
	// After a throttled answer the server's second is left to pass: throttled
	// requests may count too.
	drain = 1100 * time.Millisecond
)

// NewLimit returns a limit of perSecond requests, which must be positive.
func NewLimit(perSecond float64) *Limit {
	count := max(1, int(perSecond))
	full := level{count, time.Duration(float64(count) / perSecond * float64(time.Second))}
	l := &Limit{patience: minPatience, sent: newRing(count)}
	l.levels = []level{full.over(margin), full.over(wideMargin)}
	step := (count + 9) / 10
	for k := count - step; k >= 1; k -= step {
		l.levels = append(l.levels, level{k, full.span}.over(margin))
	}
	for last := l.levels[len(l.levels)-1]; last.gap() < slowestGap; {
		last.span *= 2
		l.levels = append(l.levels, last)
	}
	return l
}

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

// Throttled notes that a request sent at sent was answered, at now, as beyond
// the limit. RetryAfter is how long the server asks to wait, 0 if it does not.
func (l *Limit) Throttled(now, sent time.Time, retryAfter time.Duration) {
	l.blocked = latest(l.blocked, now.Add(max(retryAfter, drain)))
	if sent.Before(l.moved) {
		return // it went at a pace that has been given up since
	}
	before, down := l.share(), 2
	if l.probing || l.at == 0 {
		down = 1
	}
	l.at = min(l.at+down, len(l.levels)-1)
	l.patience = min(2*l.patience, maxPatience)
	switch fallen := l.share() < outage && before >= outage || l.share() < nothing; {
	case !l.probing && fallen:
		l.recovering, l.patience = true, minPatience
	case l.probing && !fallen:
		l.recovering = false // another client needs the rest, and tries throttle it
	}
	l.moved, l.probing = now, false
}

// A fall from more than the one share of the limit to less, or to less than the
// other, is taken for an outage, after which nothing stands in the way.
const (
	outage  = 0.49
	nothing = 0.09
)

// stepUp goes one level up when the present one has been held long enough.
func (l *Limit) stepUp(now time.Time) {
	held, proven, patience := now.Sub(l.moved), proof, l.patience
	if l.recovering {
		proven = max(proof/recoverySpeed, 2*l.levels[l.at].gap())
		patience = min(patience/recoverySpeed, maxRecoveryWait)
	}
	switch {
	case l.moved.IsZero():
		return
	case l.probing && held >= proven:
		l.patience = max(l.patience/2, minPatience)
	case l.probing || held < patience:
		return
	}
	l.probing = l.at > 0
	l.at = max(l.at-1, 0)
	l.recovering = l.recovering && l.share() < outage
	l.moved = now
}

// share is the present pace as a part of the full one.
func (l *Limit) share() float64 { return l.Rate() / l.levels[0].perSecond() }

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
