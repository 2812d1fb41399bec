package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// outcome is what becomes of an event after an answer.
type outcome int

const (
	delivered outcome = iota
	later             // the receiver is away or busy
	refused           // the receiver refuses this event
	gone              // the receiver refuses all events
)

const (
	contentType = "application/cloudevents+json"
	maxAnswer   = 64 << 10 // bytes read, so that the connection can be used again
)

// result is the outcome of an attempt.
type result struct {
	outcome outcome
	err     error         // for people; nil: delivered
	wait    time.Duration // as the receiver asks; 0: it does not
}

// send posts a body once.
func (s *Sink) send(ctx context.Context, id string, body []byte) result {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.URL, bytes.NewReader(body))
	if err != nil {
		return result{outcome: gone, err: errors.New("the URL of the channel is not valid")}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "numwatch")
	now := time.Now()
	sign(req.Header, s.o.Secrets, id, now, body)
	answer, err := s.client.Do(req)
	if err != nil {
		return result{outcome: later, err: withoutURL(err)}
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // only so that the connection can be used again
	return judge(answer.StatusCode, answer.Header, now)
}

// withoutURL drops the URL from an error: it may hold a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// judge says what an answer means.
func judge(code int, h http.Header, now time.Time) result {
	err := fmt.Errorf("it answered %d %s", code, http.StatusText(code))
	switch {
	case code >= 200 && code < 300:
		return result{outcome: delivered}
	case code == http.StatusGone:
		return result{outcome: gone, err: err}
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return result{outcome: later, err: err, wait: retryAfter(h.Get("Retry-After"), now)}
	case code == http.StatusRequestTimeout, code >= 500,
		// These are about the address or the key, and so about every event.
		code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return result{outcome: later, err: err}
	case code >= 300 && code < 400:
		return result{outcome: refused, err: fmt.Errorf("%w: redirects are not followed; set the url to its target", err)}
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
