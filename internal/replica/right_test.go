package replica

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A hand sets both clocks.
type hand struct{ instant }

func (h *hand) now() instant { return h.instant }

func (h *hand) pass(d time.Duration) { h.instant = h.add(d) }

func newHand() *hand {
	return &hand{instant{time.Hour, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}}
}

func TestRightEndsByEitherClock(t *testing.T) {
	const length = 8 * time.Second
	for name, change := range map[string]func(*hand){
		"time passes": func(h *hand) { h.pass(length) },
		"the machine was suspended, and its monotonic clock stood still": func(h *hand) { h.wall = h.wall.Add(time.Minute) },
		"the wall clock was set back":                                    func(h *hand) { h.pass(length); h.wall = h.wall.Add(-time.Hour) },
	} {
		h := newHand()
		r := newRight(length, h.now)
		require.ErrorIs(t, r.Err(), ErrNoRight, "nobody has it at first")
		r.renew(h.instant)
		h.pass(length - time.Millisecond)
		require.NoError(t, r.Err())
		require.Equal(t, time.Millisecond, r.Left())
		change(h)
		require.ErrorIs(t, r.Err(), ErrNoRight, name)
		require.ErrorContains(t, r.Err(), "quorum")
		require.Zero(t, r.Left())
		r.renew(h.instant)
		require.NoError(t, r.Err(), "it was suspended, not deposed")
	}
}

// What was missing counts, from when the right lapsed until it is there again or the term ends.
func TestRightCountsForHowLongItWasMissing(t *testing.T) {
	h := newHand()
	r := newRight(time.Second, h.now)
	h.pass(time.Minute)
	require.Zero(t, r.Suspended(), "it did not lead")
	r.renew(h.instant)
	h.pass(time.Second)
	require.Zero(t, r.Suspended())
	h.pass(2 * time.Second)
	require.Equal(t, 2*time.Second, r.Suspended())
	r.renew(h.instant)
	h.pass(4 * time.Second)
	require.Equal(t, 5*time.Second, r.Suspended())
	r.end()
	h.pass(time.Minute)
	require.Equal(t, 5*time.Second, r.Suspended())
}

// It counts from the sending of what is in the log; an answer to an earlier record changes nothing.
func TestRightCountsFromTheNewestRecord(t *testing.T) {
	h := newHand()
	r := newRight(time.Second, h.now)
	early := h.instant
	h.pass(900 * time.Millisecond)
	r.renew(h.instant)
	r.renew(early)
	h.pass(900 * time.Millisecond)
	require.NoError(t, r.Err())
	r.end()
	require.ErrorIs(t, r.Err(), ErrNoRight)
	r.renew(h.instant)
	require.ErrorIs(t, r.Err(), ErrNoRight, "that of a term that is over never comes back")
}

// Behind a release the last request of the one before may be a moment ago.
func TestRightBeginsLaterBehindARelease(t *testing.T) {
	h := newHand()
	r := newRight(8*time.Second, h.now)
	r.notBefore(h.add(handover))
	r.renew(h.instant)
	require.ErrorIs(t, r.Err(), ErrNoRight)
	h.pass(handover)
	require.NoError(t, r.Err())
}

func TestWaitForTheRight(t *testing.T) {
	r := newRight(time.Minute, clock)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, r.Wait(ctx), context.Canceled)
	r.renew(clock())
	require.NoError(t, r.Wait(t.Context()))
}

func TestWithoutReplicasTheRightIsNeverMissing(t *testing.T) {
	var r *Right
	require.NoError(t, r.Err())
	require.NoError(t, r.Wait(t.Context()))
}

func TestMarginCoversTheLimitsSecond(t *testing.T) {
	require.Equal(t, 2*time.Second, margin(3*time.Second))
	require.Equal(t, 12*time.Second, margin(time.Minute))
}
