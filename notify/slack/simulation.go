package slack

import (
	"fmt"
	"slices"
	"time"

	"numwatch/alert"
)

// Simulation works out what people would be sent, without Slack and in virtual
// time: the same planner decides what becomes a message, what a reply, and what is
// merged into one while a channel is full. Every call succeeds at once. It belongs
// to one goroutine; times never go back.
type Simulation struct {
	state    *simulatedState
	plan     *planner
	channels []string
	now      time.Time
	postAt   map[string]time.Time // by channel: no post before this
	due      map[string]time.Time // by channel: when there is something to do; zero: nothing
	count    int
}

// Notification is what people see in a channel.
type Notification struct {
	At      time.Time
	Channel string
	Means   Means
	Remind  bool          // the reply reminds of what is still open
	Alerts  []alert.Alert // that the message shows, or the reply is about; worst first
}

// Means is how people are told.
type Means string

// The means, loudest first. An edit notifies nobody, and is none where a reply of the
// same message says what is new.
const (
	Post      Means = "post"
	Broadcast Means = "broadcast" // a reply that the whole channel sees
	Reply     Means = "reply"     // which those see who follow the thread
	Edit      Means = "edit"
)

// NewSimulation returns a workspace with these channels, in which nothing was
// said yet.
func NewSimulation(channels []string, now time.Time) *Simulation {
	state := &simulatedState{}
	return &Simulation{
		state: state, plan: newPlanner(state, configured(channels), now), channels: slices.Sorted(slices.Values(channels)),
		now: now, postAt: make(map[string]time.Time), due: make(map[string]time.Time),
	}
}

func configured(names []string) (channels []Channel) {
	for _, name := range names {
		channels = append(channels, Channel{Name: name})
	}
	return channels
}

// Update takes in an alert as it now is.
func (r *Simulation) Update(a alert.Alert, now time.Time) {
	r.state.alerts.Put(&a)
	r.plan.update(&a, now)
	r.wake(now)
}

// BaselineDone says that the first round of an account is over.
func (r *Simulation) BaselineDone(account string, now time.Time) {
	r.plan.baselineDone(account)
	r.wake(now)
}

func (r *Simulation) wake(now time.Time) {
	r.now = later(r.now, now)
	for _, c := range r.channels {
		r.due[c] = r.now
	}
}

// Until lets time pass, and returns what people are told up to and including t:
// channel by channel, in order in each.
func (r *Simulation) Until(t time.Time) (told []Notification) {
	for _, c := range r.channels {
		for due := r.due[c]; !due.IsZero() && !due.After(t); due = r.due[c] {
			a := r.plan.next(c, posting, due, r.postAt[c])
			if a.kind != idle {
				told = append(told, r.tell(c, a, due))
				continue
			}
			told = append(told, r.edit(c, due)...)
			r.due[c] = time.Time{}
			if !a.until.IsZero() {
				r.due[c] = later(a.until, due.Add(time.Millisecond))
			}
		}
	}
	r.now = later(r.now, t)
	return told
}

// tell posts a message or a reply, after which the message shows what is true.
func (r *Simulation) tell(channel string, a action, now time.Time) Notification {
	r.postAt[channel] = now.Add((&API{}).Pace().Post)
	if a.kind == reply {
		m := *a.messages[0]
		m.Alerts = afterReply(&m, a.told, now)
		r.put(m, redrawn(&m, a.alerts))
		means := Reply
		if a.loud {
			means = Broadcast
		}
		return Notification{At: now, Channel: channel, Means: means, Remind: a.remind, Alerts: a.changed}
	}
	r.count++
	m := alert.Message{ID: fmt.Sprintf("m-%d", r.count), Channel: channel, State: alert.Posted, At: now}
	for i := range a.alerts {
		delete(r.plan.channel(channel).waiting, a.alerts[i].ID)
	}
	r.put(m, firstShown(channel, a.alerts))
	return Notification{At: now, Channel: channel, Means: Post, Alerts: a.alerts}
}

// edit edits what differs.
func (r *Simulation) edit(channel string, now time.Time) (edits []Notification) {
	for {
		a := r.plan.next(channel, editing, now, time.Time{})
		if a.kind == idle {
			return edits
		}
		m := *a.messages[0]
		r.put(m, redrawn(&m, a.alerts))
		edits = append(edits, Notification{At: now, Channel: channel, Means: Edit, Alerts: a.alerts})
	}
}

// put notes what a message shows.
func (r *Simulation) put(m alert.Message, list []alert.ShownAlert) {
	m.Alerts = list
	r.state.messages.Put(&m)
	r.plan.message(&m)
}

// Forget drops what closed longer than keep ago and is shown everywhere, and
// returns the ids of those alerts, as the bot does from time to time.
func (r *Simulation) Forget(now time.Time, keep time.Duration) []string {
	alerts, messages := r.plan.expired(now, keep)
	for _, m := range messages {
		r.state.messages.Drop(m.ID)
	}
	for _, id := range alerts {
		r.state.alerts.Drop(id)
	}
	return alerts
}

// simulatedState is the State of a simulation, in memory.
type simulatedState struct {
	State    // nil: a planner asks for nothing but alerts and messages
	alerts   alert.Alerts
	messages alert.Messages
}

func (r *simulatedState) Alert(id string) (*alert.Alert, bool) { return r.alerts.Get(id) }

func (r *simulatedState) Alerts() []*alert.Alert { return r.alerts.All() }

func (r *simulatedState) AlertsOf(incident string) []*alert.Alert { return r.alerts.Of(incident) }

func (r *simulatedState) Message(id string) (*alert.Message, bool) { return r.messages.Get(id) }

func (r *simulatedState) Messages() []*alert.Message { return r.messages.All() }

func (r *simulatedState) MessagesOf(incident string) []*alert.Message { return r.messages.Of(incident) }
