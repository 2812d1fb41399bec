package slack

import (
	"context"
	"errors"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

const slackPart = "slack"

func (o *outlet) part() string { return slackPart + ":" + o.name }

func (o *outlet) mention() []string {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.conf.Mention
}

// resolve returns the id of the channel. What is found out of a channel that the
// configuration no longer names is dropped.
func (o *outlet) resolve(ctx context.Context) (string, error) {
	for {
		o.s.mu.Lock()
		target, channel := o.target, o.conf.Slack
		o.s.mu.Unlock()
		if target != "" {
			return target, nil
		}
		target, err := o.s.poster.Resolve(ctx, channel)
		if o.resolved(channel, target) || ctx.Err() != nil {
			return target, err
		}
	}
}

// resolved keeps a channel's id, "" where there is none, and reports whether the
// configuration still names the channel.
func (o *outlet) resolved(channel, target string) bool {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if o.conf.Slack != channel {
		return false
	}
	o.target = target
	return true
}

// begin has a message committed that is about to be posted, or replied to. It
// reports false where that failed: what could not be found again after a crash
// is not posted.
func (o *outlet) begin(ctx context.Context, m alert.Message) bool {
	if !o.commit(ctx, m) {
		return false
	}
	o.put(m)
	return true
}

// keep has a message committed as it now is. Where that fails it is still known
// to be so; after a crash it is looked for.
func (o *outlet) keep(ctx context.Context, m alert.Message) {
	o.commit(ctx, m)
	o.put(m)
}

func (o *outlet) commit(ctx context.Context, m alert.Message) bool {
	if err := o.s.report(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}, Drop: o.doubtful}); err != nil {
		o.s.log.Warn("a message could not be kept", "channel", o.name, "err", err)
		o.backOff(0)
		return false
	}
	o.doubtful = nil
	return true
}

func (o *outlet) put(m alert.Message) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.board.put(m)
}

// dropped forgets a message that was not posted: its alerts wait again, and may
// then be told together with others.
func (o *outlet) dropped(ctx context.Context, m alert.Message) {
	if err := o.s.report(ctx, alert.DeliveryUpdate{Drop: []string{m.ID}}); err != nil {
		o.s.log.Warn("a message could not be dropped", "channel", o.name, "err", err)
		o.backOff(0)
		return
	}
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.board.drop(m.ID, time.Now())
}

// bury keeps a message that Slack refuses for good as a dead letter.
func (o *outlet) bury(ctx context.Context, m alert.Message, err error) {
	m.State, m.Reason = alert.Dead, err.Error()
	o.s.log.Error("slack refuses a message for good", "channel", o.name, "message", m.ID, "err", err)
	o.s.metrics.calls.WithLabelValues("post", "dead").Inc()
	o.keep(ctx, m)
	o.s.review(ctx)
}

// report commits a receipt, also while the program stops.
func (s *Slack) report(ctx context.Context, r alert.DeliveryUpdate) error {
	ctx, cancel := grace(ctx, slackStopsIn)
	defer cancel()
	return s.keeper.Record(ctx, r)
}

// worked notes that the channel, and so the token, works.
func (o *outlet) worked(ctx context.Context, call string) {
	o.s.metrics.calls.WithLabelValues(call, "ok").Inc()
	if o.failures > 0 {
		o.s.log.Info("slack works again", "channel", o.name)
	}
	o.failures, o.failingSince = 0, time.Time{}
	now := time.Now()
	o.s.tell(ctx, alert.SinkReport{Component: o.part(), Value: phone.OK, At: now})
	o.s.tell(ctx, alert.SinkReport{Component: slackPart, Value: phone.OK, At: now})
}

func (o *outlet) note(call string, err error) {
	o.s.metrics.calls.WithLabelValues(call, strings.ReplaceAll(refusal(err).String(), " ", "_")).Inc()
	o.s.log.Debug("a call to slack failed", "call", call, "channel", o.name, "err", err)
}

// failed decides how to go on after a call that failed: wait a while, leave the
// channel alone for longer, or everything.
func (o *outlet) failed(ctx context.Context, call string, err error) {
	if ctx.Err() != nil {
		return
	}
	o.note(call, err)
	now := time.Now()
	if o.failures++; o.failures == 1 {
		o.failingSince = now
		o.s.log.Warn("posting to slack fails", "channel", o.name, "err", err)
	}
	var e *PostError
	errors.As(err, &e)
	r := alert.SinkReport{Component: o.part(), Value: phone.Parked, Reason: err.Error(), At: now}
	if e != nil {
		r.Code = e.Code
	}
	switch refusal(err) {
	case BadToken:
		r.Component = slackPart
		o.s.shut(now.Add(parkFor))
		o.s.tell(ctx, r)
	case BadChannel, Unknown, BadMessage, Gone, Uneditable:
		o.forgetTarget()
		o.wait(now.Add(parkFor))
		o.s.tell(ctx, r)
	default:
		if now.Sub(o.failingSince) > stuckAfter {
			o.s.tell(ctx, r)
		}
		o.backOff(retryAfter(err))
	}
}

func retryAfter(err error) time.Duration {
	var e *PostError
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// backOff waits as long as Slack asks, or longer with every failure.
func (o *outlet) backOff(asked time.Duration) {
	if asked == 0 {
		asked = jitter(min(time.Minute, time.Second<<min(o.failures, 10)))
	}
	o.wait(time.Now().Add(asked))
}

// wait leaves the channel alone, unless the configuration names another since
// the deed that failed was planned.
func (o *outlet) wait(until time.Time) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if o.conf.Slack == o.planned {
		o.gate = until
	}
}

// forgetTarget has the channel's name resolved again: it may have been renamed.
func (o *outlet) forgetTarget() {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.target = ""
}

func (s *Slack) shut(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = until
}

// holdEdits keeps edits back in all channels as long as Slack asks: they share
// one budget.
func (s *Slack) holdEdits(asked time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.from = later(s.budget.from, time.Now().Add(asked))
}

// tell reports a change of fortune once. What the store last knew is not known
// here, so the first report is always made.
func (s *Slack) tell(ctx context.Context, r alert.SinkReport) {
	s.mu.Lock()
	known := s.reported[r.Component] == r.Value
	s.reasons[r.Component] = r.Reason
	s.mu.Unlock()
	if known {
		return
	}
	if err := s.report(ctx, alert.DeliveryUpdate{Sink: &r}); err != nil {
		s.log.Warn("the state of slack could not be kept", "part", r.Component, "err", err)
		return
	}
	s.metrics.parked.WithLabelValues(r.Component).Set(truth(r.Value == phone.Parked))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reported[r.Component] = r.Value
}
