package web

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxStreams = 100
	calm       = time.Second      // between two events
	still      = 15 * time.Second // after which pages are refreshed though nothing happened: times and rates move
)

// live tells a page, by server-sent events, when it has to be read again. What
// the event says is only that; whoever may read the page reads it.
func (s *site) live(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	control := http.NewResponseController(w)
	// A stream has no end. Not every connection has deadlines; those of this
	// server have.
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx keeps events until there are many
	changed := s.View.Changed()
	for event := fmt.Sprintf("retry: %d\n\n", (2 * time.Second).Milliseconds()); ; event = "event: changed\ndata:\n\n" {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := io.WriteString(w, event); err != nil || control.Flush() != nil {
			return // nobody listens any more
		}
		if !s.pause(r, calm, nil) || !s.pause(r, still, changed) {
			return
		}
		changed = s.View.Changed()
	}
}

// pause waits for a time or a change, and reports false when the stream ends.
func (s *site) pause(r *http.Request, d time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
		return true
	case <-r.Context().Done():
		return false
	case <-s.Ending:
		return false
	}
}
