package slack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/card"
)

const (
	stopsWithin  = 5 * time.Second // for a call that is under way when the program stops
	retryFirst   = time.Second
	retryMax     = time.Minute
	refusedRetry = 5 * time.Minute
)

// post shows alerts that no message lists yet. The message is first committed as
// sending, so that it can be found again after a crash.
func (w *channelWorker) post(ctx context.Context, alerts []alert.Alert, conf Channel) {
	target, err := w.resolve(ctx)
	if err != nil {
		w.postFailed(ctx, "post", conf, err)
		return
	}
	m := alert.Message{ID: newID("m-"), Channel: w.name, Target: target, State: alert.Sending, At: time.Now()}
	alerts = w.reserve(&m, alerts)
	defer w.release(m.ID)
	if len(alerts) == 0 {
		return // forgotten just now
	}
	if !w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.pause(0)
		return
	}
	w.listed(&m)
	w.deliver(ctx, m, w.content(alerts, &m, conf), conf)
}

// deliver posts a message that is committed as sending, and commits the outcome.
func (w *channelWorker) deliver(ctx context.Context, m alert.Message, content *card.Card, conf Channel) {
	ts, plain, err := w.send(ctx, Outgoing{ID: m.ID, Target: m.Target, Card: content})
	m.Plain = plain
	switch e := asPostError(err); {
	case err == nil:
		m.TS, m.State = ts, alert.Posted
		w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}})
		w.worked(ctx, posting, "post")
	case e.Unknown:
		w.again([]*alert.Message{&m}, retryFirst, retryMax, 0) // to be located
		w.postFailed(ctx, "post", conf, err)
	case e.Class == BadMessage:
		w.deadLetter(ctx, m, err)
	default:
		w.drop(ctx, &m)
		w.postFailed(ctx, "post", conf, err)
	}
}

// content is what a message says now.
func (w *channelWorker) content(alerts []alert.Alert, m *alert.Message, conf Channel) *card.Card {
	content := w.s.cardsFor(conf).Message(alerts, m.At)
	content.Buttons = w.s.buttons(alerts)
	if slices.ContainsFunc(alerts, isOpen) {
		content.Mention = conf.Mention
	}
	return content
}

// cardsFor makes the messages of a channel.
func (s *Sink) cardsFor(c Channel) *card.Maker {
	maker := s.cards
	maker.Language = c.Language
	return &maker
}

func isOpen(a alert.Alert) bool { return !card.Over(&a) }

// reserve makes a new message of the alerts' incidents as they are now, and reserves
// it for this lane.
func (w *channelWorker) reserve(m *alert.Message, alerts []alert.Alert) []alert.Alert {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	alerts = w.s.plan.whole(alerts)
	m.Alerts = firstShown(m.Channel, alerts)
	w.s.plan.message(m).busy = true
	return alerts
}

// listed marks alerts as no longer waiting: a message lists them, or they have joined it.
func (w *channelWorker) listed(m *alert.Message) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, a := range w.s.plan.members(m) {
		delete(w.state().waiting, a.ID)
	}
}

// send posts a message, and again as plain text if Slack refuses its blocks.
func (w *channelWorker) send(ctx context.Context, out Outgoing) (ts string, plain bool, err error) {
	out.Channel = w.name
	for {
		w.s.o.Trace("post:before")
		call, cancel := grace(ctx)
		ts, err = w.s.o.Poster.Post(call, out)
		cancel()
		w.s.o.Trace("post:after")
		w.pace()
		if class := classOf(err); err == nil || out.Plain || class != BadMessage && class != Unrecognized {
			return ts, out.Plain, err
		}
		w.s.log.Warn("slack rejected the message; trying again as plain text", "channel", w.name, "err", err)
		out.Plain = true
		if !sleep(ctx, w.s.pace.Post) {
			return "", false, err
		}
	}
}

func (w *channelWorker) pace() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.state().postAt = time.Now().Add(w.s.pace.Post)
}

// reply tells in the thread what became of a message's alerts.
func (w *channelWorker) reply(ctx context.Context, m alert.Message, a action, conf Channel) {
	m.Reply = &alert.Reply{ID: newID("r-"), At: time.Now(), Alerts: a.told}
	if !w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.pause(0)
		return
	}
	content := w.s.cardsFor(conf).Reply(a.changed, a.alerts)
	if a.remind {
		content = w.s.cardsFor(conf).Reminder(a.changed, a.alerts, m.Reply.At)
	}
	if a.loud {
		content.Mention = conf.Mention
	}
	_, _, err := w.send(ctx, Outgoing{ID: m.Reply.ID, Target: m.Target, Thread: m.TS, Broadcast: a.loud, Card: content, Plain: m.Plain})
	if err == nil {
		w.replied(ctx, m)
		w.worksAgain(m.ID)
		w.worked(ctx, posting, "reply")
		return
	}
	w.replyFailed(ctx, m, conf, err)
}

// replied commits what a message's reply told of.
func (w *channelWorker) replied(ctx context.Context, m alert.Message) {
	m.Alerts, m.Reply = afterReply(&m, m.Reply.Alerts, m.Reply.At), nil
	w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}})
}

// replyFailed gives up a reply that is refused: the message itself is still
// brought up to date. Other failures are retried.
func (w *channelWorker) replyFailed(ctx context.Context, m alert.Message, conf Channel, err error) {
	e := asPostError(err)
	switch {
	case e.Class == Gone, w.moved(ctx, &m, err):
		w.invalidate(ctx, m)
	case e.Class == BadThread:
		m.NoReplies = true
		w.giveUpReply(ctx, m, err)
	case e.Class == BadMessage:
		w.giveUpReply(ctx, m, err)
	case e.Unknown:
		w.again([]*alert.Message{&m}, retryFirst, retryMax, 0) // to be located
		w.postFailed(ctx, "reply", conf, err)
	default:
		m.Reply = nil
		w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}})
		if e.Class == Unrecognized {
			w.note(ctx, "reply", err)
			w.again([]*alert.Message{&m}, refusedRetry, refusedRetry, 0)
			return
		}
		w.postFailed(ctx, "reply", conf, err)
	}
}

func (w *channelWorker) giveUpReply(ctx context.Context, m alert.Message, err error) {
	w.s.log.Error("slack rejected a reply permanently; the message is edited instead", "channel", w.name, "message", m.ID, "err", err)
	w.s.metrics.calls.WithLabelValues("reply", "dead").Inc()
	if m.NoReplies && m.NoEdits {
		w.invalidate(ctx, m)
		return
	}
	m.Alerts, m.Reply = afterRefusal(&m), nil
	if w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) && m.NoReplies {
		w.replace([]*alert.Message{&m}) // what nobody was told of is posted
	}
}

// edit brings a message up to date. Edits are idempotent, so nothing is committed
// before.
func (w *channelWorker) edit(ctx context.Context, m alert.Message, alerts []alert.Alert, conf Channel) {
	content := w.content(alerts, &m, conf)
	w.s.o.Trace("update:before")
	call, cancel := grace(ctx)
	err := w.s.o.Poster.Update(call, m.TS, Outgoing{ID: m.ID, Channel: w.name, Target: m.Target, Card: content, Plain: m.Plain})
	cancel()
	w.s.o.Trace("update:after")
	if err != nil {
		w.editFailed(ctx, m, conf, err)
		return
	}
	m.Alerts = redrawn(&m, alerts)
	w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}})
	w.worksAgain(m.ID)
	w.s.mu.Lock()
	w.s.plan.message(&m).editAt = time.Now().Add(editEvery)
	w.s.mu.Unlock()
	w.worked(ctx, editing, "edit")
}

func (w *channelWorker) editFailed(ctx context.Context, m alert.Message, conf Channel, err error) {
	e := asPostError(err)
	w.note(ctx, "edit", err)
	switch {
	case e.Class == Gone, w.moved(ctx, &m, err):
		w.invalidate(ctx, m)
		return
	case e.Class == Uneditable:
		m.NoEdits = true
		if m.NoReplies {
			w.invalidate(ctx, m)
			return
		}
		w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}})
		return
	case (e.Class == BadMessage || e.Class == Unrecognized) && !m.Plain:
		m.Plain = true
		w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}})
	case e.Class == BadMessage:
		w.deadLetter(ctx, m, err)
		return
	}
	w.s.mu.Lock()
	w.s.plan.message(&m).uncertain = true
	w.s.mu.Unlock()
	switch e.Class {
	case BadToken, BadChannel:
		w.again([]*alert.Message{&m}, refusedRetry, refusedRetry, 0)
		w.refused(ctx, editing, conf, err)
	case Transient:
		w.again([]*alert.Message{&m}, 2*editEvery, retryMax, 0)
		w.s.mu.Lock()
		w.s.budget.from = later(w.s.budget.from, time.Now().Add(e.RetryAfter))
		w.s.mu.Unlock()
	default:
		w.again([]*alert.Message{&m}, 2*editEvery, refusedRetry, 0)
	}
}

// deadLetter keeps a message that Slack refuses for good.
func (w *channelWorker) deadLetter(ctx context.Context, m alert.Message, err error) {
	m.State, m.Reason, m.Reply = alert.Dead, err.Error(), nil
	w.s.log.Error("slack rejected a message permanently", "channel", w.name, "message", m.ID, "err", err)
	w.s.metrics.calls.WithLabelValues("post", "dead").Inc()
	if w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.replace([]*alert.Message{&m}) // what happened meanwhile is posted
	}
	w.s.review(ctx)
}

// drop forgets a message that does not exist: its alerts wait again, and may then
// be told together with others. If that fails it is looked for again.
func (w *channelWorker) drop(ctx context.Context, m *alert.Message) {
	if w.record(ctx, alert.DeliveryUpdate{Drop: []string{m.ID}}) {
		w.replace([]*alert.Message{m})
	}
}

func (w *channelWorker) replace(messages []*alert.Message) {
	now := time.Now()
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, m := range messages {
		w.s.plan.replace(m, now)
	}
}

// record commits, also while the program stops, and reports whether that worked.
// Where it did not, State still says what was before, and that is acted upon.
func (w *channelWorker) record(ctx context.Context, u alert.DeliveryUpdate) bool {
	err := w.s.record(ctx, u)
	if err != nil {
		w.s.log.Warn("the outcome of a message could not be stored", "channel", w.name, "err", err)
	}
	return err == nil
}

func (s *Sink) record(ctx context.Context, u alert.DeliveryUpdate) error {
	ctx, cancel := grace(ctx)
	defer cancel()
	return s.o.Recorder.Record(ctx, u)
}

// resolve returns the id of the channel. The result for a channel that has left
// the configuration is dropped.
func (w *channelWorker) resolve(ctx context.Context) (string, error) {
	for {
		w.s.mu.Lock()
		target, channel := w.target, w.conf.Slack
		w.s.mu.Unlock()
		if target != "" {
			return target, nil
		}
		target, err := w.s.o.Poster.Resolve(ctx, channel)
		w.s.mu.Lock()
		current := w.conf.Slack == channel
		if current && err == nil {
			w.target = target
		}
		w.s.mu.Unlock()
		if current || ctx.Err() != nil {
			return target, err
		}
	}
}

// lookUp finds a channel that came with new rules before anything is to be posted there:
// whoever edits the rules learns at once that it does not exist. It is looked for again
// until it does.
func (w *channelWorker) lookUp(ctx context.Context, conf Channel) {
	_, err := w.resolve(ctx)
	if err != nil {
		w.postFailed(ctx, "resolve", conf, err)
		return
	}
	w.s.mu.Lock()
	failed := w.failures > 0
	w.seek = w.conf.Slack != conf.Slack
	w.s.mu.Unlock()
	if failed {
		w.worked(ctx, posting, "resolve")
	}
}

func newID(prefix string) string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}

// grace returns a context that outlives ctx for a while: a call under way when
// the program stops may still end well.
func grace(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(out, stopsWithin)
		cancel()
	})
	return out, func() { stop(); cancel() }
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
