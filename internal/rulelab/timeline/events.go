package timeline

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/slack"
	"numwatch/rules"
)

// sentWithin is how much later what a step causes is in Slack: a channel takes a message
// a second.
const sentWithin = 10 * time.Second

// What can happen to an alert besides its transitions. Pending and held are
// silent: a test need not expect them.
const (
	pending   = "pending"   // the condition holds, but not for long enough
	held      = "held"      // from now on something holds it back
	released  = "released"  // nothing holds it back any more
	escalated = "escalated" // it goes to more channels, because nobody acknowledged it
)

// event is something that happened to an alert.
type event struct {
	what  string // a transition, or one of the above
	alert alert.Alert
}

func (v *event) silent() bool { return v.what == pending || v.what == held }

func (v *event) title() string {
	return v.alert.Rule + " " + v.what + "  " + v.alert.Subject.String() + " " + v.alert.Field.String()
}

// events is the messenger of a test's loop, which updates it before it answers an
// input: so it needs no lock.
type events struct {
	alerts map[string]alert.Alert // by id, as last seen
	list   []event                // since the last take
	slack  *slack.Simulation
	sent   []slack.Notification // since the last take
	now    func() time.Time
}

func newEvents(set *rules.Set, now func() time.Time) *events {
	var channels []string
	for _, c := range set.ChannelsWithMessages() {
		channels = append(channels, c.Name)
	}
	return &events{alerts: map[string]alert.Alert{}, slack: slack.NewSimulation(channels, now()), now: now}
}

// Update adds what happened.
func (e *events) Update(alerts []alert.Alert) {
	for _, a := range alerts {
		e.slack.Update(a, e.now())
		if what := whatHappened(e.alerts[a.ID], a); what != "" {
			e.list = append(e.list, event{what, a})
		}
		e.alerts[a.ID] = a
	}
}

func whatHappened(old, a alert.Alert) string {
	switch {
	case a.State == alert.Pending && old.ID == "":
		return pending
	case a.State == alert.Pending:
		return ""
	case a.Revision > old.Revision:
		return a.Transition.String()
	case len(a.HeldBy) > 0 && len(old.HeldBy) == 0:
		return held
	case len(a.HeldBy) == 0 && len(old.HeldBy) > 0, len(a.Later) < len(old.Later):
		return released
	case !slices.Equal(a.Channels, old.Channels):
		return escalated
	default:
		return ""
	}
}

// BaselineDone has what the first round of an account found shown.
func (e *events) BaselineDone(account string) { e.slack.BaselineDone(account, e.now()) }

// pass sends Slack what is due.
func (e *events) pass(until time.Time) { e.sent = append(e.sent, e.slack.Until(until)...) }

// Tests ignore what else a messenger is told.

func (e *events) Notice(string)            {}
func (e *events) Channels([]rules.Channel) {}

// take returns what happened since the last time, and what Slack was sent.
func (e *events) take() ([]event, []slack.Notification) {
	e.pass(e.now().Add(sentWithin))
	list, sent := e.list, e.sent
	e.list, e.sent = nil, nil
	return list, sent
}
