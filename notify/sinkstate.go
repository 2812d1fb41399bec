package notify

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Sinks report undeliverable messages under a component of its own, so that a sink
// that works does not hide them.
const (
	DeadSuffix = ":dead-letters"
	CodeDead   = "dead_letters"
)

// Status is the state of a sink, for pages and metrics.
type Status struct {
	Parked    bool
	Lag       uint64 // what is still to be delivered
	LastError string // "" while it works
}

// SinkState is whether a component of the bot works or is parked. A change is
// recorded once, and so is the first state: what the store knows of an earlier
// run is not known here. It is safe for concurrent use.
type SinkState struct {
	recorder Recorder
	log      *slog.Logger

	mu       sync.Mutex
	current  alert.SinkReport
	recorded bool // current.Value is
	lastErr  string
	failing  time.Time // since when; zero: the last try worked
}

// NewSinkState returns the state of a component, assumed to work.
func NewSinkState(component string, r Recorder, log *slog.Logger) *SinkState {
	return &SinkState{recorder: r, log: log, current: alert.SinkReport{Component: component, Value: phone.OK}}
}

// Failed notes a failed attempt, and returns how long attempts have been failing. It
// does not park yet.
func (s *SinkState) Failed(ctx context.Context, err error) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.failing.IsZero() {
		s.failing = now
		s.log.WarnContext(ctx, "delivering fails", "component", s.current.Component, "err", err)
	}
	s.lastErr = err.Error()
	return now.Sub(s.failing)
}

// Status is how the sink stands with so much to deliver.
func (s *SinkState) Status(lag uint64) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{Parked: s.current.Value == phone.Parked, Lag: lag, LastError: cmp.Or(s.lastErr, s.current.Reason)}
}

// Works says that the component works.
func (s *SinkState) Works(ctx context.Context) {
	s.mu.Lock()
	if !s.failing.IsZero() {
		s.log.InfoContext(ctx, "delivering works again", "component", s.current.Component)
	}
	s.failing, s.lastErr = time.Time{}, ""
	s.mu.Unlock()
	s.set(phone.OK, "", "")
	s.Report(ctx)
}

// Park records that nothing can be delivered, why, and what to do.
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

// Report records the state unless it is recorded already. If that fails, the next
// call does it.
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
