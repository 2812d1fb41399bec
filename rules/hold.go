package rules

import (
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// What HeldBy calls the reasons that rules give; whatever else it names is
// somebody else's and stays.
const (
	heldByMute = "mute:"
	heldByRule = "rule:"
)

// updateHolds brings HeldBy, reminders and escalations up to date: of what moved and of
// what shares its subject, on a Tick of everything that time may change, and
// of everything for new rules.
func (b *batch) updateHolds(in Input) {
	b.after = make(map[alert.Key]alert.State, len(b.out))
	b.ids = make(map[string]bool, len(b.out))
	for i := range b.out {
		a := &b.out[i]
		b.ids[a.ID] = true
		if s, ok := b.after[a.Key()]; !ok || s.Closed() {
			b.after[a.Key()] = a.State
		}
	}
	for i := range b.out {
		if a := &b.out[i]; !a.State.Closed() {
			a.HeldBy, a.RemindEvery = b.heldBy(a), b.remindEvery(a)
		}
	}
	switch in := in.(type) {
	case Seen:
		if len(in.Changes) > 0 {
			b.refresh(b.st.bySubject[in.Changes[0].Subject])
		}
	case Reloaded:
		b.refresh(slices.Collect(b.st.open()))
	case Tick:
		for _, u := range b.set.rules {
			if len(u.mute) > 0 || len(u.inhibitedBy) > 0 || u.escalate != nil {
				for _, a := range b.st.byRule[u.name] {
					b.refresh([]*alert.Alert{a})
				}
			}
		}
	}
}

// refresh adds the alerts whose holds or channels changed and that did not
// move otherwise.
func (b *batch) refresh(alerts []*alert.Alert) {
	for _, old := range alerts {
		if b.ids[old.ID] {
			continue
		}
		a := *old
		a.HeldBy, a.RemindEvery = b.heldBy(&a), b.remindEvery(&a)
		a.Channels = b.escalated(&a)
		if !slices.Equal(a.HeldBy, old.HeldBy) || !slices.Equal(a.Channels, old.Channels) || a.RemindEvery != old.RemindEvery {
			b.out = append(b.out, a)
		}
	}
}

// remindEvery is what the alert's rule says now.
func (b *batch) remindEvery(a *alert.Alert) time.Duration {
	if u := b.set.byName[a.Rule]; u != nil {
		return u.remindEvery
	}
	return a.RemindEvery
}

// heldBy lists what holds back an alert now, sorted.
func (b *batch) heldBy(a *alert.Alert) []string {
	u := b.set.byName[a.Rule]
	if u == nil {
		return a.HeldBy
	}
	var held []string
	for _, h := range a.HeldBy {
		if !strings.HasPrefix(h, heldByMute) && !strings.HasPrefix(h, heldByRule) {
			held = append(held, h)
		}
	}
	for _, m := range u.mute {
		if m.holds(b.now) {
			held = append(held, heldByMute+m.name)
		}
	}
	for _, rule := range u.inhibitedBy {
		if b.fires(rule, a.Subject) {
			held = append(held, heldByRule+rule)
		}
	}
	slices.Sort(held)
	return slices.Compact(held)
}

// fires reports whether a rule has a firing alert on the subject, or on the
// space or account that it is in.
func (b *batch) fires(rule string, s phone.Subject) bool {
	around := []phone.Subject{s}
	if s.PhoneNumber != "" {
		around = append(around, phone.Subject{Account: s.Account, Space: s.Space})
	}
	if s.Space != "" {
		around = append(around, phone.Subject{Account: s.Account})
	}
	return slices.ContainsFunc(around, func(subject phone.Subject) bool { return b.firesOn(rule, subject) })
}

func (b *batch) firesOn(rule string, subject phone.Subject) bool {
	w := b.set.byName[rule]
	if w == nil {
		return false
	}
	return slices.ContainsFunc(w.fields, func(f phone.Field) bool {
		k := alert.Key{Rule: rule, Subject: subject, Field: f}
		if a, ok := b.after[k]; ok {
			return a == alert.Firing
		}
		a := b.st.openOf(rule, subject, f)
		return a != nil && a.State == alert.Firing
	})
}

// escalated returns the alert's channels, with those of the escalation if it
// has been firing for long enough and nobody takes care of it. These are named
// for that purpose: their own where is not asked.
func (b *batch) escalated(a *alert.Alert) []string {
	u := b.set.byName[a.Rule]
	if u == nil || u.escalate == nil || a.State != alert.Firing || a.Ack != nil || b.now.Sub(a.Since) < u.escalate.after {
		return a.Channels
	}
	return union(a.Channels, u.escalate.to)
}
