package robot

import (
	"cmp"
	"context"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/notify/card"
)

// post sends a message, and then records what was told. Nothing comes between: what is not
// recorded would be told again.
func (r *Robot) post(ctx context.Context, t *telling) {
	err := r.send(ctx, t.card)
	if e := asError(err); err != nil && e.class == badMessage {
		r.o.Logger.WarnContext(ctx, "a chat refuses a message; trying again without customers' texts", "channel", r.o.Name, "err", err)
		err = r.send(ctx, t.brief)
	}
	e := asError(err)
	switch {
	case err == nil:
		r.o.Messages.WithLabelValues(r.o.Name, "ok").Inc()
		r.record(ctx, t.records)
		r.works(ctx)
	case ctx.Err() != nil:
		return
	case e.class == badMessage:
		r.o.Messages.WithLabelValues(r.o.Name, "dead").Inc()
		r.o.Logger.ErrorContext(ctx, "a chat refuses a message for good", "channel", r.o.Name, "err", err)
		for i := range t.refused {
			t.refused[i].Reason = err.Error()
		}
		r.record(ctx, t.refused)
		r.upkeep(ctx)
	default:
		r.failed(ctx, t.channel, e)
	}
}

// send makes one request in its turn, whatever becomes of it.
func (r *Robot) send(ctx context.Context, c *card.Card) error {
	r.sending.Lock()
	defer r.sending.Unlock()
	r.mu.Lock()
	wait := time.Until(r.free)
	r.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(wait, 0)):
	}
	r.o.Trace(r.o.Dialect.Kind + ":before")
	err := r.request(ctx, c)
	r.o.Trace(r.o.Dialect.Kind + ":after")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = latest(r.free, time.Now().Add(r.o.Dialect.pace))
	return err
}

// record commits, also while the program stops, and until that works.
func (r *Robot) record(ctx context.Context, messages []alert.Message) {
	stopping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopsWithin, cancel) })
	defer stop()
	for failures := 0; ; failures++ {
		err := r.o.Recorder.Record(stopping, alert.DeliveryUpdate{Messages: messages})
		if err == nil {
			break
		}
		r.o.Logger.WarnContext(ctx, "the record of what people were told could not be stored", "channel", r.o.Name, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(notify.Backoff(failures, retryFirst, retryMax)):
		}
	}
	for i := range messages {
		r.look(messages[i].Incidents())
	}
}

// look works out again what there is to tell of incidents.
func (r *Robot) look(incidents []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, c := range r.plan.channels {
		for _, incident := range incidents {
			delete(c.waiting, incident) // what is new since then begins to wait now
			r.plan.look(c, incident, now)
		}
	}
}

func (r *Robot) works(ctx context.Context) {
	r.mu.Lock()
	failing := r.lastError != ""
	r.lastError = ""
	r.mu.Unlock()
	r.failures = 0
	if failing {
		r.o.Logger.InfoContext(ctx, "posting to a chat works again", "channel", r.o.Name)
	}
	r.state.Works(ctx)
}

// failed decides what to do next: back off, or park the robot if that will not help, or
// has not helped.
func (r *Robot) failed(ctx context.Context, channel string, e *sendError) {
	now := time.Now()
	r.o.Messages.WithLabelValues(r.o.Name, "failed").Inc()
	if r.failures++; r.failures == 1 {
		r.failingSince = now
		r.o.Logger.WarnContext(ctx, "posting to a chat fails", "channel", r.o.Name, "err", e)
	}
	wait, code := cmp.Or(e.wait, notify.Backoff(r.failures-1, retryFirst, retryMax)), cmp.Or(e.code, notify.CodeUnavailable)
	if e.class == refused {
		wait = refusedFor
	}
	r.mu.Lock()
	r.plan.failed(channel)
	r.lastError = e.Error()
	r.free = latest(r.free, now.Add(wait))
	r.mu.Unlock()
	if e.class == refused || e.class == tooFast || now.Sub(r.failingSince) > stuckAfter {
		r.state.Park(ctx, code, e.Error())
	}
}
