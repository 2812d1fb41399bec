package slack

import (
	"cmp"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/card"
)

// editEvery is how often one message is edited at most: a long list whose
// members recover one after the other must not use up the workspace's budget.
const (
	editEvery  = 5 * time.Second
	editAtLast = time.Minute // the longest wait after edits that failed
)

// While more comes than a channel takes, what waits is gathered for longer and
// longer before it becomes the next message: an hour of storm must not be
// thousands of them.
const (
	gatherFirst = 5 * time.Second
	gatherMost  = 30 * time.Second
)

// deed is what is to be done in a channel next.
type deed uint8

const (
	rest   deed = iota // nothing, until a time
	settle             // find out whether message or its reply is there
	post               // a new message that lists alerts
	reply              // tell what changed in message's thread
	edit               // bring message up to date
)

// action is the next step towards showing what is true.
type action struct {
	deed    deed
	message alert.Message
	alerts  []alert.Alert // all that the message lists, worst first
	changed []alert.Alert // of a reply
	remind  bool          // the reply reminds of what has not changed
	until   time.Time     // of rest; zero: until something changes
	queues  bool          // of rest: there is an edit to be made as soon as the budget has one
}

// slots says from when on a channel takes another post or edit. A reply is a
// post.
type slots struct{ post, edit time.Time }

// next returns the next step in a channel: what is unknown first, then posts,
// replies, reminders and edits.
func (b *board) next(channel string, now time.Time, free slots) action {
	if !b.active[channel] {
		return action{}
	}
	c := b.column(channel)
	stale := b.stale(c)
	for _, r := range stale {
		if r.State == alert.Sending || r.Reply != nil {
			return action{deed: settle, message: r.Message}
		}
	}
	idle := action{}
	if a, at := b.nextPost(c, now, free.post); a.deed != rest {
		return a
	} else if !at.IsZero() {
		idle.by(at)
	}
	for _, r := range stale {
		if changed := b.untold(r); len(changed) > 0 {
			if !free.post.After(now) {
				return action{deed: reply, message: r.Message, alerts: b.listed(r), changed: changed}
			}
			idle.by(free.post)
		}
	}
	if a, at := b.nextReminder(c, now, free.post); a.deed != rest {
		return a
	} else if !at.IsZero() {
		idle.by(at)
	}
	for _, r := range stale {
		if !r.fixed && b.behind(r) {
			if at := later(free.edit, r.editAt); at.After(now) {
				idle.queues = idle.queues || !r.editAt.After(now)
				idle.by(at)
				continue
			}
			r.again = false
			return action{deed: edit, message: r.Message, alerts: b.listed(r)}
		}
	}
	return idle
}

func (a *action) by(t time.Time) {
	if a.until.IsZero() || t.Before(a.until) {
		a.until = t
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stale returns the messages that differ from their alerts, oldest first.
func (b *board) stale(c *column) []*record {
	var all []*record
	for id := range c.stale {
		r := b.messages[id]
		unknown := r.State == alert.Sending || r.Reply != nil
		if r.State == alert.Dead || !unknown && !b.behind(r) && len(b.untold(r)) == 0 {
			delete(c.stale, id)
			continue
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y *record) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return all
}

// shown is an alert as a message shows it that is posted now.
func shown(a *alert.Alert) alert.ShownAlert {
	return alert.ShownAlert{Alert: a.ID, Revision: a.Revision, Annotations: a.Annotations(), NotifiedRevision: a.Revision}
}

// redrawn returns what a message shows once it was edited to these alerts.
func redrawn(list []alert.ShownAlert, alerts []alert.Alert) []alert.ShownAlert {
	now := make(map[string]alert.ShownAlert, len(alerts))
	for i := range alerts {
		now[alerts[i].ID] = shown(&alerts[i])
	}
	list = slices.Clone(list)
	for i := range list {
		if n, ok := now[list[i].Alert]; ok {
			list[i].Revision, list[i].Annotations = n.Revision, n.Annotations
		}
	}
	return list
}

// behind reports whether a message shows an alert other than it is. What stands
// beside the alert is nothing to be told in a thread.
func (r *record) behind(s alert.ShownAlert, a *alert.Alert) bool {
	return a.Revision > s.Revision || !r.fixed && s.Annotations != a.Annotations()
}

// untold reports whether people are to be told anew. What is held back stays
// unsaid, but who was told of an opening is told of its end.
func untold(s alert.ShownAlert, a *alert.Alert) bool {
	return a.Notified > s.NotifiedRevision && (a.State.Closed() || len(a.HeldBy) == 0)
}

func (b *board) behind(r *record) bool {
	if r.again && !r.fixed {
		return true
	}
	for _, s := range r.Alerts {
		if a, known := b.alerts[s.Alert]; known && r.behind(s, &a) {
			return true
		}
	}
	return false
}

func (b *board) untold(r *record) []alert.Alert {
	var changed []alert.Alert
	for _, s := range r.Alerts {
		if a, known := b.alerts[s.Alert]; known && (untold(s, &a) || r.fixed && r.behind(s, &a)) {
			changed = append(changed, a)
		}
	}
	card.SortWorstFirst(changed)
	return changed
}

func (b *board) listed(r *record) []alert.Alert {
	all := b.members(&r.Message)
	card.SortWorstFirst(all)
	return all
}

// group is what one message would tell.
type group struct {
	baseline bool
	ready    time.Time
	alerts   []alert.Alert
}

// nextPost picks what to post now. Where something had to wait for the channel,
// all that waits becomes one message: a storm is a few messages, not hundreds.
// It also returns when the next group is ready.
func (b *board) nextPost(c *column, now, free time.Time) (action, time.Time) {
	free = later(free, c.full)
	if free.After(now) && len(c.waiting) > 0 {
		return action{}, free
	}
	groups := b.groups(c)
	var soonest time.Time
	var ready []*group
	for _, g := range groups {
		if soonest.IsZero() || g.ready.Before(soonest) {
			soonest = g.ready
		}
		if !g.ready.After(now) {
			ready = append(ready, g)
		}
	}
	if len(ready) == 0 {
		return action{}, soonest
	}
	slices.SortFunc(ready, func(x, y *group) int { return card.Worst(&x.alerts[0], &y.alerts[0]) })
	first := ready[0]
	if crowded(ready, free) && !first.baseline {
		first = fold(ready)
		c.gather(now)
	} else {
		c.gathering = 0
	}
	return action{deed: post, alerts: first.alerts}, soonest
}

// gather lets the channel wait for more before its next post.
func (c *column) gather(now time.Time) {
	c.gathering = min(max(2*c.gathering, gatherFirst), gatherMost)
	c.full = now.Add(c.gathering)
}

func crowded(ready []*group, free time.Time) bool {
	waited := func(g *group) bool { return !g.baseline && g.ready.Before(free) }
	return len(ready) > 1 && slices.ContainsFunc(ready, waited)
}

// fold makes one group of all but the baselines, which stay one message each.
func fold(groups []*group) *group {
	all := &group{}
	for _, g := range groups {
		if !g.baseline {
			all.alerts = append(all.alerts, g.alerts...)
		}
	}
	card.SortWorstFirst(all.alerts)
	return all
}

func (b *board) groups(c *column) map[groupKey]*group {
	groups := make(map[groupKey]*group)
	for id, since := range c.waiting {
		a := b.alerts[id]
		key := keyOf(&a)
		g := groups[key]
		if g == nil {
			g = &group{baseline: key.baseline, ready: since}
			if key.baseline {
				g.ready = b.round(a.Subject.Account).ready()
			}
			groups[key] = g
		}
		if !g.baseline && since.Before(g.ready) {
			g.ready = since
		}
		g.alerts = append(g.alerts, a)
	}
	for _, g := range groups {
		card.SortWorstFirst(g.alerts)
	}
	return groups
}
