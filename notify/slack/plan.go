package slack

import (
	"cmp"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/audience"
	"numwatch/notify/card"
)

// editEvery is how often one message is edited at most: a long list whose
// members recover one after the other must not use up the workspace's budget.
const editEvery = 5 * time.Second

// lane is a kind of work in a channel. Lanes do not wait for each other, but two
// never work on one message at the same time.
type lane uint8

const (
	posting  lane = iota // posts and replies, which the channel's pace limits
	editing              // which the workspace's budget limits
	locating             // looking up the outcome of calls without an answer
	lanes
)

// kind is what an action does.
type kind uint8

const (
	idle   kind = iota // nothing, until a time
	post               // a new message that lists alerts
	sumUp              // a digest, or the beginning of the first one
	reply              // say in the message's thread what changed
	edit               // bring the message up to date
	locate             // find out whether messages, or a reply, were posted
	lookUp             // find a channel before anything is posted there
)

// action is the next step of a lane.
type action struct {
	kind     kind
	messages []*alert.Message   // of locate; one of reply, edit, and locate of a reply
	alerts   []alert.Alert      // those to be shown, or of a reply all of its message; worst first
	changed  []alert.Alert      // those that a reply is about
	told     []alert.ShownAlert // what to record once the reply is posted
	since    *alert.Digest      // of sumUp: the digest before; nil: the first one begins
	remind   bool               // the reply reminds of what has not changed
	loud     bool               // the reply is for everybody in the channel
	until    time.Time          // of idle; zero: until something changes
	queues   bool               // of idle: an edit waits for the budget alone
}

func (a *action) by(t time.Time) {
	if a.until.IsZero() || t.Before(a.until) {
		a.until = t
	}
}

// planner compares what should be shown with what is shown. It reads both from
// State, holds only what to do when, does no I/O and reads no clock. Callers
// serialise its use. State may be ahead of update: what was found to be needed may be no
// longer when its turn comes.
type planner struct {
	state     State
	channels  map[string]*channelState
	rounds    map[string]*audience.Round // first rounds, by account
	elsewhere func(*alert.Alert) bool    // whether another sink needs a closed alert; nil: none does
}

// channelState is the work in one channel.
type channelState struct {
	name     string
	active   bool                     // it is in the configuration, and shows alerts
	digest   *alert.Schedule          // of one in the configuration that gets digests instead
	waiting  map[string]wait          // alerts that no message lists, by id
	messages map[string]*messageState // by id

	postAt     time.Time     // no post or reply before this: the channel's pace, or it is parked
	full       time.Time     // no post before this: more comes than the channel takes
	collecting time.Duration // how long it was to wait last; 0: it is not full
}

// messageState is the work on one message.
type messageState struct {
	dirty     bool      // what it needs must be worked out again
	needs     needs     // as last found out
	busy      bool      // a lane works on it
	uncertain bool      // how an edit ended is not known: it may show what no longer holds
	editAt    time.Time // no edit before this
	retryAt   time.Time // nothing before this
	failures  int       // in a row
	remindAt  time.Time // when a reminder is due; zero: never
}

func newPlanner(state State, channels []Channel, now time.Time) *planner {
	p := &planner{state: inSlack{state}, channels: make(map[string]*channelState), rounds: make(map[string]*audience.Round)}
	p.activate(channels, now)
	for _, m := range p.state.Messages() {
		w := p.message(m)
		w.uncertain = p.needs(m, w).edit // an edit may have been under way when the last process ended
	}
	return p
}

// activate sets the channels of the configuration. What a channel shows already
// is known; what it has to show begins to wait now.
func (p *planner) activate(channels []Channel, now time.Time) {
	shows := make(map[string]bool)
	for _, c := range p.channels {
		c.digest = nil
	}
	for _, conf := range channels {
		c := p.channel(conf.Name)
		c.digest, shows[conf.Name] = conf.Digest, conf.Digest == nil
		if shows[conf.Name] && !c.active {
			c.active = true
			for _, a := range p.state.Alerts() {
				if p.place(c, a, wait{since: now}) && a.Baseline {
					p.round(a.Subject.Account).Note(now, false)
				}
			}
		}
	}
	for name, c := range p.channels {
		if c.active && !shows[name] {
			c.active = false
			clear(c.waiting)
		}
	}
}

func (p *planner) channel(name string) *channelState {
	c := p.channels[name]
	if c == nil {
		c = &channelState{name: name, waiting: make(map[string]wait), messages: make(map[string]*messageState)}
		p.channels[name] = c
	}
	return c
}

// message returns the work on a message, which is worked out again.
func (p *planner) message(m *alert.Message) *messageState {
	c := p.channel(m.Channel)
	w := c.messages[m.ID]
	if w == nil {
		w = &messageState{}
		c.messages[m.ID] = w
	}
	w.dirty = true
	return w
}

// update takes note that an alert has changed.
func (p *planner) update(a *alert.Alert, now time.Time) {
	for _, m := range p.state.MessagesOf(a.Incident) {
		p.message(m)
	}
	fresh := false
	for _, c := range p.channels {
		fresh = c.active && p.place(c, a, wait{since: now}) || fresh
	}
	if fresh && a.Baseline {
		p.round(a.Subject.Account).Note(now, true)
	}
}

// place queues an alert for a message in a channel, if none lists it. It reports
// whether it did not wait before.
func (p *planner) place(c *channelState, a *alert.Alert, w wait) bool {
	if !wanted(c, a) || p.listed(c, a) {
		delete(c.waiting, a.ID)
		return false
	}
	if _, waits := c.waiting[a.ID]; waits {
		return false
	}
	c.waiting[a.ID] = w
	return true
}

// wanted reports whether an alert is to be shown in a channel that does not yet.
func wanted(c *channelState, a *alert.Alert) bool {
	return a.Notified > 0 && len(a.HeldBy) == 0 && slices.Contains(a.Channels, c.name) && !ownSink(c.name, a.Subject)
}

// replace places the alerts of a deleted message.
func (p *planner) replace(m *alert.Message, now time.Time) {
	c := p.channel(m.Channel)
	if !c.active {
		return
	}
	for _, id := range m.Incidents() {
		for _, a := range p.state.AlertsOf(id) {
			p.place(c, a, wait{since: now, again: true})
		}
	}
}

func (p *planner) listed(c *channelState, a *alert.Alert) bool {
	return slices.ContainsFunc(p.state.MessagesOf(a.Incident), func(m *alert.Message) bool { return m.Channel == c.name && lists(m, a) })
}

// needs is what a message needs.
type needs struct {
	locate, reply, edit bool
	remindAt            time.Time
}

func (n *needs) work() bool { return n.locate || n.reply || n.edit }

func (p *planner) needs(m *alert.Message, w *messageState) (n needs) {
	if m.State == alert.Dead || m.State == alert.Gone {
		return n
	}
	if m.State == alert.Sending || m.Reply != nil {
		return needs{locate: true}
	}
	for _, in := range p.incidents(m) {
		for i, a := range in.Alerts {
			n.edit = n.edit || w.uncertain && !m.NoEdits
			n.reply = n.reply || needsReply(m, in, i)
			n.edit = n.edit || !m.NoEdits && differs(m, in.Shown[i], a)
			if at := remindAt(m, in, i); !at.IsZero() && (n.remindAt.IsZero() || at.Before(n.remindAt)) {
				n.remindAt = at
			}
		}
	}
	return n
}

// differs reports whether a message shows an alert other than it is. Annotations
// are nothing to be told in a thread.
func differs(m *alert.Message, s alert.ShownAlert, a *alert.Alert) bool {
	if m.NoEdits { // its thread is all that shows it
		return a.Notified > max(s.Revision, s.NotifiedRevision)
	}
	return a.Revision > s.Revision || s.Annotations != a.Annotations()
}

// needsReply reports whether an alert is to be told in the message's thread. Where the
// message takes no edits that is all there is, but for what is held back.
func needsReply(m *alert.Message, in *audience.Incident, i int) bool {
	a := in.Alerts[i]
	instead := m.NoEdits && differs(m, in.Shown[i], a) && (card.Over(a) || len(a.HeldBy) == 0)
	return !m.NoReplies && (in.Volume(i) > audience.ByEdit || instead)
}

// remindAt is when people are to be reminded of an alert; zero: not.
func remindAt(m *alert.Message, in *audience.Incident, i int) time.Time {
	if m.NoReplies {
		return time.Time{}
	}
	return in.RemindAt(i, m.At)
}

// next returns the next step of a lane, which may take a post or an edit from a
// time on.
func (p *planner) next(channel string, l lane, now, free time.Time) action {
	c := p.channels[channel]
	switch {
	case c == nil || !c.active && c.digest == nil:
		return action{}
	case c.digest != nil && l == posting:
		return p.nextDigest(c, now, free)
	case c.digest != nil && l == editing:
		return action{}
	case l == posting:
		return p.nextPosting(c, now, free)
	case l == editing:
		return p.nextEdit(c, now, free)
	default:
		return p.nextLocate(c, now)
	}
}

// candidate is a message that needs something, and on which no lane works.
type candidate struct {
	needs
	*messageState
	message *alert.Message
}

// candidates are the messages that differ from their alerts, oldest first.
func (p *planner) candidates(c *channelState) (all []candidate) {
	for id, w := range c.messages {
		if w.busy || !w.dirty && !w.needs.work() {
			continue
		}
		m, known := p.state.Message(id)
		if !known {
			delete(c.messages, id)
			continue
		}
		if w.dirty {
			w.needs, w.dirty = p.needs(m, w), false
			w.remindAt = w.needs.remindAt
		}
		if w.needs.work() {
			all = append(all, candidate{w.needs, w, m})
		}
	}
	slices.SortFunc(all, func(x, y candidate) int {
		return cmp.Or(x.message.At.Compare(y.message.At), cmp.Compare(x.message.ID, y.message.ID))
	})
	return all
}

// nextPosting puts posts first, then replies, then reminders.
func (p *planner) nextPosting(c *channelState, now, free time.Time) action {
	out := p.nextPost(c, now, free)
	if out.kind != idle {
		return out
	}
	for _, m := range p.candidates(c) {
		if !m.reply {
			continue
		}
		if at := later(free, m.retryAt); at.After(now) {
			out.by(at)
			continue
		}
		if a := p.reply(m.message); len(a.changed) > 0 {
			return a
		}
		m.dirty = true
	}
	for id, w := range c.messages {
		if w.busy || w.remindAt.IsZero() {
			continue
		}
		if at := later(w.remindAt, later(free, w.retryAt)); at.After(now) {
			out.by(at)
			continue
		}
		if m, known := p.state.Message(id); known && m.Reply == nil {
			if a := p.reminder(m, now); len(a.changed) > 0 {
				return a
			}
		}
	}
	return out
}

// nextEdit lets a reply go first, unless the reply has to wait.
func (p *planner) nextEdit(c *channelState, now, free time.Time) (out action) {
	soon := now.Add(editEvery)
	for _, m := range p.candidates(c) {
		switch {
		case !m.edit:
			continue
		case m.reply && m.failures == 0 && !c.postAt.After(soon):
			out.by(soon)
			continue
		}
		ready := later(m.editAt, m.retryAt)
		if at := later(free, ready); at.After(now) {
			out.queues = out.queues || !ready.After(now)
			out.by(at)
			continue
		}
		if alerts := p.members(m.message); len(alerts) > 0 {
			return action{kind: edit, messages: []*alert.Message{m.message}, alerts: alerts}
		}
		m.dirty = true
	}
	return out
}

// nextLocate looks for all messages whose posting had no answer as soon as it is
// time for one of them: that takes one look into the channel's history. Replies
// are looked for one by one.
func (p *planner) nextLocate(c *channelState, now time.Time) (out action) {
	all := slices.DeleteFunc(p.candidates(c), func(m candidate) bool { return !m.locate })
	due := slices.IndexFunc(all, func(m candidate) bool { return !m.retryAt.After(now) })
	if due < 0 {
		for _, m := range all {
			out.by(m.retryAt)
		}
		return out
	}
	first := all[due].message
	if first.State != alert.Sending {
		return action{kind: locate, messages: []*alert.Message{first}}
	}
	for _, m := range all {
		if m.message.State == alert.Sending && m.message.Target == first.Target {
			out.messages = append(out.messages, m.message)
		}
	}
	out.kind = locate
	return out
}

// members are the alerts of the incidents that a message shows, worst first.
func (p *planner) members(m *alert.Message) (all []alert.Alert) {
	for _, id := range m.Incidents() {
		for _, a := range p.state.AlertsOf(id) {
			all = append(all, *a)
		}
	}
	card.SortWorstFirst(all)
	return all
}
