package slack

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"numwatch/alert"
)

// Simulation finds out what people would be sent, without Slack and in a time that
// is given: the same planner decides what becomes a message, what a reply, and what
// is merged into one while a channel is full. Every call succeeds at once. It
// belongs to one goroutine; times never go back.
type Simulation struct {
	state    *simulatedState
	plan     *planner
	channels []string
	now      time.Time
	postAt   map[string]time.Time // by channel: no post before this
	due      map[string]time.Time // by channel: when there is something to do; zero: nothing
	count    int
}

// Notification is a message or a reply that people see.
type Notification struct {
	At      time.Time
	Channel string
	Reply   bool          // in the thread of a message
	Remind  bool          // the reply reminds of what is still open
	Alerts  []alert.Alert // that the message lists, or the reply is about; worst first
}

// NewSimulation returns a workspace with these channels, in which nothing was
// said yet.
func NewSimulation(channels []string, now time.Time) *Simulation {
	state := &simulatedState{alerts: map[string]*alert.Alert{}}
	return &Simulation{
		state: state, plan: newPlanner(state, channels, now), channels: slices.Sorted(slices.Values(channels)),
		now: now, postAt: make(map[string]time.Time), due: make(map[string]time.Time),
	}
}

// Update takes in an alert as it now is. What shows it is edited at once.
func (r *Simulation) Update(a alert.Alert, now time.Time) {
	r.state.alerts[a.ID] = &a
	for _, m := range r.state.messages.Of(a.ID) {
		r.put(*m, redrawn(m, []alert.Alert{a}))
	}
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
			r.due[c] = time.Time{}
			if !a.until.IsZero() {
				r.due[c] = later(a.until, due.Add(time.Millisecond))
			}
		}
	}
	r.now = later(r.now, t)
	return told
}

// tell posts a message or a reply.
func (r *Simulation) tell(channel string, a action, now time.Time) Notification {
	r.postAt[channel] = now.Add((&API{}).Pace().Post)
	if a.kind == reply {
		m := *a.messages[0]
		r.put(m, afterReply(&m, revisions(a.changed), now))
		return Notification{At: now, Channel: channel, Reply: true, Remind: a.remind, Alerts: a.changed}
	}
	r.count++
	m := alert.Message{ID: fmt.Sprintf("m-%d", r.count), Channel: channel, State: alert.Posted, At: now}
	var list []alert.ShownAlert
	for i := range a.alerts {
		list = append(list, shown(&a.alerts[i]))
		delete(r.plan.channel(channel).waiting, a.alerts[i].ID)
	}
	r.put(m, list)
	return Notification{At: now, Channel: channel, Alerts: a.alerts}
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
		delete(r.state.alerts, id)
	}
	return alerts
}

// simulatedState is the State of a simulation, in memory.
type simulatedState struct {
	State    // nil: a planner asks for nothing but alerts and messages
	alerts   map[string]*alert.Alert
	messages alert.Messages
}

func (r *simulatedState) Alert(id string) (*alert.Alert, bool) { a, ok := r.alerts[id]; return a, ok }

func (r *simulatedState) Message(id string) (*alert.Message, bool) { return r.messages.Get(id) }

func (r *simulatedState) Alerts() []*alert.Alert { return slices.Collect(maps.Values(r.alerts)) }

func (r *simulatedState) Messages() []*alert.Message { return r.messages.All() }

func (r *simulatedState) MessagesOf(id string) []*alert.Message { return r.messages.Of(id) }
