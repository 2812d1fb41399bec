package ratelimit

import "time"

// trial compares the present pace with the one from which it was reached, at or
// below half of the full pace. The higher of two is better if clearly more is
// accepted there and no clearly greater share refused: then the refusals have other
// reasons than the pace, and are tolerated.
//
// A lower pace is tried when there are refusals, and higher ones, up to half of the
// full pace, every few minutes: so a pace that is too low does not last.
type trial struct {
	direction int // of the present pace: 1 higher, -1 lower, 0: no trial
	from      int
	before    sample // what became of requests there
}

// sample is what became of requests at a pace.
type sample struct {
	pace              float64
	answered, refused int
}

const (
	// How long a share of refusals that no pace prevents is put up with.
	tolerance = 10 * time.Minute
	// All higher levels are tried so often, with a pause between two.
	searchEvery = 6 * time.Minute
	pause       = 10 * time.Second
	// A lower pace to try is at most this part of the present one, so that it can be
	// told whether it helps.
	lower = 0.5

	// So many times as much is clearly more.
	moreRefused  = 1.5
	moreAccepted = 1.15
	// A sample is known from so many accepted answers and so many refused ones, or from
	// so many in all.
	enoughAccepted = 20
	enoughRefused  = 10
	enoughAnswers  = 100
	// A higher pace is given up after so many refusals in a row. After so many from the
	// start on nothing is accepted.
	hopeless = 20
	stopped  = 4
)

func (s sample) accepted() int { return s.answered - s.refused }

func (s sample) share() float64 { return float64(s.refused) / float64(max(s.answered, 1)) }

// known reports whether the sample tells enough of a pace that was held so long.
func (s sample) known(held time.Duration) bool {
	if s.accepted() < enoughAccepted {
		return s.answered >= enoughAnswers
	}
	return s.refused >= enoughRefused || held >= proof
}

// refusedMore reports whether clearly more is refused than at a lower pace.
func (s sample) refusedMore(low sample) bool {
	allowed := moreRefused*low.share()*float64(max(s.answered, enoughAnswers/2)) + float64(min(low.refused, 1))
	return low.answered >= enoughAccepted && float64(s.refused) > allowed
}

// better reports whether a pace is better than a lower one.
func (s sample) better(low sample) bool {
	return !s.refusedMore(low) && s.pace*(1-s.share()) > moreAccepted*low.pace*(1-low.share())
}

// tryLower tries a lower pace, or the lowest where nothing is accepted.
func (l *Limit) tryLower(now time.Time) {
	here := l.answers.lately(l.Rate())
	to := l.at
	for to < len(l.levels)-1 && l.levels[to].perSecond() > lower*l.Rate() {
		to++
	}
	switch {
	case to == l.at:
		l.block(l.answers.retryAt())
		return
	case l.stop(now):
		return
	case !here.known(now.Sub(l.moved)) && (!l.answers.outage() || here.accepted() == 0):
		return
	}
	l.trial = trial{-1, l.at, here}
	l.retreat(now, to)
}

// stop goes to the lowest pace if nothing is accepted.
func (l *Limit) stop(now time.Time) bool {
	if !l.nothing() || !l.answers.outage() {
		return false
	}
	l.retreat(now, len(l.levels)-1)
	l.trial, l.tooFast = trial{}, 0
	l.patience, l.until = minPatience, time.Time{}
	return true
}

// nothing reports whether nothing is accepted at the present pace.
func (l *Limit) nothing() bool {
	return l.answers.here.accepted() == 0 && l.answers.here.refused >= stopped
}

// tryHigher tries half of the full pace when it is time to, and where that was too
// fast levels between.
func (l *Limit) tryHigher(now time.Time) {
	to := (l.at + l.tooFast + 1) / 2
	switch {
	case !now.Before(l.search):
		to, l.again = l.half, !l.again
		if l.again {
			l.tooFast = 0
		}
	case l.trial.direction != 0 || l.answers.here.accepted() == 0 || now.Sub(l.moved) < pause:
		return
	case l.tooFast == 0:
		to = l.half
	case l.Rate() >= lower*l.levels[l.tooFast].perSecond():
		return
	}
	l.trial = trial{1, l.at, l.answers.here}
	l.move(now, to)
}

// tooMany reports whether so many are refused at a higher pace that it is given up
// before more is known.
func (l *Limit) tooMany() bool {
	before, here := l.trial.before, l.answers.here
	inRow := here.answered >= hopeless && l.answers.silent(hopeless)
	return inRow || here.refusedMore(before) || before.accepted() == 0 && l.nothing()
}

// judge ends a trial once enough is known.
func (l *Limit) judge(now time.Time) {
	t, here := l.trial, l.answers.here
	known := here.known(now.Sub(l.moved))
	switch {
	case t.direction > 0 && (l.tooMany() || known && !here.better(t.before)):
		if t.before.accepted() > 0 {
			l.tooFast = max(l.tooFast, l.at)
		}
		l.retreat(now, t.from)
		l.answers.here = t.before
	case t.direction < 0 && l.stop(now):
	case !known:
		return
	case t.direction > 0:
		if l.at == l.half { // whatever brought the pace down is over
			l.patience = minPatience
		}
	case t.before.better(here): // it does not help
		l.tolerated, l.until = max(t.before.share(), here.share()), now.Add(tolerance)
		l.patience = minPatience
		l.move(now, t.from)
	default:
		l.tooFast, l.moved = t.from, now
	}
	l.trial = trial{}
}
