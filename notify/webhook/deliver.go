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
	s.Trace("webhook:before")
	p.result = s.send(ctx, p.id, p.body)
	if p.outcome == delivered {
		s.Trace("webhook:after")
		s.Count("ok", 1)
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
		s.Count("failed", 1)
		switch p.outcome {
		case later:
			s.Failed(ctx, p.err, eventsWait)
		case gone:
			s.Failed(ctx, p.err, "")
			s.Park(ctx, codeGone, fmt.Sprintf("the webhook %s no longer accepts events: %v. Correct or remove it in config.yaml; it is retried every hour", s.Channel, p.err))
			p.wait = maxBackoff
		default:
			s.Failed(ctx, p.err, "")
			if refusals++; refusals == maxRefusals {
				s.giveUp(ctx, p.id, p.err)
				return true
			}
		}
		if s.Pause(ctx, max(p.wait, notify.Backoff(failures, minBackoff, maxBackoff))); ctx.Err() == nil {
			s.attempt(ctx, p)
		}
	}
	s.Works(ctx)
	return true
}

// giveUp passes over an event that the receiver refuses for good. The first one is
// reported to the rules, until the next start.
func (s *Sink) giveUp(ctx context.Context, id string, err error) {
	s.Count("dead", 1)
	s.Logger.ErrorContext(ctx, "a webhook refuses an event, which is skipped", "channel", s.Channel, "event_id", id, "err", err)
	s.Refused(ctx, fmt.Sprintf(
		"the webhook %s refused event %s %d times: %v. It was skipped and stays in the history; the log names all such events", s.Channel, id, maxRefusals, err))
}
