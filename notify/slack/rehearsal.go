package slack

import (
	"fmt"
	"slices"
	"time"

	"numwatch/alert"
)

// Rehearsal shows alerts as Slack would, without Slack and in a time that is
// given: the same board decides what becomes a message, what a reply, and what
// is folded into one while a channel is full. Every call succeeds at once. It
// belongs to one goroutine; times never go back.
type Rehearsal struct {
	board    *board
	channels []string
	pace     Pace
	now      time.Time
	postAt   map[string]time.Time // by channel: no post before this
	due      map[string]time.Time // by channel: when there is something to do; zero: nothing
	count    int
}

// Told is a message or a reply that people see.
type Told struct {
	At      time.Time
	Channel string
	Reply   bool          // in the thread of a message
	Remind  bool          // the reply reminds of what is still open
	Alerts  []alert.Alert // that the message lists, or the reply is about; worst first
}

// NewRehearsal returns a workspace with these channels, in which nothing was
// said yet.
func NewRehearsal(channels []string, now time.Time) *Rehearsal {
	return &Rehearsal{
		board: newBoard(channels, nil, nil, now), channels: slices.Sorted(slices.Values(channels)), pace: (&SlackAPI{}).Pace(),
		now: now, postAt: make(map[string]time.Time), due: make(map[string]time.Time),
	}
}

// Update takes in an alert as it now is.
func (r *Rehearsal) Update(a alert.Alert, now time.Time) {
	r.board.update(a, now)
	r.wake(now)
}

// BaselineDone says that the first round of an account is over.
func (r *Rehearsal) BaselineDone(account string, now time.Time) {
	r.board.baselineDone(account)
	r.wake(now)
}

func (r *Rehearsal) wake(now time.Time) {
	r.now = later(r.now, now)
	for _, c := range r.channels {
		r.due[c] = r.now
	}
}

// Until lets time pass, and returns what people are told up to and including t:
// channel by channel, in order in each.
func (r *Rehearsal) Until(t time.Time) (told []Told) {
	for _, c := range r.channels {
		for due := r.due[c]; !due.IsZero() && !due.After(t); due = r.due[c] {
			a := r.board.next(c, due, slots{post: r.postAt[c]})
			if a.deed != rest {
				told = r.act(c, a, due, told)
				continue
			}
			r.due[c] = time.Time{}
			if !a.until.IsZero() {
				r.due[c] = later(a.until, due.Add(time.Millisecond))
			}
		}
	}
	r.now = later(r.now, t)
	return told
}

// act does what is to be done next in a channel.
func (r *Rehearsal) act(channel string, a action, now time.Time, told []Told) []Told {
	m := a.message
	switch a.deed {
	case post:
		r.count++
		m = alert.Message{ID: fmt.Sprintf("m-%d", r.count), Channel: channel, State: alert.Posted, At: now}
		for i := range a.alerts {
			m.Alerts = append(m.Alerts, shown(&a.alerts[i]))
		}
		told = append(told, Told{At: now, Channel: channel, Alerts: a.alerts})
		r.postAt[channel] = now.Add(r.pace.Post)
	case reply:
		m.Alerts = afterReply(m.Alerts, a.changed, now)
		told = append(told, Told{At: now, Channel: channel, Reply: true, Remind: a.remind, Alerts: a.changed})
		r.postAt[channel] = now.Add(r.pace.Post)
	default:
		m.Alerts = redrawn(m.Alerts, a.alerts)
		r.board.edited(m.ID, now)
	}
	r.board.put(m)
	return told
}

// afterReply returns what a message shows once a reply told of these alerts.
func afterReply(list []alert.ShownAlert, alerts []alert.Alert, at time.Time) []alert.ShownAlert {
	revisions := make(map[string]uint64, len(alerts))
	for i := range alerts {
		revisions[alerts[i].ID] = alerts[i].Revision
	}
	list = slices.Clone(list)
	for i, s := range list {
		if revision, ok := revisions[s.Alert]; ok {
			list[i].NotifiedRevision, list[i].At = revision, at
		}
	}
	return list
}

// Forget drops what closed longer than keep ago and is shown everywhere, and
// returns the ids of those alerts, as the bot does from time to time.
func (r *Rehearsal) Forget(now time.Time, keep time.Duration) []string {
	alerts, messages := r.board.expired(now, keep)
	r.board.forget(alerts, messages)
	return alerts
}
