package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNoRight is in the error chain of anything that was not done because this replica may not act now.
var ErrNoRight = errors.New("this replica may not act now")

// handover is how long after a release no request may be sent: who gave the right away may have sent
// one just before, and the limit counts in any second.
const handover = 1100 * time.Millisecond

// margin is how much earlier a right ends than the others may take it. It covers the limit's second as well.
func margin(lease time.Duration) time.Duration { return max(2*time.Second, lease/5) }

// instant is a moment by both clocks. The monotonic one stands still while a machine is suspended; the
// other one may be set.
type instant struct {
	mono time.Duration
	wall time.Time
}

func (i instant) add(d time.Duration) instant { return instant{i.mono + d, i.wall.Add(d)} }

// within reports whether both clocks say that less than d has passed since i.
func (i instant) within(d time.Duration, now instant) bool {
	return now.mono-i.mono < d && now.wall.Sub(i.wall) < d
}

// began is what the monotonic clock counts from.
var began = time.Now()

// wallOf is what the other clock shows. Tests set it.
var wallOf = func(now time.Time) time.Time { return now.Round(0) }

func clock() instant {
	now := time.Now()
	return instant{now.Sub(began), wallOf(now)}
}

// Right is the right to act: to poll, to call Slack and others, to publish events. It lasts for a time
// since a record was sent that got into the log, and so ends before another replica can take it. A nil
// Right is that of a numwatch without replicas, which may always act.
type Right struct {
	length time.Duration // lease - margin
	now    func() instant

	mu    sync.Mutex
	held  instant // when the last record was sent that is in the log
	from  instant // not before
	holds bool    // held is set: this replica leads
	ended bool
	// suspended is for how long it had lapsed before it was renewed or ended.
	suspended time.Duration
}

func newRight(length time.Duration, now func() instant) *Right {
	return &Right{length: length, now: now}
}

// Err returns nil while this replica may act, and else an ErrNoRight that says why not.
func (r *Right) Err() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	switch {
	case !r.holds:
		return fmt.Errorf("%w: another one leads, or none", ErrNoRight)
	case !r.held.within(r.length, now):
		return fmt.Errorf("%w: it leads, but the log has taken no record for %s (has NATS lost its quorum?)",
			ErrNoRight, (now.mono - r.held.mono).Round(100*time.Millisecond))
	case now.mono < r.from.mono:
		return fmt.Errorf("%w: the one before has only just stopped", ErrNoRight)
	default:
		return nil
	}
}

// Wait returns once this replica may act, or when ctx ends.
func (r *Right) Wait(ctx context.Context) error {
	if r.Err() == nil {
		return ctx.Err()
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for r.Err() != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
	return nil
}

// Left is for how long this replica may still act; 0 if it may not.
func (r *Right) Left() time.Duration {
	if r.Err() != nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.length - (r.now().mono - r.held.mono)
}

// renew counts from when a record was sent that is in the log.
func (r *Right) renew(sent instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended && (!r.holds || sent.mono > r.held.mono) {
		r.suspended += r.lapsed()
		r.holds, r.held = true, sent
	}
}

// lapsed is for how long the right has been missing. The caller holds r.mu.
func (r *Right) lapsed() time.Duration {
	if !r.holds {
		return 0
	}
	return max(0, r.now().mono-r.held.mono-r.length)
}

// Suspended is for how long this replica led without the right to act.
func (r *Right) Suspended() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.suspended + r.lapsed()
}

// notBefore holds the right back until then.
func (r *Right) notBefore(at instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = at
}

// end takes the right away for good. Each term has a right of its own, so that nothing that is left of an
// earlier one can act again.
func (r *Right) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspended += r.lapsed()
	r.holds, r.ended = false, true
}
