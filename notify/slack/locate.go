package slack

import (
	"context"
	"slices"

	"numwatch/alert"
)

// locate finds out whether messages, or a reply, were posted.
func (w *channelWorker) locate(ctx context.Context, a action, conf Channel) {
	first := a.messages[0]
	q := Query{Channel: w.name, Target: first.Target, Since: first.At}
	if first.Reply != nil {
		q.Thread, q.Since, q.IDs = first.TS, first.Reply.At, []string{first.Reply.ID}
	} else {
		for _, m := range a.messages {
			q.IDs, q.Since = append(q.IDs, m.ID), earlier(q.Since, m.At)
		}
	}
	found, err := w.s.o.Poster.Find(ctx, q)
	unreachable := err != nil && w.moved(ctx, first, err)
	noThread := first.Reply != nil && (classOf(err) == BadThread || classOf(err) == Gone)
	if err != nil && !unreachable && !noThread {
		w.locateFailed(ctx, a, conf, err)
		return
	}
	for _, m := range a.messages {
		w.worksAgain(m.ID)
	}
	if first.Reply != nil {
		w.locatedReply(ctx, *first, found)
	} else {
		w.located(ctx, a.messages, found)
	}
	if err == nil {
		w.worked(ctx, locating, "find")
	}
}

func (w *channelWorker) located(ctx context.Context, messages []*alert.Message, found map[string]string) {
	var update alert.DeliveryUpdate
	var missing []*alert.Message
	for _, m := range messages {
		if ts, ok := found[m.ID]; ok {
			posted := *m
			posted.TS, posted.State = ts, alert.Posted
			update.Messages = append(update.Messages, posted)
		} else {
			missing = append(missing, m)
			update.Drop = append(update.Drop, m.ID)
		}
	}
	if !w.record(ctx, update) {
		w.again(messages, retryFirst, retryMax, 0)
		return
	}
	w.replace(missing)
}

func (w *channelWorker) locatedReply(ctx context.Context, m alert.Message, found map[string]string) {
	if _, ok := found[m.Reply.ID]; ok {
		w.replied(ctx, m)
		return
	}
	m.Reply = nil
	if !w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.again([]*alert.Message{&m}, retryFirst, retryMax, 0)
	}
}

func (w *channelWorker) locateFailed(ctx context.Context, a action, conf Channel, err error) {
	if ctx.Err() != nil {
		return
	}
	w.note(ctx, "find", err)
	e := asPostError(err)
	if e.Class == Transient {
		w.again(a.messages, retryFirst, retryMax, e.RetryAfter)
	} else {
		w.again(a.messages, refusedRetry, refusedRetry, 0)
	}
	if e.Class == BadToken || e.Class == BadChannel {
		w.refused(ctx, locating, conf, err)
	}
}

// moved reports whether a message cannot be reached because it is in a channel
// that the configuration no longer names.
func (w *channelWorker) moved(ctx context.Context, m *alert.Message, err error) bool {
	if classOf(err) != BadChannel {
		return false
	}
	target, err := w.resolve(ctx)
	return err == nil && target != m.Target
}

// invalidate handles a message that was deleted in Slack or is out of reach. Open
// alerts are posted again; closed ones are not.
func (w *channelWorker) invalidate(ctx context.Context, m alert.Message) {
	before := m
	w.s.mu.Lock()
	closed := slices.DeleteFunc(w.s.plan.members(&m), func(a alert.Alert) bool { return !a.State.Closed() })
	w.s.mu.Unlock()
	if len(closed) == 0 {
		w.drop(ctx, &before)
		return
	}
	m.Alerts, m.Reply, m.State = redrawn(&m, closed), nil, alert.Gone
	if w.record(ctx, alert.DeliveryUpdate{Messages: []alert.Message{m}}) {
		w.replace([]*alert.Message{&before})
	}
}
