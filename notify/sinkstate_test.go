package notify

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

// records is what was recorded; it fails where broken is set.
type records struct {
	all    []string
	broken error
}

func (r *records) Record(_ context.Context, u alert.DeliveryUpdate) error {
	if r.broken != nil {
		return r.broken
	}
	r.all = append(r.all, u.Sink.Component+" "+u.Sink.Value+" "+u.Sink.Code+" "+u.Sink.Reason)
	return nil
}

func TestSinkStateReportsEachChangeOnce(t *testing.T) {
	r := &records{}
	s := NewSinkState("nats", r, slog.New(slog.DiscardHandler))
	_, parked := s.Parked()
	require.False(t, parked)
	for range 3 {
		s.Works(t.Context())
	}
	require.Equal(t, []string{"nats OK  "}, r.all, "the first state is always reported")
	s.Park(t.Context(), "behind", "too slow")
	s.Park(t.Context(), "", "no route")
	reason, parked := s.Parked()
	require.True(t, parked)
	require.Equal(t, "no route", reason, "the latest")
	s.Works(t.Context())
	require.Equal(t, []string{"nats OK  ", "nats PARKED behind too slow", "nats OK  "}, r.all)
}

func TestSinkStateReportsUntilThatIsRecorded(t *testing.T) {
	r := &records{broken: errors.New("disk full")}
	s := NewSinkState("nats", r, slog.New(slog.DiscardHandler))
	s.Park(t.Context(), "dead", "too large")
	s.Report(t.Context())
	r.broken = nil
	s.Report(t.Context())
	s.Report(t.Context())
	require.Equal(t, []string{"nats PARKED dead too large"}, r.all)
	r.broken = errors.New("disk full")
	s.Works(t.Context())
	s.Park(t.Context(), "dead", "too large")
	r.broken = nil
	s.Report(t.Context())
	require.Len(t, r.all, 2, "what could not be recorded may have been")
}
