package slack

import (
	"slices"
	"sort"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

const (
	baselineQuiet = 2 * time.Second // where the first round is over, or may be: after a start
	baselineMost  = 30 * time.Minute
)

// board holds what is to be shown in Slack and what is shown, and finds what
// differs. It does no I/O and knows no time of its own; see next (plan.go).
// Callers serialise its use.
type board struct {
	active   map[string]bool // channels of the configuration
	alerts   map[string]alert.Alert
	messages map[string]*record
	columns  map[string]*column
	rounds   map[string]*round // first sights, by account
	live     bool              // alerts come as they open, no longer from the store
}

// record is a message with what need not be kept: it is learned again.
type record struct {
	alert.Message
	editAt time.Time // no edit before this
	failed int       // edits one after the other
	again  bool      // how an edit ended is not known: it may show what no longer holds
	fixed  bool      // Slack refuses to edit it: changes are told in its thread
}

// column is one channel.
type column struct {
	waiting map[string]time.Time // alerts that no message lists, since when
	listed  map[string]string    // alert → the message that lists it
	stale   map[string]bool      // messages that may differ from their alerts
	remind  agenda               // of messages that list what people may forget

	full      time.Time     // no post before this: more comes than the channel takes
	gathering time.Duration // how long it was to wait last; 0: it is not full
}

// round collects the baseline alerts of an account until its first round is
// over. Rounds of large accounts take long; one that never ends is cut short.
// What comes later, of a space that could not be polled before, say, only waits
// for what comes with it.
type round struct {
	first, last time.Time
	live        bool // they come as they open, and not from the store
	done        bool // they are complete
	over        bool // the account's first round has ended
}

func newBoard(channels []string, alerts []alert.Alert, messages []alert.Message, now time.Time) *board {
	b := &board{
		active: make(map[string]bool), alerts: make(map[string]alert.Alert),
		messages: make(map[string]*record), columns: make(map[string]*column), rounds: make(map[string]*round),
	}
	b.activate(channels)
	for _, m := range messages {
		b.put(m)
	}
	for i := range alerts {
		b.update(alerts[i], now)
	}
	for _, r := range b.messages {
		r.again = b.behind(r) // an edit may have been under way when the last process ended
	}
	b.live = true
	return b
}

// activate sets the channels of the configuration. An alert of another channel
// is not shown there and does not wait for it.
func (b *board) activate(channels []string) {
	clear(b.active)
	for _, name := range channels {
		b.active[name] = true
	}
}

func (b *board) column(name string) *column {
	c := b.columns[name]
	if c == nil {
		c = &column{waiting: make(map[string]time.Time), listed: make(map[string]string), stale: make(map[string]bool)}
		b.columns[name] = c
	}
	return c
}

// update takes in an alert as it now is. One that never opened is not shown,
// and an older revision than the one known says nothing new.
func (b *board) update(a alert.Alert, now time.Time) {
	old, known := b.alerts[a.ID]
	if a.State == alert.Pending || a.Transition == alert.NoTransition || a.Revision < old.Revision {
		return
	}
	b.alerts[a.ID] = a
	if a.Baseline && !known { // one that comes to wait again belongs to a round that is over
		b.round(a.Subject.Account).note(now, b.live)
	}
	for _, name := range a.Channels {
		b.column(name)
	}
	for name, c := range b.columns {
		b.place(&a, name, c, now)
	}
}

// place files an alert in a channel: listed by a message, waiting for one, or
// neither.
func (b *board) place(a *alert.Alert, name string, c *column, now time.Time) {
	if id, ok := c.listed[a.ID]; ok {
		c.stale[id] = true
		c.noteReminder(b.messages[id], a)
		return
	}
	if len(a.HeldBy) > 0 || !slices.Contains(a.Channels, name) {
		delete(c.waiting, a.ID)
		return
	}
	if _, waits := c.waiting[a.ID]; waits {
		return
	}
	c.waiting[a.ID] = now
}

func (b *board) round(account string) *round {
	r := b.rounds[account]
	if r == nil {
		r = &round{}
		b.rounds[account] = r
	}
	return r
}

func (r *round) note(now time.Time, live bool) {
	if r.first.IsZero() || r.done || now.After(r.ready()) {
		r.first, r.done = now, false
	}
	r.last, r.live = now, live
}

// ready is when the baseline alerts collected so far are shown.
func (r *round) ready() time.Time {
	switch {
	case r.done:
		return r.last
	case r.live && !r.over:
		return r.first.Add(baselineMost)
	default:
		return earlier(r.last.Add(baselineQuiet), r.first.Add(baselineMost))
	}
}

// baselineDone says that an account's first round is over.
func (b *board) baselineDone(account string) {
	r := b.round(account)
	r.done, r.over = true, true
}

// put takes in a message as it now is.
func (b *board) put(m alert.Message) {
	r := b.messages[m.ID]
	if r == nil {
		r = &record{}
		b.messages[m.ID] = r
	}
	r.Message = m
	c := b.column(m.Channel)
	c.stale[m.ID] = true
	for _, s := range m.Alerts {
		c.listed[s.Alert] = m.ID
		delete(c.waiting, s.Alert)
		if a, known := b.alerts[s.Alert]; known {
			c.noteReminder(r, &a)
		}
	}
}

// drop forgets a message; its alerts wait again for one.
func (b *board) drop(id string, now time.Time) {
	r := b.messages[id]
	if r == nil {
		return
	}
	delete(b.messages, id)
	c := b.column(r.Channel)
	delete(c.stale, id)
	for _, s := range r.Alerts {
		if c.listed[s.Alert] == id {
			b.unlist(s.Alert, r.Channel, now)
		}
	}
}

func (b *board) unlist(id, channel string, now time.Time) {
	c := b.column(channel)
	delete(c.listed, id)
	if a, known := b.alerts[id]; known {
		b.place(&a, channel, c, now)
	}
}

// gone takes out of a message that somebody deleted in Slack what is still
// open, so that it is posted anew, and returns what is left: what has closed is
// not told again.
func (b *board) gone(id string, now time.Time) alert.Message {
	r := b.messages[id]
	if r == nil {
		return alert.Message{}
	}
	var left []alert.ShownAlert
	for _, s := range r.Alerts {
		a, known := b.alerts[s.Alert]
		switch {
		case !known:
		case a.State.Closed():
			left = append(left, shown(&a))
		default:
			b.unlist(s.Alert, r.Channel, now)
		}
	}
	r.Alerts, r.Reply = left, nil
	return r.Message
}

// expired lists the closed alerts whose end every channel has seen and that are
// closed for longer than keep, and the messages that then show nothing.
func (b *board) expired(now time.Time, keep time.Duration) (alerts, messages []string) {
	going := make(map[string]bool)
	for id, a := range b.alerts {
		if a.State.Closed() && now.Sub(a.Changed) > keep && b.seen(&a) {
			going[id] = true
			alerts = append(alerts, id)
		}
	}
	for id, r := range b.messages {
		remains := func(s alert.ShownAlert) bool { _, known := b.alerts[s.Alert]; return known && !going[s.Alert] }
		unknown := r.State == alert.Sending && b.active[r.Channel]
		if !unknown && !slices.ContainsFunc(r.Alerts, remains) {
			messages = append(messages, id)
		}
	}
	slices.Sort(alerts)
	slices.Sort(messages)
	return alerts, messages
}

// seen reports whether nothing is left to be shown of a closed alert.
func (b *board) seen(a *alert.Alert) bool {
	for name, c := range b.columns {
		if !b.active[name] {
			continue
		}
		if _, waits := c.waiting[a.ID]; waits {
			return false
		}
		if id, ok := c.listed[a.ID]; ok && !b.messages[id].shows(a) {
			return false
		}
	}
	return true
}

func (r *record) shows(a *alert.Alert) bool {
	if r.State == alert.Dead {
		return true
	}
	i := slices.IndexFunc(r.Alerts, func(s alert.ShownAlert) bool { return s.Alert == a.ID })
	return r.State == alert.Posted && r.Reply == nil && !r.behind(r.Alerts[i], a) && !untold(r.Alerts[i], a)
}

// forget drops what was found expired. What opened again meanwhile stays, with
// its messages, and so does what has something to be shown.
func (b *board) forget(alerts, messages []string) {
	back := func(id string) bool {
		a, known := b.alerts[id]
		return known && !(a.State.Closed() && b.seen(&a))
	}
	for _, id := range messages {
		r := b.messages[id]
		if r == nil || slices.ContainsFunc(r.Alerts, func(s alert.ShownAlert) bool { return back(s.Alert) }) {
			continue
		}
		c := b.column(r.Channel)
		delete(c.stale, id)
		for _, s := range r.Alerts {
			delete(c.listed, s.Alert)
		}
		delete(b.messages, id)
	}
	for _, id := range alerts {
		if back(id) {
			continue
		}
		delete(b.alerts, id)
		for _, c := range b.columns {
			delete(c.listed, id)
			delete(c.waiting, id)
		}
	}
}

func (b *board) members(m *alert.Message) []alert.Alert {
	all := make([]alert.Alert, 0, len(m.Alerts))
	for _, s := range m.Alerts {
		if a, known := b.alerts[s.Alert]; known {
			all = append(all, a)
		}
	}
	return all
}

// dead lists the messages that Slack refuses for good.
func (b *board) dead() []alert.Message {
	var all []alert.Message
	for _, r := range b.messages {
		if r.State == alert.Dead {
			all = append(all, r.Message)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].At.Before(all[j].At) })
	return all
}

// groupKey puts the alerts that are told together under one key.
type groupKey struct {
	baseline bool
	rule     string
	space    phone.SpaceKey
	request  string
	single   string
}

func keyOf(a *alert.Alert) groupKey {
	switch {
	case a.Baseline:
		return groupKey{baseline: true, space: phone.SpaceKey{Account: a.Subject.Account}}
	case a.Change.RequestId != "":
		return groupKey{rule: a.Rule, space: a.Subject.SpaceKey(), request: a.Change.RequestId}
	default:
		return groupKey{single: a.ID}
	}
}

func (b *board) edited(id string, now time.Time) {
	if r := b.messages[id]; r != nil {
		r.editAt, r.failed = now.Add(editEvery), 0
	}
}

// again has a message edited once more, as the edit asked for failed: ever
// later, so that one which Slack chokes on does not hold up the others.
func (b *board) again(id string, now time.Time) {
	if r := b.messages[id]; r != nil {
		r.again = true
		r.editAt = now.Add(min(editEvery<<min(r.failed, 10), editAtLast))
		r.failed++
		b.column(r.Channel).stale[id] = true
	}
}

// fix marks a message that Slack does not let the bot edit any more.
func (b *board) fix(id string) {
	if r := b.messages[id]; r != nil {
		r.fixed = true
	}
}
