package rules

import (
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// The names in HeldBy of the rules' own reasons; other names belong to others and
// stay.
const (
	heldByMute = "mute:"
	heldByRule = "rule:"
)

// updateHolds brings HeldBy, reminders and escalations up to date: of what moved
// and of what shares its subject; otherwise of everything that time may change,
// and of everything for new rules.
func (s *step) updateHolds(in Input) {
	s.after = make(map[alert.Key]alert.State, len(s.out))
	for i := range s.out {
		a := &s.out[i]
		if state, ok := s.after[a.Key()]; !ok || state.Closed() {
			s.after[a.Key()] = a.State
		}
	}
	for i := range s.out {
		// A notice is held back, like by a silence, for good: nothing is open when the hold
		// ends. Those who were told of an opening are told of its end, whatever holds.
		if a := &s.out[i]; !a.State.Closed() || a.IsNotice() {
			a.HeldBy, a.RemindEvery = s.heldBy(a), s.remindEvery(a)
		}
	}
	if in, ok := in.(Seen); ok {
		if len(in.Changes) > 0 {
			for _, a := range s.state.bySubject[in.Changes[0].Subject] {
				s.refresh(a)
			}
		}
		return
	}
	_, reloaded := in.(Reloaded)
	for a := range s.state.open() {
		if r := s.set.byName[a.Rule]; reloaded || r != nil && r.held() {
			s.refresh(a)
		}
	}
}

// refresh adds an alert whose holds or channels changed and that did not move
// otherwise.
func (s *step) refresh(old *alert.Alert) {
	if _, moved := s.after[old.Key()]; moved {
		return
	}
	a := *old
	a.HeldBy, a.RemindEvery = s.heldBy(&a), s.remindEvery(&a)
	s.postpone(&a, s.escalated(&a))
	s.set.Address(&a)
	if !slices.Equal(a.HeldBy, old.HeldBy) || !slices.Equal(a.Channels, old.Channels) || !slices.Equal(a.Later, old.Later) ||
		!slices.Equal(a.Followers, old.Followers) || a.RemindEvery != old.RemindEvery {
		s.out = append(s.out, a)
	}
}

// remindEvery is what the alert's rule says now.
func (s *step) remindEvery(a *alert.Alert) time.Duration {
	if r := s.set.byName[a.Rule]; r != nil {
		return r.Remind
	}
	return a.RemindEvery
}

// heldBy lists what holds back an alert now, sorted.
func (s *step) heldBy(a *alert.Alert) []string {
	r := s.set.byName[a.Rule]
	if r == nil {
		return a.HeldBy
	}
	var held []string
	for _, h := range a.HeldBy {
		if !strings.HasPrefix(h, heldByMute) && !strings.HasPrefix(h, heldByRule) {
			held = append(held, h)
		}
	}
	for _, m := range r.mute {
		if m.covers(s.now) {
			held = append(held, heldByMute+m.Name.Value)
		}
	}
	for _, rule := range r.inhibitedBy {
		if s.fires(rule, a.Subject) {
			held = append(held, heldByRule+rule)
		}
	}
	slices.Sort(held)
	return slices.Compact(held)
}

// fires reports whether a rule has a firing alert on the subject, or on the
// space or account that it is in.
func (s *step) fires(rule string, on phone.Subject) bool {
	around := []phone.Subject{on, {Account: on.Account, Space: on.Space}, {Account: on.Account}}
	for _, subject := range around {
		for _, f := range s.set.byName[rule].On {
			k := alert.Key{Rule: rule, Subject: subject, Field: f}
			if state, moved := s.after[k]; moved && state == alert.Firing {
				return true
			} else if a := s.state.openOf(rule, subject, f); !moved && a != nil && a.State == alert.Firing {
				return true
			}
		}
	}
	return false
}

// escalated returns the alert's channels, with those of the escalation if it
// has been firing for long enough and nobody acknowledged it. These are named
// for that purpose: their own where is not asked.
func (s *step) escalated(a *alert.Alert) []string {
	r := s.set.byName[a.Rule]
	if r == nil || r.escalate == nil || a.State != alert.Firing || a.Ack != nil || s.now.Sub(a.Since) < r.escalate.after {
		return a.Channels
	}
	return union(a.Channels, r.escalate.to)
}

// postpone has those of the alert's channels that are muted now get it later, and those that
// are muted no longer get it. What was notified before goes on.
func (s *step) postpone(a *alert.Alert, before []string) {
	r := s.set.byName[a.Rule]
	if r == nil {
		return
	}
	var now, later []string
	for _, ch := range r.channels {
		switch {
		case slices.Contains(before, ch.Name), !slices.Contains(a.Channels, ch.Name) && !slices.Contains(a.Later, ch.Name):
		case ch.mutedAt(s.now) != nil:
			later = append(later, ch.Name)
		default:
			now = append(now, ch.Name)
		}
	}
	a.Channels, a.Later = union(before, now), later
}

const minutesOfDay = 24 * 60

// covers reports whether t is within the mute time.
func (m *MuteTime) covers(t time.Time) bool {
	t = t.In(m.Location)
	minute := t.Hour()*60 + t.Minute()
	today, yesterday := m.Days[t.Weekday()], m.Days[(t.Weekday()+6)%7]
	for _, w := range m.Windows {
		if today && w.From <= minute && minute < w.To || yesterday && minute+minutesOfDay < w.To {
			return true
		}
	}
	return false
}
