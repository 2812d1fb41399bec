package poller

import (
	"time"

	"numwatch/poller/cams"
)

// How long an account that is refused is left alone before one space is tried.
const (
	refusedFirst = 30 * time.Second
	refusedMost  = 10 * time.Minute
)

// refusal is the state of an account that the cloud denies: no poll is sent
// before until, then one at a time, each after a longer wait.
type refusal struct {
	err   *cams.Error // nil: it is not denied
	until time.Time
	last  time.Time // when the wait was last set
	wait  time.Duration
}

// refused notes a denial. Those of polls that went before the wait was set are
// known already.
func (f *refusal) refused(r Result) {
	if f.err != nil && r.Started.Before(f.last) {
		return
	}
	if f.wait = min(2*f.wait, refusedMost); f.wait == 0 {
		f.wait = refusedFirst
	}
	f.err, f.last, f.until = r.Err, r.At, r.At.Add(f.wait)
}

// tried notes that a poll is sent: while denied, no other until its answer, or
// until the wait is over again.
func (f *refusal) tried(now time.Time) {
	if f.err != nil {
		f.until = now.Add(f.wait)
	}
}

// lifted notes that the account was let in. Polls that went before the wait was
// set tell nothing of that.
func (f *refusal) lifted(r Result) {
	if f.err == nil || !r.Started.Before(f.last) {
		*f = refusal{}
	}
}
