package notify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"numwatch/alert"
)

// due is when people are to be reminded of an alert in a message; zero: not.
// What is held back is silent, and what somebody takes needs no reminder.
func (r *record) due(s alert.Shown, a *alert.Alert) time.Time {
	if a.RemindEvery <= 0 || a.State != alert.Firing || a.Ack != nil || len(a.HeldBy) > 0 || r.State != alert.Posted {
		return time.Time{}
	}
	return later(later(r.At, s.At), a.Since).Add(a.RemindEvery)
}

// noteReminder lets the channel look at its reminders as soon as that of an
// alert is due.
func (c *column) noteReminder(r *record, a *alert.Alert) {
	if a.RemindEvery <= 0 || r == nil {
		return
	}
	i := slices.IndexFunc(r.Alerts, func(s alert.Shown) bool { return s.Alert == a.ID })
	if i < 0 {
		return
	}
	if at := r.due(r.Alerts[i], a); !at.IsZero() && (c.remind.IsZero() || at.Before(c.remind)) {
		c.remind = at
	}
}

// nextReminder picks a message to remind of, or returns when to look again.
func (b *board) nextReminder(c *column, now, free time.Time) (action, time.Time) {
	switch {
	case c.remind.IsZero() || c.remind.After(now):
		return action{}, c.remind
	case free.After(now):
		return action{}, free
	}
	var soonest time.Time
	for _, r := range b.shown(c) {
		changed, at := b.forgotten(r, now)
		if len(changed) > 0 {
			return action{deed: reply, message: r.Message, alerts: b.listed(r), changed: changed, remind: true}, time.Time{}
		}
		if !at.IsZero() && (soonest.IsZero() || at.Before(soonest)) {
			soonest = at
		}
	}
	c.remind = soonest
	return action{}, soonest
}

// shown returns the channel's messages that list alerts, oldest first.
func (b *board) shown(c *column) []*record {
	ids := make(map[string]bool)
	for _, id := range c.listed {
		ids[id] = true
	}
	var all []*record
	for id := range ids {
		all = append(all, b.messages[id])
	}
	slices.SortFunc(all, func(x, y *record) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return all
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
	sortWorst(soon)
	return soon, soonest
}

// reminder is the card that tells, in a message's thread, what is still open.
func (c *cards) reminder(alerts []alert.Alert, of int, now time.Time) *Card {
	first := &alerts[0]
	card := &Card{Mark: Mark{"Still open", markOf(first).Color}}
	if of == 1 {
		card.Title = drill(first) + c.title(first) + ": " + stands(first, now)
		return card
	}
	card.Title = fmt.Sprintf("%d of %d", len(alerts), of)
	for i := range alerts[:min(len(alerts), maxListed)] {
		card.Lines = append(card.Lines, Line{markOf(&alerts[i]), c.title(&alerts[i]) + ": " + stands(&alerts[i], now)})
	}
	card.More = len(alerts) - len(card.Lines)
	return card
}

// stands says what an alert is about and for how long.
func stands(a *alert.Alert, now time.Time) string {
	return a.Field.String() + " " + value(a.Field, a.Change.New) + ", for " + span(now.Sub(a.Since))
}
