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
	// tried, or where nothing was accepted since the last fall.
	enoughForTry  = 0.75
	enoughForNone = 0.5
	// The share of refusals is known from so many answers, or so many refusals.
	sample        = 50
	sampleRefused = 15
	// After so many refusals in a row no space is to blame, and after more the pace is
	// too high whatever is tolerated.
	silence     = 5
	longSilence = 20
	// A space that was throttled at least four times in a row is to blame itself, if
	// others are answered.
	ownBlame = 0.9
)

// add notes an answer.
func (a *answers) add(n Answer) {
	a.count++
	before := a.blame[n.Space]
	if !n.Throttled {
		a.accepted = a.count
		if a.blame[n.Space] = before * 0.9; before < 0.1 {
			delete(a.blame, n.Space)
		}
		return
	}
	for len(a.refusals) > 0 && a.refusals[0].count <= a.count-recent {
		a.refusals = a.refusals[1:]
	}
	a.refusals = append(a.refusals, refusal{a.count, n.Space, 1 - before, n.At.Add(n.RetryAfter)})
	if !a.silent(silence) {
		a.blame[n.Space] = before + (1-before)/2
	}
}

// evidence adds up the last weights of all spaces but one, from a count on.
func (a *answers) evidence(after int, but string) (sum float64) {
	last := map[string]float64{}
	for _, r := range a.refusals {
		if r.count > after && r.count > a.count-recent && r.space != but {
			last[r.space] = r.weight
		}
	}
	for _, weight := range last {
		sum += weight
	}
	return sum
}

// silent reports whether none of the last answers was accepted.
func (a *answers) silent(last int) bool { return a.count-a.accepted >= last }

// shared reports whether a space that was just throttled is not alone in that.
func (a *answers) shared(space string) bool {
	own := a.blame[space] >= ownBlame && !a.silent(silence)
	return !own && a.evidence(0, space) >= enough/2
}

// noneAccepted reports whether none was accepted at the present pace.
func (a *answers) noneAccepted() bool { return a.accepted <= a.since }

// refused returns how many were throttled at the present pace.
func (a *answers) refused() (n int) {
	for _, r := range a.refusals {
		if r.count > a.since {
			n++
		}
	}
	return n
}

// share returns which share of the answers at the present pace was throttled, from
// the first such answer on, and whether that is known well enough.
func (a *answers) share() (throttled float64, measured bool) {
	n := a.refused()
	if n == 0 {
		return 0, false
	}
	of := a.count - a.refusals[len(a.refusals)-n].count + 1
	return float64(n) / float64(of), of >= sample || n >= sampleRefused
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
