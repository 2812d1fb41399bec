package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"numwatch/notify"
)

// outcome is what becomes of an event after an answer.
type outcome int

const (
	delivered outcome = iota
	later             // the receiver is away or busy
	refused           // the receiver refuses this event
	gone              // the receiver refuses all events
)

// result is the outcome of an attempt.
type result struct {
	outcome outcome
	err     error         // for people; nil: delivered
	wait    time.Duration // as the receiver asks; 0: it does not
}

// send posts a body once.
func (s *Sink) send(ctx context.Context, id string, body []byte) result {
	now := time.Now()
	h := http.Header{"Content-Type": {"application/cloudevents+json"}}
	sign(h, s.o.Secrets, id, now, body)
	answer, err := notify.Send(ctx, s.Client, http.MethodPost, s.o.URL, h, body)
	if err != nil {
		return result{outcome: later, err: err}
	}
	return judge(answer, now)
}

// judge says what an answer means.
func judge(answer *notify.Answer, now time.Time) result {
	code, err := answer.Code, answer.Err()
	switch {
	case err == nil:
		return result{outcome: delivered}
	case code == http.StatusGone:
		return result{outcome: gone, err: err}
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return result{outcome: later, err: err, wait: retryAfter(answer.Header.Get("Retry-After"), now)}
	case code == http.StatusRequestTimeout, code >= 500,
		// These are about the address or the key, and so about every event.
		code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return result{outcome: later, err: err}
	default:
		return result{outcome: refused, err: err}
	}
}

// retryAfter reads seconds, or a date; 0: neither.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxBackoff/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxBackoff)
	}
	return 0
}
