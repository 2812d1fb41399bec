package slack

import (
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"numwatch/alert"
	"numwatch/notify"
)

// channelWorker does the work of one channel, with a goroutine for each lane.
// Its members are guarded by the lock of the sink.
type channelWorker struct {
	s    *Sink
	name string
	wake [lanes]notify.Signal

	conf         Channel
	target       string // Slack's id, resolved; "" until needed
	seek         bool   // it came with new rules: it is looked for at once
	parkedBy     lane   // the one that was refused; lanes: it is not parked
	failures     int    // of posts, one after the other
	failingSince time.Time
}

func newChannelWorker(s *Sink, c Channel) *channelWorker {
	w := &channelWorker{s: s, name: c.Name, conf: c, parkedBy: lanes}
	for l := range lanes {
		w.wake[l] = notify.NewSignal()
	}
	return w
}

// state is called with the lock held.
func (w *channelWorker) state() *channelState { return w.s.plan.channel(w.name) }

// configure is called with the lock held.
func (w *channelWorker) configure(c Channel) {
	if c.Slack != w.conf.Slack {
		w.target, w.state().postAt, w.seek = "", time.Time{}, true
	}
	w.conf = c
}

// wakeAll is called with the lock held, or not: the lanes do not change.
func (w *channelWorker) wakeAll() {
	for _, c := range w.wake {
		c.Send()
	}
}

func (w *channelWorker) run(ctx context.Context, l lane) {
	for ctx.Err() == nil {
		a, conf, wait := w.next(l)
		if a.kind != idle {
			w.act(ctx, a, conf)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-w.wake[l]:
		case <-due:
		}
	}
}

// next returns what a lane is to do now and how the channel is configured, or
// how long to wait first; negative: until woken. The messages of the action are
// taken from the other lanes.
func (w *channelWorker) next(l lane) (a action, conf Channel, wait time.Duration) {
	now := time.Now()
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.blocked.After(now) {
		w.s.budget.leave(w)
		return action{}, w.conf, w.s.blocked.Sub(now)
	}
	free := w.state().postAt
	if l == posting && w.seek && w.target == "" && !free.After(now) {
		return action{kind: lookUp}, w.conf, 0
	}
	if l == editing {
		free = w.s.budget.turn(w, now)
	}
	a = w.s.plan.next(w.name, l, now, free)
	if l == editing {
		w.s.budget.took(w, a, now)
	}
	switch {
	case a.kind != idle:
		w.claim(a)
		return a, w.conf, 0
	case l == posting && w.seek && free.After(now) && (a.until.IsZero() || free.Before(a.until)):
		return a, w.conf, free.Sub(now)
	case a.until.IsZero():
		return a, w.conf, -1
	default:
		return a, w.conf, max(a.until.Sub(now), time.Millisecond)
	}
}

// claim is called with the lock held.
func (w *channelWorker) claim(a action) {
	for _, m := range a.messages {
		state := w.s.plan.message(m)
		state.busy = true
		state.uncertain = state.uncertain && a.kind != edit
	}
}

// act does what is to be done, and gives the messages back.
func (w *channelWorker) act(ctx context.Context, a action, conf Channel) {
	switch a.kind {
	case post:
		w.post(ctx, a.alerts, conf)
	case sumUp:
		w.sumUp(ctx, a.since, conf)
	case reply:
		w.reply(ctx, *a.messages[0], a, conf)
	case edit:
		w.edit(ctx, *a.messages[0], a.alerts, conf)
	case locate:
		w.locate(ctx, a, conf)
	case lookUp:
		w.lookUp(ctx, conf)
	}
	for _, m := range a.messages {
		w.release(m.ID)
	}
}

func (w *channelWorker) release(id string) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if m := w.state().messages[id]; m != nil {
		m.busy, m.dirty = false, true
	}
	w.wakeAll()
}

// again retries messages with increasing back-off, so that one that Slack cannot
// handle does not hold up the others.
func (w *channelWorker) again(messages []*alert.Message, first, most, asked time.Duration) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	failures := 0
	for _, m := range messages {
		failures = max(failures, w.s.plan.message(m).failures)
	}
	at := time.Now().Add(max(asked, notify.Backoff(failures, first, most)))
	for _, m := range messages {
		state := w.s.plan.message(m)
		state.retryAt, state.failures = at, failures+1
	}
}

// worksAgain ends the back-off of a message.
func (w *channelWorker) worksAgain(id string) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if m := w.state().messages[id]; m != nil {
		m.failures, m.retryAt = 0, time.Time{}
	}
}

// editBurst is how many edits may follow each other at once.
const editBurst = 5

// budget is what the workspace allows of edits, which channels share: whoever
// has waited longest is next, and goes to the end of the line. Callers serialise
// its use.
type budget struct {
	limit *rate.Limiter
	every time.Duration
	line  []*channelWorker
	from  time.Time // no edit before this
}

func newBudget(every time.Duration) *budget {
	return &budget{limit: rate.NewLimiter(rate.Every(every), editBurst), every: every}
}

// turn is when a channel may edit, if all those ahead of it do. One that does not
// delays the others only as long as the burst lasts.
func (b *budget) turn(w *channelWorker, now time.Time) time.Time {
	ahead := slices.Index(b.line, w)
	if ahead < 0 {
		ahead = len(b.line)
	}
	short := float64(min(ahead, editBurst-1)+1) - b.limit.TokensAt(now)
	if short <= 0 {
		return b.from
	}
	return later(b.from, now.Add(time.Duration(short*float64(b.every))+time.Millisecond))
}

// took spends an edit at once, so that others do not count on it too, or queues
// the channel for one.
func (b *budget) took(w *channelWorker, a action, now time.Time) {
	switch {
	case a.kind == edit:
		b.limit.AllowN(now, 1)
		b.leave(w)
	case !a.queues:
		b.leave(w)
	case !slices.Contains(b.line, w):
		b.line = append(b.line, w)
	}
}

func (b *budget) leave(w *channelWorker) {
	b.line = slices.DeleteFunc(b.line, func(other *channelWorker) bool { return other == w })
}
