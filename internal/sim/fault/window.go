package fault

import "time"

// Window counts events in a sliding span: at most the limit are admitted in any
// half-open interval of that length. Times must not run backwards between
// calls. It is not safe for concurrent use.
type Window struct {
	limit int
	span  time.Duration
	times []time.Time
	peak  int
}

// NewWindow returns an empty window. A limit of 0 or less admits everything.
func NewWindow(limit int, span time.Duration) *Window {
	return &Window{limit: limit, span: span}
}

// Admit counts an event if the limit allows it, else it says how long until it
// would.
func (w *Window) Admit(now time.Time) (wait time.Duration, ok bool) {
	w.slide(now)
	if w.limit > 0 && len(w.times) >= w.limit {
		return w.times[len(w.times)-w.limit].Add(w.span).Sub(now), false
	}
	w.Count(now)
	return 0, true
}

// Count counts an event whatever the limit.
func (w *Window) Count(now time.Time) {
	w.slide(now)
	w.times = append(w.times, now)
	w.peak = max(w.peak, len(w.times))
}

// Peak is the highest number of events counted in one span so far.
func (w *Window) Peak() int { return w.peak }

func (w *Window) slide(now time.Time) {
	gone := 0
	for gone < len(w.times) && now.Sub(w.times[gone]) >= w.span {
		gone++
	}
	w.times = w.times[gone:]
}
