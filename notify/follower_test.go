package notify

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

// logOf is a log with that many events.
type logOf uint64

func (l logOf) LastSeq() uint64                            { return uint64(l) }
func (l logOf) ReadLog(uint64, int) ([]alert.Event, error) { return nil, nil }

type saved map[string]string

func (s saved) Save(_ context.Context, name string, value []byte) error {
	s[name] = string(value)
	return nil
}

func TestFollowerTriesUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, at := &records{}, saved{}
		f := NewFollower(FollowerOptions{
			Channel: "siem", Name: "webhook:siem", Log: logOf(7), Recorder: r, Saver: at, Stored: []byte(`{"seq":3}`),
			Outcomes: NewOutcomes(prometheus.NewRegistry(), "outcomes", ""), Logger: slog.New(slog.DiscardHandler),
		}, "ok")
		require.EqualValues(t, 4, f.Status().Lag)
		broken, steps := errors.New("no route"), 0
		step := func(context.Context) (time.Duration, error) {
			if steps++; broken != nil {
				return 0, broken
			}
			if f.Cursor.Seq() < 5 {
				f.Cursor.Advance(5)
				return 0, nil
			}
			return time.Hour, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Follow(ctx, step, "It goes on.") }()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, r.all)
		require.Equal(t, Status{Lag: 4, LastError: "no route"}, f.Status())
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"webhook:siem PARKED unavailable webhook:siem does not accept what is sent: no route. It goes on."}, r.all)
		require.Less(t, steps, 40, "it backs off")
		f.Wake()
		before := steps
		synctest.Wait()
		require.Equal(t, before, steps, "news does not make it work")
		broken = nil
		f.Retry()
		synctest.Wait()
		require.Equal(t, before+3, steps, "what is due at once is done, and then the news")
		require.Contains(t, r.all, "webhook:siem OK  ")
		require.EqualValues(t, 2, f.Status().Lag)
		synctest.Wait()
		before = steps
		f.Wake()
		synctest.Wait()
		require.Equal(t, before+1, steps)
		cancel()
		require.NoError(t, <-done)
		require.JSONEq(t, `{"seq":5}`, at["webhook:siem"])
	})
}

func TestFollowerReportsTheFirstThatIsRefused(t *testing.T) {
	r := &records{}
	f := NewFollower(FollowerOptions{Name: "webhook:siem", Log: logOf(0), Recorder: r, Logger: slog.New(slog.DiscardHandler)})
	f.Refused(t.Context(), "event 1")
	f.Refused(t.Context(), "event 2")
	f.Works(t.Context())
	require.Equal(t, []string{"webhook:siem:dead-letters PARKED dead_letters event 1", "webhook:siem OK  "}, r.all)
}
