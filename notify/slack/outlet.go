package slack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/card"
)

// outlet is one channel at work. Its goroutine is the only one that posts there.
type outlet struct {
	s      *Slack
	name   string // of the channel
	wake   signal
	cancel context.CancelFunc
	ended  chan struct{}

	// Guarded by the lock of s, as configure and Retry set them.
	conf   Channel
	target string    // resolved; "" until needed
	gate   time.Time // no call before this

	// Of the goroutine alone.
	planned      string // the channel, as configured, for which the present deed was planned
	postAt       time.Time
	failures     int
	failingSince time.Time
	doubtful     []string // messages that may have been kept although that failed
	searchable   string   // the target in which a post can be looked for; "" if none is known
	lookAt       time.Time
}

// configure is called with the lock held.
func (o *outlet) configure(c Channel) {
	if c.Slack != o.conf.Slack {
		o.target, o.gate = "", time.Time{}
	}
	o.conf = c
}

func (o *outlet) run(ctx context.Context) {
	defer close(o.ended)
	defer o.quit()
	for ctx.Err() == nil {
		a, wait := o.plan()
		if wait == 0 {
			o.act(ctx, a)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-due:
		}
	}
}

func (o *outlet) quit() {
	o.cancel()
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.budget.leave(o)
}

// plan returns what to do now, or how long to wait first; negative: until woken.
func (o *outlet) plan() (action, time.Duration) {
	now := time.Now()
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.planned = o.conf.Slack
	gate := later(o.gate, o.s.gate)
	if gate.After(now) {
		o.s.budget.leave(o)
		return action{}, gate.Sub(now)
	}
	free := slots{post: later(o.postAt, gate), edit: o.s.budget.turn(o, now)}
	a := o.s.board.next(o.name, now, free)
	switch {
	case a.deed == edit:
		o.s.budget.spend(o, now)
	case a.queues:
		o.s.budget.queue(o)
	case a.deed == rest:
		o.s.budget.leave(o)
	}
	switch {
	case a.deed != rest:
		return a, 0
	case a.until.IsZero():
		return a, -1
	default:
		return a, max(a.until.Sub(now), time.Millisecond)
	}
}

func (o *outlet) act(ctx context.Context, a action) {
	switch a.deed {
	case settle:
		o.settle(ctx, a.message)
	case post:
		o.post(ctx, a.alerts)
	case reply:
		o.reply(ctx, a)
	case edit:
		o.edit(ctx, a)
	}
}

// post shows alerts that no message lists yet. The message is kept as being
// sent first, so that a crash leaves something to look for.
func (o *outlet) post(ctx context.Context, alerts []alert.Alert) {
	target, err := o.resolve(ctx)
	if err != nil {
		o.failed(ctx, "post", err)
		return
	}
	leave, ok := o.enter(ctx, target)
	if !ok {
		return
	}
	defer leave()
	m := alert.Message{ID: newID("m-"), Channel: o.name, Target: target, State: alert.Sending, At: time.Now()}
	for i := range alerts {
		m.Alerts = append(m.Alerts, shown(&alerts[i]))
	}
	if !o.begin(ctx, m) {
		o.doubtful = append(o.doubtful, m.ID) // the next attempt has another id
		return
	}
	content := o.s.cards.Message(alerts, m.At, true)
	content.Buttons = o.s.buttons(alerts)
	if slices.ContainsFunc(alerts, func(a alert.Alert) bool { return !card.Over(&a) }) {
		content.Mention = o.mention()
	}
	ts, err := o.send(ctx, &m, Outgoing{ID: m.ID, Target: m.Target, Card: content})
	switch {
	case err == nil:
		m.TS, m.State = ts, alert.Posted
		o.keep(ctx, m)
		o.worked(ctx, "post")
	case refusal(err) == BadMessage:
		o.bury(ctx, m, err)
	case refusal(err) == Ambiguous:
		o.failed(ctx, "post", err) // it stays as being sent, to be looked for
	default:
		o.dropped(ctx, m)
		o.failed(ctx, "post", err)
	}
}

// send posts, and once more as plain text what Slack does not take with blocks.
func (o *outlet) send(ctx context.Context, m *alert.Message, out Outgoing) (string, error) {
	out.Channel, out.Plain = o.name, m.Plain
	o.s.trace("post:before")
	call, cancel := grace(ctx, slackStopsIn)
	ts, err := o.s.poster.Post(call, out)
	cancel()
	o.s.trace("post:after")
	o.postAt = time.Now().Add(o.s.pace.Post)
	if class := refusal(err); err == nil || m.Plain || class != BadMessage && class != Unknown {
		return ts, err
	}
	o.s.log.Warn("slack does not take the message, once more as plain text", "channel", o.name, "err", err)
	m.Plain = true
	if !pause(ctx, o.s.pace.Post) {
		return "", ctx.Err()
	}
	return o.send(ctx, m, out)
}

// reply tells in the thread what became of a message's alerts.
func (o *outlet) reply(ctx context.Context, a action) {
	m := a.message
	leave, ok := o.enter(ctx, m.Target)
	if !ok {
		return
	}
	defer leave()
	m.Reply = &alert.Reply{ID: newID("r-"), At: time.Now(), NotifiedRevisions: make(map[string]uint64)}
	for i := range a.changed {
		m.Reply.NotifiedRevisions[a.changed[i].ID] = a.changed[i].Revision
	}
	if !o.begin(ctx, m) {
		return
	}
	content := o.s.cards.Reply(a.changed, len(m.Alerts))
	if a.remind {
		content = o.s.cards.Reminder(a.changed, len(m.Alerts), m.Reply.At)
	}
	if a.remind || slices.ContainsFunc(a.changed, wantsEyes) {
		content.Mention = o.mention()
	}
	_, err := o.send(ctx, &m, Outgoing{ID: m.Reply.ID, Target: m.Target, Thread: m.TS, Card: content})
	switch {
	case err == nil:
		o.replied(ctx, m)
		o.worked(ctx, "reply")
	case refusal(err) == BadMessage:
		m.Reply = nil
		o.bury(ctx, m, err)
	case refusal(err) == Gone, o.left(ctx, m, err):
		o.gone(ctx, m)
	case refusal(err) == Ambiguous:
		o.failed(ctx, "reply", err)
	default:
		m.Reply = nil
		o.keep(ctx, m)
		o.failed(ctx, "reply", err)
	}
}

// wantsEyes reports whether a change in an open alert calls for a mention.
func wantsEyes(a alert.Alert) bool {
	return !card.Over(&a) && (a.Transition == alert.GotWorse || a.Transition == alert.Reopened)
}

func (o *outlet) replied(ctx context.Context, m alert.Message) {
	o.s.mu.Lock()
	r := o.s.board.messages[m.ID]
	fixed := r != nil && r.fixed
	o.s.mu.Unlock()
	m.Alerts = slices.Clone(m.Alerts)
	for i, s := range m.Alerts {
		if told, ok := m.Reply.NotifiedRevisions[s.Alert]; ok {
			m.Alerts[i].NotifiedRevision, m.Alerts[i].At = max(told, s.NotifiedRevision), m.Reply.At
			if fixed {
				m.Alerts[i].Revision = max(told, s.Revision)
			}
		}
	}
	m.Reply = nil
	o.keep(ctx, m)
}

// edit brings a message up to date. It may be repeated at will, so nothing is
// kept before.
func (o *outlet) edit(ctx context.Context, a action) {
	m := a.message
	content := o.s.cards.Message(a.alerts, m.At, false)
	content.Buttons = o.s.buttons(a.alerts)
	if slices.ContainsFunc(a.alerts, func(a alert.Alert) bool { return !card.Over(&a) }) {
		content.Mention = o.mention()
	}
	o.s.trace("update:before")
	call, cancel := grace(ctx, slackStopsIn)
	err := o.s.poster.Update(call, m.TS, Outgoing{ID: m.ID, Channel: o.name, Target: m.Target, Card: content, Plain: m.Plain})
	cancel()
	o.s.trace("update:after")
	if err == nil {
		o.edited(ctx, m, a.alerts)
		o.worked(ctx, "edit")
		return
	}
	o.notEdited(ctx, m, err)
}

func (o *outlet) edited(ctx context.Context, m alert.Message, alerts []alert.Alert) {
	m.Alerts = redrawn(m.Alerts, alerts)
	o.s.mu.Lock()
	o.s.board.edited(m.ID, time.Now())
	o.s.mu.Unlock()
	o.keep(ctx, m)
}

func (o *outlet) notEdited(ctx context.Context, m alert.Message, err error) {
	switch class := refusal(err); {
	case class == Gone, o.left(ctx, m, err):
		o.gone(ctx, m)
	case class == Uneditable:
		o.s.mu.Lock()
		o.s.board.fix(m.ID)
		o.s.mu.Unlock()
	case (class == BadMessage || class == Unknown) && !m.Plain:
		m.Plain = true
		o.keep(ctx, m)
		o.again(m)
	case class == BadMessage:
		o.bury(ctx, m, err)
	case class == NotApplied || class == Ambiguous:
		o.again(m)
		o.s.holdEdits(retryAfter(err))
		o.note("edit", err)
	default:
		o.again(m)
		o.failed(ctx, "edit", err)
	}
}

func (o *outlet) again(m alert.Message) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.board.again(m.ID, time.Now())
}

// settle finds out whether a message, or a reply to it, was posted.
func (o *outlet) settle(ctx context.Context, m alert.Message) {
	out, since := Outgoing{ID: m.ID, Channel: o.name, Target: m.Target}, m.At
	if m.State != alert.Sending {
		out.ID, out.Thread, since = m.Reply.ID, m.TS, m.Reply.At
	}
	ts, found, err := o.s.poster.Find(ctx, out, since)
	if errors.Is(err, ErrNoHistory) {
		o.searchable = ""
		o.s.noHistory.Do(func() { o.s.log.Warn("a message may be posted twice where an answer is lost", "err", err) })
		err = nil
	}
	switch {
	case err != nil && (refusal(err) == Gone || o.left(ctx, m, err)):
		o.gone(ctx, m)
	case err != nil:
		o.failed(ctx, "find", err)
	case m.State == alert.Sending && found:
		m.TS, m.State = ts, alert.Posted
		o.keep(ctx, m)
	case m.State == alert.Sending:
		o.dropped(ctx, m)
	case found:
		o.replied(ctx, m)
	default:
		m.Reply = nil
		o.keep(ctx, m)
	}
}

// left reports whether a message cannot be reached because it is in a channel
// that the configuration no longer names.
func (o *outlet) left(ctx context.Context, m alert.Message, err error) bool {
	if refusal(err) != BadChannel {
		return false
	}
	target, err := o.resolve(ctx)
	return err == nil && target != m.Target
}

// gone deals with a message that is no more: somebody deleted it in Slack, or
// it is out of reach.
func (o *outlet) gone(ctx context.Context, m alert.Message) {
	if m.State == alert.Sending {
		o.dropped(ctx, m)
		return
	}
	o.s.mu.Lock()
	left := o.s.board.gone(m.ID, time.Now())
	o.s.mu.Unlock()
	if len(left.Alerts) > 0 {
		o.keep(ctx, left)
	} else {
		o.dropped(ctx, m)
	}
}

func newID(prefix string) string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}

// grace returns a context that outlives ctx by d: a call under way when the
// program stops may still end well.
func grace(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		pause(out, d)
		cancel()
	})
	return out, func() { stop(); cancel() }
}

// pause waits, and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
