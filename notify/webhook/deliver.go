package webhook

import (
	"context"
	"fmt"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
)

// apart takes the first of the events that may be posted at once: of each subject one.
func apart(events []*alert.Event) (together, later []*alert.Event) {
	met := map[phone.Subject]bool{}
	for _, e := range events {
		if of := e.Subject(); len(together) < inFlight && !met[of] {
			together = append(together, e)
			met[of] = true
		} else {
			later = append(later, e)
			met[of] = true // what follows must not overtake it
		}
	}
	return together, later
}

// post is an event on its way.
type post struct {
	id   string
	body []byte
	result
}

// deliver posts events at once. Those that are not taken then are posted one after the
// other, each until it is delivered or given up: a receiver that is away or busy gets one
// request at a time. It returns false if ctx has ended before.
func (s *Sink) deliver(ctx context.Context, events []*alert.Event) bool {
	posts := make([]post, len(events))
	var running sync.WaitGroup
	for i, e := range events {
		posts[i] = post{id: s.o.Renderer.ID(e.Seq), body: s.o.Renderer.Render(e, time.Now())}
		running.Go(func() { s.attempt(ctx, &posts[i]) })
	}
	running.Wait()
	waited := false
	for i := range posts {
		if p := &posts[i]; p.outcome != delivered && waited {
			s.attempt(ctx, p)
		}
		waited = waited || posts[i].outcome != delivered
		if !s.insist(ctx, &posts[i]) {
			return false
		}
	}
	return true
}

func (s *Sink) attempt(ctx context.Context, p *post) {
	s.o.Trace("webhook:before")
	p.result = s.send(ctx, p.id, p.body)
	if p.outcome == delivered {
		s.o.Trace("webhook:after")
		s.o.Events.WithLabelValues(s.o.Name, "ok").Inc()
	}
}

// insist goes on after an attempt until the event is delivered or given up. It returns
// false if ctx has ended before.
func (s *Sink) insist(ctx context.Context, p *post) bool {
	refusals := 0
	for failures := 0; p.outcome != delivered; failures++ {
		if ctx.Err() != nil {
			return false
		}
		s.o.Events.WithLabelValues(s.o.Name, "failed").Inc()
		failing := s.state.Failed(ctx, p.err)
		switch {
		case p.outcome == gone:
			s.state.Park(ctx, codeGone, fmt.Sprintf("the webhook %s no longer accepts events: %v. Correct or remove it in config.yaml; it is retried every hour", s.o.Name, p.err))
			p.wait = maxBackoff
		case p.outcome == later && failing >= s.patient:
			s.state.Park(ctx, codeUnavailable, fmt.Sprintf("the webhook %s does not accept events: %v. Nothing is lost: they wait in the log", s.o.Name, p.err))
		case p.outcome == later:
		default:
			if refusals++; refusals == maxRefusals {
				s.giveUp(ctx, p.id, p.err)
				return true
			}
		}
		if !s.pause(ctx, max(p.wait, notify.Backoff(failures, s.first, maxBackoff))) {
			return false
		}
		s.attempt(ctx, p)
	}
	s.working(ctx)
	return true
}

// pause waits for a time, or until somebody asks to try again now.
func (s *Sink) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.again:
	case <-t.C:
	}
	return true
}

// giveUp passes over an event that the receiver refuses for good. The first one is
// reported to the rules, until the next start.
func (s *Sink) giveUp(ctx context.Context, id string, err error) {
	s.o.Events.WithLabelValues(s.o.Name, "dead").Inc()
	s.o.Logger.ErrorContext(ctx, "a webhook refuses an event, which is skipped", "channel", s.o.Name, "event_id", id, "err", err)
	if _, reported := s.dead.Parked(); !reported {
		s.dead.Park(ctx, notify.CodeDead, fmt.Sprintf(
			"the webhook %s refused event %s %d times: %v. It was skipped and stays in the history; the log names all such events", s.o.Name, id, maxRefusals, err))
	}
}
