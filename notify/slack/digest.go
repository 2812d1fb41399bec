package slack

import (
	"context"
	"time"

	"numwatch/alert"
	"numwatch/notify/digest"
)

// clockCheck is how often to check whether a digest is due: the clock may be changed.
const clockCheck = time.Minute

// nextDigest posts a digest once it is due. One that was due while nobody could post it
// is due still, and is about the whole time since the last one.
func (p *planner) nextDigest(c *channelState, now, free time.Time) (out action) {
	last, tried := p.lastDigest(c)
	switch {
	case last == nil:
		return action{kind: sumUp}
	case last.State == alert.Sending:
		return out // its outcome is being looked up
	case c.digest.Next(c.digest.Next(now)).Before(tried): // the clock was far ahead
		return action{kind: sumUp, since: &alert.Digest{Seq: last.Digest.Seq}}
	}
	if at := later(c.digest.Next(tried), free); at.After(now) {
		out.by(earlier(at, now.Add(clockCheck)))
		return out
	}
	return action{kind: sumUp, since: last.Digest}
}

// lastDigest returns a channel's last digest that Slack did not refuse, nil if there is
// none, and the time until which digests were tried.
func (p *planner) lastDigest(c *channelState) (last *alert.Message, tried time.Time) {
	for _, m := range p.digests(c) {
		tried = later(tried, m.Digest.Until)
		if m.State != alert.Dead && (last == nil || m.Digest.Until.After(last.Digest.Until)) {
			last = m
		}
	}
	return last, tried
}

func (p *planner) digests(c *channelState) (list []*alert.Message) {
	for id := range c.messages {
		if m, known := p.state.Message(id); known && m.Digest != nil {
			list = append(list, m)
		}
	}
	return list
}

// outdated reports whether nothing depends any more on a digest: a later one was posted,
// or its channel gets none.
func (p *planner) outdated(m *alert.Message) bool {
	c := p.channel(m.Channel)
	if w := c.messages[m.ID]; w != nil && w.busy {
		return false
	}
	if c.digest == nil {
		return true
	}
	last, _ := p.lastDigest(c)
	return last != nil && last.State == alert.Posted && last.Digest.Until.After(m.Digest.Until)
}

// sumUp posts what happened since the last digest, committed as being sent before, like
// other messages.
func (w *channelWorker) sumUp(ctx context.Context, since *alert.Digest, conf Channel) {
	if since == nil || since.Until.IsZero() {
		w.begin(ctx, since)
		return
	}
	target, err := w.resolve(ctx)
	if err != nil {
		w.postFailed(ctx, "post", conf, err)
		return
	}
	now, seq := time.Now(), w.s.o.Log.LastSeq()
	m := alert.Message{ID: newID("m-"), Channel: w.name, Target: target, State: alert.Sending, At: now}
	m.Digest = &alert.Digest{From: since.Until, Until: now, After: min(since.Seq, seq), Seq: seq} // a recovery may have lost the end of the log
	d, err := digest.Collect(w.s.o.Log, w.name, *m.Digest, w.s.o.State.Alerts())
	if err != nil {
		w.s.log.Error("a digest could not be made", "channel", w.name, "err", err)
		w.s.delay(w.name, retryMax)
		return
	}
	w.s.mu.Lock()
	w.s.plan.message(&m).busy = true
	w.s.mu.Unlock()
	defer w.release(m.ID)
	if !w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.pause(0)
		return
	}
	content := w.s.cardsFor(conf).Digest(d)
	if !d.Silent() {
		content.Mention = conf.Mention
	}
	w.deliver(ctx, m, content, conf)
}

// begin notes that the next digest is about what comes from now on, or, where the clock
// was set back by far, about what comes behind the last one.
func (w *channelWorker) begin(ctx context.Context, last *alert.Digest) {
	now, seq := time.Now(), w.s.o.Log.LastSeq()
	if last != nil {
		seq = min(seq, last.Seq)
	}
	m := alert.Message{ID: newID("m-"), Channel: w.name, State: alert.Posted, At: now, Digest: &alert.Digest{From: now, Until: now, After: seq, Seq: seq}}
	u := alert.DeliveryUpdate{Messages: []alert.Message{m}}
	w.s.mu.Lock()
	for _, old := range w.s.plan.digests(w.state()) {
		u.Drop = append(u.Drop, old.ID)
	}
	w.s.plan.message(&m).busy = true
	w.s.mu.Unlock()
	defer w.release(m.ID)
	if !w.record(ctx, u) {
		w.pause(0)
	}
}
