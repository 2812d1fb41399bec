package robot

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"numwatch/alert"
	"numwatch/notify/audience"
	"numwatch/notify/card"
	"numwatch/phone"
)

// A channel tells some news singly, and more of them as digests: a storm is a few messages.
// While it goes on they are collected for longer and longer.
const (
	singles      = 3                // messages about one thing that may follow each other
	singleEvery  = 10 * time.Second // after which there may be one more
	crowd        = 3                // as much news is told singly if it comes together
	collectFirst = 15 * time.Second
	collectMax   = 4 * time.Minute
)

// State is what is committed. It must be safe for concurrent use, and have a commit
// before whoever asked for it is answered. What it returns is not modified.
type State interface {
	Alerts() []*alert.Alert
	AlertsOf(incident string) []*alert.Alert
	Message(id string) (*alert.Message, bool)
	Messages() []*alert.Message
	MessagesOf(incident string) []*alert.Message
	Silence(id string) (alert.Silence, bool)
}

// planner decides what a robot says next. It reads the present state and what people
// were told from State; it does no I/O and reads no clock. Callers serialise its use.
type planner struct {
	kind      string
	component string
	state     State
	channels  map[string]*channelState
	rounds    map[string]*audience.Round // first rounds, by account
}

// channelState is what is to be told in one channel of the rules.
type channelState struct {
	name       string
	waiting    map[string]time.Time // incidents of which there is news, since when
	remind     map[string]time.Time // incidents of which people are to be reminded, when
	single     *rate.Limiter
	full       time.Time // nothing is told before this: news is collected
	collecting time.Duration
}

func newPlanner(kind, component string, state State) *planner {
	return &planner{kind: kind, component: component, state: state, channels: map[string]*channelState{}, rounds: map[string]*audience.Round{}}
}

// activate sets the channels of the rules. What a new one has to tell begins to wait now.
func (p *planner) activate(names []string, now time.Time) {
	for name := range p.channels {
		if !slices.Contains(names, name) {
			delete(p.channels, name)
		}
	}
	for _, name := range names {
		if p.channels[name] != nil {
			continue
		}
		c := &channelState{
			name: name, waiting: map[string]time.Time{}, remind: map[string]time.Time{}, single: rate.NewLimiter(rate.Every(singleEvery), singles),
		}
		p.channels[name] = c
		for _, a := range p.state.Alerts() {
			if p.look(c, a.Incident, now) && firstLook(a) {
				p.round(a.Subject.Account).Note(now, false)
			}
		}
	}
}

func (p *planner) round(account string) *audience.Round {
	r := p.rounds[account]
	if r == nil {
		r = &audience.Round{}
		p.rounds[account] = r
	}
	return r
}

// update takes note that an alert has changed.
func (p *planner) update(a *alert.Alert, now time.Time) {
	for _, c := range p.channels {
		if p.look(c, a.Incident, now) && firstLook(a) {
			p.round(a.Subject.Account).Note(now, true)
		}
	}
}

// look finds out what there is to tell of an incident, and reports whether that waits now
// and did not before.
func (p *planner) look(c *channelState, incident string, now time.Time) bool {
	n := p.news(c, incident)
	if n.remindAt.IsZero() {
		delete(c.remind, incident)
	} else {
		c.remind[incident] = n.remindAt
	}
	if !n.any() {
		delete(c.waiting, incident)
		return false
	}
	_, waits := c.waiting[incident]
	if !waits {
		c.waiting[incident] = now
	}
	return !waits
}

// news is what there is to tell of an incident in a channel.
type news struct {
	audience.Incident
	record   *alert.Message // of what people were told; nil: nothing
	changed  []int          // of its alerts, what is to be told
	loud     bool           // people are to be mentioned
	remindAt time.Time
}

func (n *news) any() bool { return len(n.changed) > 0 }

// news compares an incident with what people were told. There are no threads here: what
// would be a quiet reply elsewhere is told only at the end, except openings that
// matter.
func (p *planner) news(c *channelState, incident string) (n news) {
	n.record = p.record(c, incident)
	shown := map[string]alert.ShownAlert{}
	if n.record != nil {
		for _, s := range n.record.Alerts {
			shown[s.Alert] = s
		}
	}
	n.Incident = audience.New(c.name, p.state.AlertsOf(incident), shown)
	for i, a := range n.Alerts {
		if n.record == nil {
			if p.wanted(c, a) {
				n.changed = append(n.changed, i)
				n.loud = n.loud || !card.Over(a)
			}
			continue
		}
		volume := n.Volume(i)
		joined := a.State == alert.Firing && !n.Shown[i].NotifiedOpen && a.Severity <= alert.High
		if volume == audience.ByBroadcast || volume > audience.ByEdit && (joined || n.Over()) {
			n.changed = append(n.changed, i)
			n.loud = n.loud || volume == audience.ByBroadcast
		}
		if at := n.RemindAt(i, n.record.At); !at.IsZero() && (n.remindAt.IsZero() || at.Before(n.remindAt)) {
			n.remindAt = at
		}
	}
	return n
}

// record is what people were told of an incident in a channel; nil: nothing.
func (p *planner) record(c *channelState, incident string) *alert.Message {
	for _, m := range p.state.MessagesOf(incident) {
		if m.Kind == p.kind && m.Channel == c.name {
			return m
		}
	}
	return nil
}

// wanted reports whether an alert is for a channel. Trouble of the robot itself goes
// to other channels: anybody who reads it here knows that it works.
func (p *planner) wanted(c *channelState, a *alert.Alert) bool {
	return a.Notified > 0 && len(a.HeldBy) == 0 && slices.Contains(a.Channels, c.name) && a.Subject.Component != p.component
}

// batch is what one message tells.
type batch struct {
	channel   string
	incidents []string
	remind    bool
}

// groupKey puts the incidents under one key that are told together: what one poll of one
// space found.
type groupKey struct {
	baseline bool
	space    phone.SpaceKey
	request  string
	single   string
}

func keyOf(a *alert.Alert) groupKey {
	switch {
	case firstLook(a):
		return groupKey{baseline: true, space: phone.SpaceKey{Account: a.Subject.Account}}
	case a.Change.RequestId != "":
		return groupKey{space: a.Subject.SpaceKey(), request: a.Change.RequestId}
	default:
		return groupKey{single: a.Incident}
	}
}

// firstLook reports whether the first poll of a space found what is to be told.
func firstLook(a *alert.Alert) bool { return a.Baseline && a.Transition == alert.Opened }

// group is what waits under one key.
type group struct {
	baseline  bool
	ready     time.Time
	first     *alert.Alert // the worst
	incidents []string
}

// next returns what to tell now, or until when to wait; zero: until something changes. The
// channel that has waited longest comes first.
func (p *planner) next(now, free time.Time) (b batch, until time.Time) {
	by := func(t time.Time) {
		if until.IsZero() || t.Before(until) {
			until = t
		}
	}
	var first *channelState
	var groups []*group // of the first
	for _, c := range p.channels {
		ready, at := p.ready(c, now)
		if !at.IsZero() {
			by(at)
		}
		if len(ready) > 0 && (first == nil || cmp.Or(ready[0].ready.Compare(groups[0].ready), cmp.Compare(c.name, first.name)) < 0) {
			first, groups = c, ready
		}
	}
	switch {
	case first != nil && free.After(now):
		by(free)
	case first != nil:
		return p.take(first, groups, now), time.Time{}
	default:
		return p.reminder(now, free, by), until
	}
	return batch{}, until
}

// ready returns what may be told now, what has waited longest first, and when there is more.
func (p *planner) ready(c *channelState, now time.Time) (ready []*group, until time.Time) {
	if len(c.waiting) == 0 {
		return nil, until
	}
	if c.full.After(now) {
		return nil, c.full
	}
	for _, g := range p.groups(c) {
		switch {
		case !g.ready.After(now):
			ready = append(ready, g)
		case until.IsZero() || g.ready.Before(until):
			until = g.ready
		}
	}
	slices.SortFunc(ready, func(x, y *group) int { return cmp.Or(x.ready.Compare(y.ready), card.Worst(x.first, y.first)) })
	return ready, until
}

func (p *planner) groups(c *channelState) map[groupKey]*group {
	groups := map[groupKey]*group{}
	for incident, since := range c.waiting {
		n := p.news(c, incident)
		if !n.any() {
			delete(c.waiting, incident)
			continue
		}
		worst := n.Alerts[n.changed[0]]
		for _, i := range n.changed {
			if card.Worst(n.Alerts[i], worst) < 0 {
				worst = n.Alerts[i]
			}
		}
		key := keyOf(worst)
		g := groups[key]
		if g == nil {
			g = &group{baseline: key.baseline, ready: since, first: worst}
			if key.baseline {
				g.ready = p.round(worst.Subject.Account).Ready()
			}
			groups[key] = g
		}
		if !g.baseline && since.Before(g.ready) {
			g.ready = since
		}
		if card.Worst(worst, g.first) < 0 {
			g.first = worst
		}
		g.incidents = append(g.incidents, incident)
	}
	return groups
}

// take makes one message of a group, or a digest of all where more comes than is told
// singly. What a first poll found stays one message of its own.
func (p *planner) take(c *channelState, ready []*group, now time.Time) batch {
	b := batch{channel: c.name, incidents: ready[0].incidents}
	switch {
	case ready[0].baseline:
	case len(ready) <= crowd && c.single.AllowN(now, 1):
		c.collecting = 0
	default:
		b.incidents = nil
		for _, g := range ready {
			if !g.baseline {
				b.incidents = append(b.incidents, g.incidents...)
			}
		}
		c.collecting = min(max(2*c.collecting, collectFirst), collectMax)
		c.full = now.Add(c.collecting)
	}
	slices.Sort(b.incidents)
	return b
}

// failed takes note that a message was not told: nothing is collected for the next one.
func (p *planner) failed(channel string) {
	if c := p.channels[channel]; c != nil {
		c.full = time.Time{}
	}
}

// needs reports whether a closed alert is still to be told of, or the end of its incident
// would not be without it.
func (p *planner) needs(a *alert.Alert) bool {
	for _, c := range p.channels {
		if _, waits := c.waiting[a.Incident]; waits {
			return true
		}
		if p.record(c, a.Incident) == nil {
			continue
		}
		n := p.news(c, a.Incident)
		for i := range n.Alerts {
			if n.Alerts[i].ID == a.ID && n.OwesEnd(i) {
				return true
			}
		}
	}
	return false
}

func latest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.After(first) {
			first = t
		}
	}
	return first
}
