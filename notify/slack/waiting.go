package slack

import (
	"cmp"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/audience"
	"numwatch/notify/card"
	"numwatch/phone"
)

// While alerts come faster than a channel takes messages, they are collected for
// longer and longer before they become the next one: an hour of storm must not be
// thousands of messages.
const (
	collectFirst = 5 * time.Second
	collectMax   = 30 * time.Second
)

// wait is an alert that no message lists.
type wait struct {
	since time.Time
	again bool // a message that listed it was not posted, or was deleted
}

func (p *planner) round(account string) *audience.Round {
	r := p.rounds[account]
	if r == nil {
		r = &audience.Round{}
		p.rounds[account] = r
	}
	return r
}

// baselineDone says that an account's first round is over.
func (p *planner) baselineDone(account string) {
	p.round(account).Done()
}

// groupKey puts the incidents that are told together under one key: those that began in
// one poll of one space.
type groupKey struct {
	baseline bool
	again    bool
	space    phone.SpaceKey
	request  string
	single   string
}

func keyOf(a *alert.Alert, again bool) groupKey {
	switch {
	case a.Baseline:
		return groupKey{baseline: true, space: phone.SpaceKey{Account: a.Subject.Account}}
	case again:
		return groupKey{again: true}
	case a.Change.RequestId != "":
		return groupKey{space: a.Subject.SpaceKey(), request: a.Change.RequestId}
	default:
		return groupKey{single: a.Incident}
	}
}

// group is what one message would tell.
type group struct {
	baseline bool
	ready    time.Time
	alerts   []alert.Alert
}

// nextPost picks what to post now. Where something had to wait for the channel,
// all that waits becomes one message: a storm is a few messages, not hundreds.
func (p *planner) nextPost(c *channelState, now, free time.Time) (out action) {
	if len(c.waiting) == 0 {
		return out
	}
	free = later(free, c.full)
	if free.After(now) {
		out.by(free)
		return out
	}
	var ready []*group
	for _, g := range p.groups(c) {
		if g.ready.After(now) {
			out.by(g.ready)
		} else {
			ready = append(ready, g)
		}
	}
	if len(ready) == 0 {
		return out
	}
	slices.SortFunc(ready, func(x, y *group) int { return card.Worst(&x.alerts[0], &y.alerts[0]) })
	first := ready[0]
	if crowded(ready, free) && !first.baseline {
		first = merge(ready)
		c.collecting = min(max(2*c.collecting, collectFirst), collectMax)
		c.full = now.Add(c.collecting)
	} else {
		c.collecting = 0
	}
	return action{kind: post, alerts: p.whole(first.alerts)}
}

// whole adds the other alerts of the same incidents.
func (p *planner) whole(alerts []alert.Alert) []alert.Alert {
	m := &alert.Message{}
	for i := range alerts {
		m.Alerts = append(m.Alerts, alert.ShownAlert{Incident: alerts[i].Incident})
	}
	return p.members(m)
}

// crowded reports whether some alerts that are ready had to wait for the channel.
func crowded(ready []*group, free time.Time) bool {
	waited := func(g *group) bool { return !g.baseline && g.ready.Before(free) }
	return len(ready) > 1 && slices.ContainsFunc(ready, waited)
}

// merge makes one group of all but the baselines, which stay one message each.
func merge(groups []*group) *group {
	all := &group{}
	for _, g := range groups {
		if !g.baseline {
			all.alerts = append(all.alerts, g.alerts...)
		}
	}
	card.SortWorstFirst(all.alerts)
	return all
}

// groups returns the waiting alerts, grouped as they are told. All alerts of an
// incident go with the one that has waited longest.
func (p *planner) groups(c *channelState) map[groupKey]*group {
	leaders := make(map[string]*alert.Alert) // by incident
	for id := range c.waiting {
		a, known := p.state.Alert(id)
		if !known {
			delete(c.waiting, id)
			continue
		}
		if first := leaders[a.Incident]; first == nil || p.before(c, a, first) {
			leaders[a.Incident] = a
		}
	}
	groups := make(map[groupKey]*group)
	for id, w := range c.waiting {
		a, known := p.state.Alert(id)
		if !known || leaders[a.Incident] == nil {
			continue // forgotten or opened just now
		}
		leader := leaders[a.Incident]
		key := keyOf(leader, c.waiting[leader.ID].again)
		g := groups[key]
		if g == nil {
			g = &group{baseline: key.baseline, ready: w.since}
			if key.baseline {
				g.ready = p.round(a.Subject.Account).Ready()
			}
			groups[key] = g
		}
		if !g.baseline {
			g.ready = earlier(g.ready, w.since)
		}
		g.alerts = append(g.alerts, *a)
	}
	for _, g := range groups {
		card.SortWorstFirst(g.alerts)
	}
	return groups
}

func (p *planner) before(c *channelState, a, b *alert.Alert) bool {
	if a.Baseline != b.Baseline { // the first round may take long
		return b.Baseline
	}
	return cmp.Or(c.waiting[a.ID].since.Compare(c.waiting[b.ID].since), cmp.Compare(a.ID, b.ID)) < 0
}

// overdue counts the alerts that are ready since before a time and that no
// message lists yet.
func (p *planner) overdue(c *channelState, before time.Time) (n int, first time.Time) {
	for id, w := range c.waiting {
		since := w.since
		if a, known := p.state.Alert(id); known && a.Baseline {
			since = later(since, p.round(a.Subject.Account).Ready())
		}
		if !since.Before(before) {
			continue
		}
		if n++; n == 1 || since.Before(first) {
			first = since
		}
	}
	return n, first
}

// unconfirmed counts the messages of which it is not known since before a time
// whether they, or replies to them, were posted.
func (p *planner) unconfirmed(c *channelState, before time.Time) (n int, first time.Time) {
	for id := range c.messages {
		m, known := p.state.Message(id)
		if !known || m.State != alert.Sending && m.Reply == nil {
			continue
		}
		at := m.At
		if m.Reply != nil {
			at = m.Reply.At
		}
		if !at.Before(before) {
			continue
		}
		if n++; n == 1 || at.Before(first) {
			first = at
		}
	}
	return n, first
}

// expired lists the closed alerts whose end every channel has seen and that are
// closed for longer than keep, and the messages that then show nothing.
func (p *planner) expired(now time.Time, keep time.Duration) (alerts []string, messages []*alert.Message) {
	going, needed := make(map[string]bool), p.needed()
	for _, a := range p.state.Alerts() {
		if a.State.Closed() && !a.Flapping && now.Sub(a.Changed) > keep && !needed[a.ID] && !p.missed(a) && (p.elsewhere == nil || !p.elsewhere(a)) {
			going[a.ID] = true
			alerts = append(alerts, a.ID)
		}
	}
	for _, m := range p.state.Messages() {
		if m.Digest != nil {
			if p.outdated(m) {
				messages = append(messages, m)
			}
			continue
		}
		remains := func(id string) bool {
			return slices.ContainsFunc(p.state.AlertsOf(id), func(a *alert.Alert) bool { return !going[a.ID] })
		}
		c := p.channel(m.Channel)
		inUse := c.active && m.State == alert.Sending || c.messages[m.ID] != nil && c.messages[m.ID].busy
		if !inUse && !slices.ContainsFunc(m.Incidents(), remains) {
			messages = append(messages, m)
		}
	}
	slices.Sort(alerts)
	return alerts, messages
}

// missed reports whether an alert must still be shown in a channel.
func (p *planner) missed(a *alert.Alert) bool {
	for _, c := range p.channels {
		if c.active && wanted(c, a) && !p.listed(c, a) {
			return true
		}
	}
	return false
}

// needed returns the ids of closed alerts that a message does not show as they are, of
// which people were not told, or without which the end of their incident would not be.
func (p *planner) needed() map[string]bool {
	needed := make(map[string]bool)
	for _, m := range p.state.Messages() {
		if m.State == alert.Dead || m.State == alert.Gone || !p.channel(m.Channel).active {
			continue
		}
		unsure := m.State == alert.Sending || m.Reply != nil
		for _, in := range p.incidents(m) {
			for i, a := range in.Alerts {
				if unsure || needsReply(m, in, i) || !m.NoEdits && differs(m, in.Shown[i], a) || in.OwesEnd(i) {
					needed[a.ID] = true
				}
			}
		}
	}
	return needed
}

// redraw has messages edited once more whose alerts changed since then: see Options.Redraw.
func (p *planner) redraw(since time.Time) {
	if since.IsZero() {
		return
	}
	for _, m := range p.state.Messages() {
		for _, a := range p.members(m) {
			if a.Changed.After(since) || a.Ack != nil && a.Ack.At.After(since) {
				p.message(m).uncertain = true
			}
		}
	}
}
