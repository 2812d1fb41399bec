package slack

import (
	"cmp"
	pq "container/heap" // a test has a heap of its own
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/card"
)

// due is when people are to be reminded of an alert in a message; zero: not.
// What is held back is silent, and what somebody takes needs no reminder.
func (r *record) due(s alert.ShownAlert, a *alert.Alert) time.Time {
	if a.RemindEvery <= 0 || a.State != alert.Firing || a.Ack != nil || len(a.HeldBy) > 0 || r.State != alert.Posted {
		return time.Time{}
	}
	return later(later(r.At, s.At), a.Since).Add(a.RemindEvery)
}

// noteReminder lets the channel look at a message as soon as the reminder of an
// alert in it is due.
func (c *column) noteReminder(r *record, a *alert.Alert) {
	if a.RemindEvery <= 0 || r == nil {
		return
	}
	i := slices.IndexFunc(r.Alerts, func(s alert.ShownAlert) bool { return s.Alert == a.ID })
	if i < 0 {
		return
	}
	if at := r.due(r.Alerts[i], a); !at.IsZero() {
		c.remind.by(r.ID, at)
	}
}

// nextReminder picks a message to remind of, or returns when to look again.
func (b *board) nextReminder(c *column, now, free time.Time) (action, time.Time) {
	for {
		id, at := c.remind.first()
		switch {
		case id == "" || at.After(now):
			return action{}, at
		case free.After(now):
			return action{}, free
		}
		r, known := b.messages[id]
		if !known {
			c.remind.set(id, time.Time{})
			continue
		}
		changed, soonest := b.forgotten(r, now)
		if len(changed) > 0 {
			return action{deed: reply, message: r.Message, alerts: b.listed(r), changed: changed, remind: true}, time.Time{}
		}
		c.remind.set(id, soonest)
	}
}

// agenda says when to look at a message, the soonest first. No message needs a
// look before its time; whether it does then is found out by looking.
type agenda struct {
	at    map[string]time.Time // by message
	queue appointments         // with some that at no longer has
}

// by has a message looked at no later than at.
func (g *agenda) by(id string, at time.Time) {
	if old, ok := g.at[id]; !ok || at.Before(old) {
		g.set(id, at)
	}
}

// set has a message looked at at that time; zero: never.
func (g *agenda) set(id string, at time.Time) {
	if at.IsZero() {
		delete(g.at, id)
		return
	}
	if g.at == nil {
		g.at = make(map[string]time.Time)
	}
	g.at[id] = at
	pq.Push(&g.queue, appointment{at, id})
}

// first returns the message to look at first, "" if there is none.
func (g *agenda) first() (id string, at time.Time) {
	for len(g.queue) > 0 {
		next := g.queue[0]
		if at, ok := g.at[next.id]; ok && at.Equal(next.at) {
			return next.id, at
		}
		pq.Pop(&g.queue)
	}
	return "", time.Time{}
}

type appointment struct {
	at time.Time
	id string
}

// appointments are a heap.
type appointments []appointment

func (q appointments) Len() int { return len(q) }
func (q appointments) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), cmp.Compare(q[i].id, q[j].id)) < 0
}
func (q appointments) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *appointments) Push(x any)   { *q = append(*q, x.(appointment)) }

func (q *appointments) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// forgotten returns the alerts of a message of which to remind now, the worst
// first: if one is due, those that soon will be are told along. It also returns
// when the next one is due.
func (b *board) forgotten(r *record, now time.Time) (alerts []alert.Alert, soonest time.Time) {
	var soon []alert.Alert
	for _, s := range r.Alerts {
		a, known := b.alerts[s.Alert]
		if !known {
			continue
		}
		at := r.due(s, &a)
		if at.IsZero() {
			continue
		}
		if soonest.IsZero() || at.Before(soonest) {
			soonest = at
		}
		if !at.Add(-a.RemindEvery / 10).After(now) {
			soon = append(soon, a)
		}
	}
	if soonest.IsZero() || soonest.After(now) {
		return nil, soonest
	}
	card.SortWorstFirst(soon)
	return soon, soonest
}
