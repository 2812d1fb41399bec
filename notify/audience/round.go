package audience

import "time"

// BaselineQuiet is how long nothing may come where the first round is over, or may be:
// after a start. BaselineMax is how long all of it may take.
const (
	BaselineQuiet = 2 * time.Second
	BaselineMax   = 30 * time.Minute
)

// Round collects the baseline alerts of an account until its first round is over.
// Rounds of large accounts take long; one that never ends is cut short. Later
// alerts, such as those of a space that could not be polled before, wait only for
// the rest of their poll.
type Round struct {
	first, last time.Time
	live        bool // they come as they open, and not from the store
	done        bool // they are complete
	over        bool // the account's first round has ended
}

// Note takes in a baseline alert, which may come from the store.
func (r *Round) Note(now time.Time, live bool) {
	if r.first.IsZero() || r.done || now.After(r.Ready()) {
		r.first, r.done = now, false
	}
	r.last, r.live = now, live
}

// Done says that the account's first round is over.
func (r *Round) Done() { r.done, r.over = true, true }

// Ready is when the baseline alerts collected so far are shown.
func (r *Round) Ready() time.Time {
	latest := r.first.Add(BaselineMax)
	quiet := r.last.Add(BaselineQuiet)
	switch {
	case r.done:
		return r.last
	case r.live && !r.over || latest.Before(quiet):
		return latest
	default:
		return quiet
	}
}
