package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// How sinks report what can never be delivered: under a component of its own, so
// that a sink which works does not hide it.
const (
	DeadSuffix = ":dead-letters"
	CodeDead   = "dead_letters"
)

// SinkState is whether a component of the bot works or is parked. A change is
// recorded once, and so is the first state: what the store knows of an earlier
// run is not known here. It is safe for concurrent use.
type SinkState struct {
	recorder Recorder
	log      *slog.Logger

	mu       sync.Mutex
	current  alert.SinkReport
	recorded bool // current.Value is
}

// NewSinkState returns the state of a component that works, as nobody knows yet.
func NewSinkState(component string, r Recorder, log *slog.Logger) *SinkState {
	return &SinkState{recorder: r, log: log, current: alert.SinkReport{Component: component, Value: phone.OK}}
}

// Works says that the component works.
func (s *SinkState) Works(ctx context.Context) {
	s.set(phone.OK, "", "")
	s.Report(ctx)
}

// Park says that nothing can be delivered, why, and what to do.
func (s *SinkState) Park(ctx context.Context, code, reason string) {
	s.set(phone.Parked, code, reason)
	s.Report(ctx)
}

// Parked reports whether the component is parked, and why.
func (s *SinkState) Parked() (reason string, parked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.Reason, s.current.Value == phone.Parked
}

// Report records the state unless it is recorded. What cannot be recorded now is
// by the next call.
func (s *SinkState) Report(ctx context.Context) {
	s.mu.Lock()
	r, known := s.current, s.recorded
	s.mu.Unlock()
	if known {
		return
	}
	r.At = time.Now()
	if err := s.recorder.Record(ctx, alert.DeliveryUpdate{Sink: &r}); err != nil {
		s.log.Warn("the state of a sink could not be stored", "component", r.Component, "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded = s.current.Value == r.Value
}

func (s *SinkState) set(value, code, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded = s.recorded && s.current.Value == value
	s.current.Value, s.current.Code, s.current.Reason = value, code, reason
}
