package notify

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
			m.Alerts = append(m.Alerts, alert.Shown{Alert: a.alerts[i].ID, Revision: a.alerts[i].Revision, Told: a.alerts[i].Revision})
		}
		told = append(told, Told{At: now, Channel: channel, Alerts: a.alerts})
		r.postAt[channel] = now.Add(r.pace.Post)
	case reply:
		m.Alerts = shownAs(m.Alerts, a.changed, func(s *alert.Shown, revision uint64) { s.Told, s.At = revision, now })
		told = append(told, Told{At: now, Channel: channel, Reply: true, Remind: a.remind, Alerts: a.changed})
		r.postAt[channel] = now.Add(r.pace.Post)
	default:
		m.Alerts = shownAs(m.Alerts, a.alerts, func(s *alert.Shown, revision uint64) { s.Revision = revision })
		r.board.edited(m.ID, now)
	}
	r.board.put(m)
	return told
}

// shownAs returns what a message shows after set was called with the present
// revision of each of the alerts.
func shownAs(shown []alert.Shown, alerts []alert.Alert, set func(*alert.Shown, uint64)) []alert.Shown {
	revisions := make(map[string]uint64, len(alerts))
	for i := range alerts {
		revisions[alerts[i].ID] = alerts[i].Revision
	}
	shown = slices.Clone(shown)
	for i := range shown {
		if revision, ok := revisions[shown[i].Alert]; ok {
			set(&shown[i], revision)
		}
	}
	return shown
}

// Forget drops what closed longer than keep ago and is shown everywhere, and
// returns the ids of those alerts, as the bot does from time to time.
func (r *Rehearsal) Forget(now time.Time, keep time.Duration) []string {
	alerts, messages := r.board.expired(now, keep)
	r.board.forget(alerts, messages)
	return alerts
}
