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

// post shows alerts that no message lists yet. The message is committed as being
// sent first: what could not be found again after a crash is not posted.
func (w *channelWorker) post(ctx context.Context, alerts []alert.Alert, conf Channel) {
	target, err := w.resolve(ctx)
	if err != nil {
		w.postFailed(ctx, "post", conf, err)
		return
	}
	m := alert.Message{ID: newID("m-"), Channel: w.name, Target: target, State: alert.Sending, At: time.Now()}
	alerts = w.reserve(&m, alerts)
	defer w.release(m.ID)
	if !w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.pause(0)
		return
	}
	w.listed(&m)
	content := w.content(alerts, &m, conf)
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
	content := w.s.cards.Message(alerts, m.At)
	content.Buttons = w.s.buttons(alerts)
	if slices.ContainsFunc(alerts, isOpen) {
		content.Mention = conf.Mention
	}
	return content
}

func isOpen(a alert.Alert) bool { return !card.Over(&a) }

// reserve has a new message show the incidents of alerts as they are now, and takes it
// from the other lanes.
func (w *channelWorker) reserve(m *alert.Message, alerts []alert.Alert) []alert.Alert {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	alerts = w.s.plan.whole(alerts)
	m.Alerts = firstShown(m.Channel, alerts)
	w.s.plan.message(m).busy = true
	return alerts
}

// listed lets alerts no longer wait: a message lists them, or they have joined it.
func (w *channelWorker) listed(m *alert.Message) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, a := range w.s.plan.members(m) {
		delete(w.state().waiting, a.ID)
	}
}

// send posts, and once more as plain text what Slack does not take with blocks.
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
	content := w.s.cards.Reply(a.changed, a.alerts)
	if a.remind {
		content = w.s.cards.Reminder(a.changed, a.alerts, m.Reply.At)
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

// replyFailed gives up a reply that is refused: the message itself still becomes
// what is true. All else is tried again.
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
		w.replace([]*alert.Message{&m}) // what nobody has heard of is posted
	}
}

// edit brings a message up to date. It may be repeated at will, so nothing is
// committed before.
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

// drop forgets a message that is not there: its alerts wait again, and may then
// be told together with others. Where that fails it is looked for.
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

// resolve returns the id of the channel. What is found out of a channel that the
// configuration no longer names is dropped.
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

// afterReply returns what a message shows once a reply has told of alerts. Where it takes
// no edits, its thread is all that shows them.
func afterReply(m *alert.Message, told []alert.ShownAlert, at time.Time) []alert.ShownAlert {
	return withTold(m.Alerts, told, func(s *alert.ShownAlert, t alert.ShownAlert) {
		s.NotifiedRevision, s.NotifiedOpen, s.IncidentOpen, s.NotifiedValue, s.At = t.NotifiedRevision, t.NotifiedOpen, t.IncidentOpen, t.NotifiedValue, at
		if m.NoEdits {
			s.Revision = max(s.Revision, t.NotifiedRevision)
		}
	})
}

// afterRefusal returns what a message shows whose reply Slack refused for good: the reply
// is not tried again, and people know what they knew before.
func afterRefusal(m *alert.Message) []alert.ShownAlert {
	return withTold(m.Alerts, m.Reply.Alerts, func(s *alert.ShownAlert, t alert.ShownAlert) {
		s.NotifiedRevision, s.At = t.NotifiedRevision, m.Reply.At
	})
}

// withTold changes those of shown that a reply is about, and adds those that joined.
func withTold(shown, told []alert.ShownAlert, change func(s *alert.ShownAlert, told alert.ShownAlert)) []alert.ShownAlert {
	list := slices.Clone(shown)
	for _, t := range told {
		i := slices.IndexFunc(list, func(s alert.ShownAlert) bool { return s.Alert == t.Alert })
		if i < 0 {
			i, list = len(list), append(list, alert.ShownAlert{Alert: t.Alert, Incident: t.Incident})
		}
		change(&list[i], t)
	}
	return list
}

// redrawn returns what a message shows once it was edited to these alerts, all those of
// its incidents. Where it takes no replies, the edit is all that people are told.
func redrawn(m *alert.Message, alerts []alert.Alert) (list []alert.ShownAlert) {
	before := make(map[string]alert.ShownAlert, len(m.Alerts))
	for _, s := range m.Alerts {
		before[s.Alert] = s
	}
	for i := range alerts {
		a := &alerts[i]
		s := before[a.ID]
		s.Alert, s.Incident, s.Revision, s.Annotations = a.ID, a.Incident, a.Revision, a.Annotations()
		if m.NoReplies {
			s.NotifiedRevision, s.NotifiedOpen = a.Revision, s.NotifiedOpen && a.State == alert.Firing
		}
		list = append(list, s)
	}
	return list
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
