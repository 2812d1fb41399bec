// Package backtest replays a log through rules: what they would have said, and how
// many messages people would have got. It does what the bot's loop does with the
// same changes at the same times, and uses the planner of Slack messages, in
// virtual time: grouping, replies, reopening and folding in a full channel are the
// bot's own.
//
// What the log does not have is not replayed: acknowledgements, silences, and
// what Slack refused. The package does no I/O and knows no clock.
package backtest

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/rules"
)

// Options say what is replayed.
type Options struct {
	Name  string // of the rules, for people
	Rules *rules.Set
	Space func(phone.SpaceKey) phone.Space // names and labels; nil: only keys
	// Since is when counting begins. What the log has before brings the alerts to
	// where they stood then.
	Since time.Time
}

// Replay is a log on its way through rules. It belongs to one goroutine. How the
// log is cut into pieces makes no difference to the report.
type Replay struct {
	o     Options
	state *rules.State
	slack *slack.Simulation
	delay map[string]time.Duration // `for`, by rule
	keep  time.Duration            // how long closed alerts stay in reach
	tally *tally

	now     time.Time
	begun   bool
	group   []phone.Change       // of one subject from one poll, not judged yet
	at      time.Time            // of group
	pending map[string]time.Time // by alert: when it opens
	open    map[string]bool
	first   map[string]time.Time // by account: the last change of a first sight that is not over
}

// New returns a replay that has seen nothing.
func New(o Options) *Replay {
	if o.Space == nil {
		o.Space = func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k} }
	}
	r := &Replay{
		o: o, state: rules.NewState(nil), delay: map[string]time.Duration{},
		keep: max(2*time.Hour, o.Rules.KeepClosed()), tally: newTally(o),
		pending: map[string]time.Time{}, open: map[string]bool{}, first: map[string]time.Time{},
	}
	for _, rule := range o.Rules.Rules() {
		r.delay[rule.Name] = rule.For
	}
	return r
}

// Feed replays events, which follow those of the last call.
func (r *Replay) Feed(events []alert.Event) {
	for i := range events {
		e := &events[i]
		r.tally.event(e)
		switch {
		case e.Kind == alert.KindChange:
			if !r.goesOn(e) {
				r.judgeGroup()
				r.at = e.Time
			}
			r.group = append(r.group, e.Change)
		case left(e):
			r.judgeGroup()
			r.advance(e.Time)
			r.step(rules.Left{Spaces: []phone.SpaceKey{e.Alert.Subject.SpaceKey()}, Reason: e.Alert.Closing})
		}
	}
}

// Report lets time pass until the end, with which the replay ends, and returns
// what came of it.
func (r *Replay) Report(until time.Time) *Report {
	r.judgeGroup()
	r.advance(until)
	r.deliver(r.now)
	return r.tally.report(until, r.state)
}

// left reports whether the event shows that a space or an account left the
// configuration: the log has only the alerts that ended by it.
func left(e *alert.Event) bool {
	return e.Kind == alert.KindAlert && e.Alert.Transition == alert.WasEnded &&
		(e.Alert.Closing == alert.ClosedSpaceLeft || e.Alert.Closing == alert.ClosedAccountLeft)
}

// goesOn reports whether a change was evaluated together with those before it: the
// loop judges the changes of one number from one poll at once, and every other
// change by itself.
func (r *Replay) goesOn(e *alert.Event) bool {
	if len(r.group) == 0 {
		return false
	}
	last, c := &r.group[len(r.group)-1], &e.Change
	return c.Subject == last.Subject && c.Subject.Kind() == phone.OfNumber && e.Time.Equal(r.at) &&
		c.SeenAt.Equal(last.SeenAt) && c.RequestId == last.RequestId &&
		!slices.ContainsFunc(r.group, func(o phone.Change) bool { return o.Field == c.Field })
}

func (r *Replay) judgeGroup() {
	if len(r.group) == 0 {
		return
	}
	r.advance(r.at)
	if c := &r.group[0]; c.Baseline {
		r.first[c.Subject.Account] = r.now
	}
	r.step(rules.NewSeen(r.group, r.o.Space))
	r.group = nil
}

// step judges an input now, as the loop does.
func (r *Replay) step(in rules.Input) {
	for _, a := range r.o.Rules.Step(r.state, in, r.now) {
		delete(r.pending, a.ID)
		delete(r.open, a.ID)
		if rules.Unsaid(&a) {
			r.state.Drop(a.ID)
			continue
		}
		before, _ := r.state.Get(a.ID)
		r.state.Apply(a)
		if !a.State.Closed() {
			r.open[a.ID] = true
		}
		if a.State == alert.Pending {
			r.pending[a.ID] = tickAfter(a.Since.Add(r.delay[a.Rule]))
			continue
		}
		if a.Revision > before.Revision {
			r.tally.transition(&a, r.now)
		}
		r.slack.Update(a, r.now)
	}
}

// tickAfter is the loop's tick that first sees a time: it ticks every second.
func tickAfter(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}

const (
	// judgeEvery is how often time alone is judged: mute times begin on the minute.
	judgeEvery = time.Minute
	// forgetEvery is how often closed alerts are dropped.
	forgetEvery = time.Hour
	// roundOver is how long after its last change a first sight counts as over.
	roundOver = 30 * time.Second
)

// advance lets time pass up to t, with the ticks that can make a difference.
func (r *Replay) advance(t time.Time) {
	if !r.begun {
		r.begun, r.now = true, t
		r.slack = slack.NewSimulation(channelNames(r.o.Rules), t)
		return
	}
	for {
		next, ok := r.nextTick()
		if !ok || next.After(t) {
			break
		}
		r.deliver(next)
		r.tick()
	}
	if t.After(r.now) {
		r.deliver(t)
	}
}

// nextTick is when the passing of time may next make a difference. False: not
// before something happens.
func (r *Replay) nextTick() (time.Time, bool) {
	var next time.Time
	by := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, t := range r.pending {
		by(t)
	}
	for _, t := range r.first {
		by(t.Add(roundOver))
	}
	if len(r.open) > 0 {
		by(r.now.Truncate(judgeEvery).Add(judgeEvery))
	} else if r.state.Len() > 0 {
		by(r.now.Truncate(forgetEvery).Add(forgetEvery))
	}
	return next, !next.IsZero()
}

// deliver goes on to t, and counts the messages until then.
func (r *Replay) deliver(t time.Time) {
	if t.After(r.now) {
		r.now = t
	}
	for _, m := range r.slack.Until(r.now) {
		r.tally.message(&m)
	}
}

func (r *Replay) tick() {
	for account, last := range r.first {
		if !r.now.Before(last.Add(roundOver)) {
			delete(r.first, account)
			r.slack.BaselineDone(account, r.now)
		}
	}
	r.step(rules.Tick{})
	for id, t := range r.pending {
		if !t.After(r.now) {
			r.pending[id] = r.now.Add(time.Second) // the next tick looks again
		}
	}
	if r.now.Equal(r.now.Truncate(forgetEvery)) {
		for _, id := range r.slack.Forget(r.now, r.keep) {
			r.state.Drop(id)
		}
	}
}

func channelNames(set *rules.Set) (names []string) {
	for _, c := range set.ChannelsWithMessages() {
		names = append(names, c.Name)
	}
	return names
}
