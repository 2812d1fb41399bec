package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHeartbeatEveryHalfMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		h := NewHeartbeat(HeartbeatOptions{
			URL: "https://hc.example.com/ping", Ready: func() error { return nil },
			Transport: trip(func(*http.Request) (int, error) { calls.Add(1); return http.StatusNoContent, nil }),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		time.Sleep(time.Second)
		require.EqualValues(t, 1, calls.Load(), "the first at once")
		time.Sleep(5 * time.Minute)
		require.EqualValues(t, 11, calls.Load())
		cancel()
		require.NoError(t, <-done)
	})
}

func TestHeartbeatOnlyWhileTheBotIsReady(t *testing.T) {
	var log bytes.Buffer
	var notReady, broken error
	status, calls := http.StatusOK, 0
	h := NewHeartbeat(HeartbeatOptions{
		URL:    "https://hc.example.com/ping/s3cret",
		Ready:  func() error { return notReady },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Transport: trip(func(r *http.Request) (int, error) {
			calls++
			require.Equal(t, http.MethodGet, r.Method)
			require.Equal(t, "/ping/s3cret", r.URL.Path)
			return status, broken
		}),
	})
	beats := func(n int) int {
		before := calls
		for range n {
			h.beat.once(t.Context())
		}
		return calls - before
	}
	require.Equal(t, 2, beats(2))
	require.Empty(t, log.String())
	notReady = errors.New("the store does not respond")
	require.Zero(t, beats(3))
	require.Equal(t, 1, strings.Count(log.String(), "heartbeats are withheld: the bot is not ready"), "said once")
	require.Contains(t, log.String(), "the store does not respond")
	notReady = nil
	require.Equal(t, 2, beats(2), "it goes on by itself")
	require.Equal(t, 1, strings.Count(log.String(), "heartbeats are sent again"))

	status = http.StatusNotFound
	require.Equal(t, 1, beats(1))
	require.Contains(t, log.String(), "the answer is 404")
	broken = errors.New("no route")
	beats(1)
	require.NotContains(t, log.String(), "no route", "what goes on failing is said once")
	status, broken = http.StatusOK, nil
	beats(1)
	broken = errors.New("no route")
	beats(1)
	require.Contains(t, log.String(), "no route")
	require.NotContains(t, log.String(), "s3cret")
	h.url = "https://s3cret\x7f"
	require.EqualError(t, h.call(t.Context()), "heartbeat_url is not a URL")
}

// trip answers with a status, or fails.
type trip func(*http.Request) (int, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) {
	code, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: code, Status: fmt.Sprint(code), Body: http.NoBody}, nil
}
