package webhook

import (
	"context"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/notify"
)

const (
	// Component is what begins the name of a webhook as a part of the bot.
	Component = "webhook:"

	codeGone   = "gone"
	eventsWait = "Nothing is lost: the events wait in the log"

	minBackoff  = time.Second
	maxBackoff  = time.Hour
	maxRefusals = 5 // of one event, until it is a dead letter
	batch       = 100
	inFlight    = 8
	storeEvery  = time.Second
	lookEvery   = time.Second
)

// Renderer gives an event its id and its form.
type Renderer interface {
	ID(seq uint64) string
	Render(e *alert.Event, now time.Time) []byte
}

// Options configures a webhook. Everything is needed but where it says so.
type Options struct {
	Follower notify.FollowerOptions
	URL      string
	Secrets  []Secret // none: requests are not signed
	// Wants reports whether an event is to be posted.
	Wants    func(*alert.Event) bool
	FirstSeq func() uint64
	Renderer Renderer
}

// Sink follows the log and posts what its channel wants, a few events at a time, but those
// of one subject one after the other. Its methods are safe for concurrent use.
type Sink struct {
	*notify.Follower
	o        Options
	storedAt time.Time // of Run alone
}

// New returns a sink that does nothing until Run.
func New(o Options) *Sink {
	return &Sink{Follower: notify.NewFollower(o.Follower, "ok", "failed", "dead", "trimmed"), o: o}
}

// Run posts until ctx ends. It then stores how far it got.
func (s *Sink) Run(ctx context.Context) error { return s.Follow(ctx, s.step, eventsWait) }

// step posts what the log has next, and says when there may be more; 0: now.
func (s *Sink) step(ctx context.Context) (wait time.Duration, err error) {
	if err := s.Cursor.Begin(ctx); err != nil {
		return 0, err
	}
	s.skipTrimmed(ctx)
	events, err := s.Log.ReadLog(s.Cursor.Seq()+1, batch)
	if err != nil {
		return 0, fmt.Errorf("reading the log from event %d: %w", s.Cursor.Seq()+1, err)
	}
	var waiting []*alert.Event
	for i := range events {
		if s.o.Wants(&events[i]) {
			waiting = append(waiting, &events[i])
		}
	}
	for len(waiting) > 0 {
		s.Cursor.Advance(waiting[0].Seq - 1)
		if time.Since(s.storedAt) >= storeEvery {
			if err := s.store(ctx); err != nil && ctx.Err() == nil {
				return 0, err
			}
		}
		var together []*alert.Event
		together, waiting = apart(waiting)
		if !s.deliver(ctx, together) {
			return 0, nil // ctx has ended
		}
	}
	if len(events) == 0 {
		return notify.Jitter(lookEvery), s.store(ctx)
	}
	s.Cursor.Advance(events[len(events)-1].Seq)
	return 0, nil
}

// skipTrimmed goes to the log's beginning if that has overtaken it.
func (s *Sink) skipTrimmed(ctx context.Context) {
	first := s.o.FirstSeq()
	if done := s.Cursor.Seq(); done+1 < first {
		s.Count("trimmed", first-done-1)
		s.Logger.ErrorContext(ctx, "events left the history before a webhook received them", "channel", s.Channel, "events", first-done-1)
		s.Cursor.Advance(first - 1)
	}
}

// store commits how far it got.
func (s *Sink) store(ctx context.Context) error {
	s.storedAt = time.Now()
	return s.Cursor.Store(ctx)
}
