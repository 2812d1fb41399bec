package ratelimit

import "time"

// Answer is the answer to one request.
type Answer struct {
	Space      string
	Sent, At   time.Time
	Throttled  bool          // the request was refused as beyond a limit
	RetryAfter time.Duration // how long the server asks to wait, 0 if it does not
}

// answers are those to the last requests of an account, and what they say of who is
// throttled: the account, whose limit any of its spaces meets, or a space alone,
// whose upstream provider has limits of its own.
type answers struct {
	count    int // of answers so far
	since    int // the count when the pace last changed
	accepted int // the count when one was last accepted
	refusals []refusal
	here     sample             // of those at the present pace
	blame    map[string]float64 // by space: which share of its answers was throttled of late
}

// refusal is a throttled answer with its weight as evidence against the account,
// from 0 to 1. A space that is throttled again and again while others are answered
// proves nothing.
type refusal struct {
	count  int
	space  string
	weight float64
	until  time.Time // the server asked to wait so long
}

const (
	// recent is how many answers count as evidence.
	recent = 200
	// enough evidence comes from two spaces that were answered until then, or from
	// more of which each was throttled before.
	enough = 1.5
	// One space that was answered until then is enough against a pace that is only
	// tried.
	enoughForTry = 0.75
	// After so many refusals in a row no space is to blame, and after more hardly any
	// request is accepted.
	silence     = 5
	longSilence = 8
	// A space that was throttled at least four times in a row is to blame itself, if
	// others are answered.
	ownBlame = 0.9
)

// add notes an answer.
func (a *answers) add(n Answer) {
	a.count++
	a.here.answered++
	before := a.blame[n.Space]
	if !n.Throttled {
		a.accepted = a.count
		if a.blame[n.Space] = before * 0.9; before < 0.1 {
			delete(a.blame, n.Space)
		}
		return
	}
	a.here.refused++
	for len(a.refusals) > 0 && a.refusals[0].count <= a.count-recent {
		a.refusals = a.refusals[1:]
	}
	a.refusals = append(a.refusals, refusal{a.count, n.Space, 1 - before, n.At.Add(n.RetryAfter)})
	if !a.silent(silence) {
		a.blame[n.Space] = before + (1-before)/2
	}
}

// evidence reports whether the last weights of all spaces but one add up to what is
// needed, from a count on.
func (a *answers) evidence(after int, but string, needed float64) bool {
	sum, seen := 0.0, map[string]bool{but: true}
	for i := len(a.refusals) - 1; i >= 0 && sum < needed; i-- {
		r := a.refusals[i]
		if r.count <= max(after, a.count-recent) {
			return false
		}
		if !seen[r.space] {
			seen[r.space] = true
			sum += r.weight
		}
	}
	return sum >= needed
}

// silent reports whether none of the last answers was accepted.
func (a *answers) silent(last int) bool { return a.count-a.accepted >= last }

// lately is what became of the last requests at the present pace.
func (a *answers) lately(pace float64) sample {
	s := sample{pace: pace, answered: min(recent, a.count-a.since)}
	for _, r := range a.refusals {
		if r.count > a.count-s.answered {
			s.refused++
		}
	}
	return s
}

// outage reports whether so many were refused in a row, of several spaces, that it
// is no chance, as often as others were refused before.
func (a *answers) outage() bool {
	before, of, spaces := 0, max(min(recent, a.accepted), 1), map[string]bool{}
	for _, r := range a.refusals {
		if r.count <= a.accepted {
			before++
		} else if len(spaces) < 2 {
			spaces[r.space] = true
		}
	}
	return len(spaces) > 1 && (a.count-a.accepted)*max(of-before, 1) >= longSilence*of
}

// shared reports whether a space that was just throttled is not alone in that.
func (a *answers) shared(space string) bool {
	own := a.blame[space] >= ownBlame && !a.silent(silence)
	return !own && a.evidence(0, space, enough/2)
}

// retryAt returns until when the server asked to wait, at the present pace.
func (a *answers) retryAt() (at time.Time) {
	for _, r := range a.refusals {
		if r.count > a.since {
			at = latest(at, r.until)
		}
	}
	return at
}
