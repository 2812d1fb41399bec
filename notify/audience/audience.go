// Package audience decides who is told of changes to an incident, and how loudly: for
// channels whose messages are edited and for those that only post. It is given the
// time, does no I/O, and imports phone and alert; notify/slack and notify/robot call
// it.
package audience

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Volume is how people are told of an alert that a message shows: an edit notifies
// nobody, a reply those who follow the thread, a broadcast reply the whole channel.
type Volume uint8

// The volumes, lowest first.
const (
	ByEdit Volume = iota
	ByReply
	ByBroadcast
)

// nothingOpen ranks behind every severity.
const nothingOpen = alert.Info + 1

// Incident is an incident as it is and as a message shows it.
type Incident struct {
	channel  string
	Alerts   []*alert.Alert
	Shown    []alert.ShownAlert // one for each of Alerts; without a revision: not shown yet
	Open     bool
	flapping bool
	notified alert.Severity // the worst of what people were told is open, or nothingOpen
	unended  bool           // people were told of it while it was open, and not of its end
}

// New returns an incident of which these are the alerts, and of which people in a channel
// were told what is shown, by the ids of alerts.
func New(channel string, alerts []*alert.Alert, shown map[string]alert.ShownAlert) Incident {
	in := Incident{channel: channel, Alerts: alerts, notified: nothingOpen}
	for _, a := range alerts {
		s := shown[a.ID]
		in.Shown = append(in.Shown, s)
		in.Open = in.Open || a.State == alert.Firing
		in.flapping = in.flapping || a.Flapping
		in.unended = in.unended || s.IncidentOpen
		if s.NotifiedOpen {
			in.notified = min(in.notified, a.Severity)
		}
	}
	return in
}

// Over reports whether people are to be told that the incident has ended.
func (in *Incident) Over() bool { return in.unended && !in.Open && !in.flapping }

// OwesEnd reports whether the end of an incident must be told only because of this alert:
// people in the channel were told nothing of the alerts that are still open.
func (in *Incident) OwesEnd(i int) bool {
	if !in.Open || !in.Shown[i].IncidentOpen {
		return false
	}
	for j, a := range in.Alerts {
		if a.State == alert.Firing && in.Shown[j].IncidentOpen {
			return false
		}
	}
	return true
}

// Volume is how to tell people what became of an alert since they were last told. The
// last message about an incident must stay true: everybody is told what gets worse, or
// comes back after its end was told.
func (in *Incident) Volume(i int) Volume {
	a, s := in.Alerts[i], &in.Shown[i]
	switch {
	case a.Notified <= s.NotifiedRevision:
		return ByEdit
	case a.State.Closed() && a.Transition != alert.Opened:
		if s.NotifiedOpen || in.Over() || a.Transition == alert.Settled && s.NotifiedRevision > 0 {
			return ByReply
		}
		return ByEdit
	case len(a.HeldBy) > 0 || !slices.Contains(a.Channels, in.channel):
		return ByEdit
	case a.State.Closed(): // a notice
		return in.joined(a, alert.High)
	case s.NotifiedOpen:
		return moved(a, s.NotifiedValue)
	default:
		if v := in.joined(a, alert.Critical); v == ByBroadcast || a.Severity <= alert.High || s.NotifiedRevision > 0 {
			return max(v, ByReply)
		}
		return ByEdit
	}
}

// joined is for alerts that open during the incident: everybody is told of those that
// are severe enough, or worse than all that they know to be open.
func (in *Incident) joined(a *alert.Alert, enough alert.Severity) Volume {
	if a.Severity <= enough || !a.State.Closed() && a.Severity < in.notified {
		return ByBroadcast
	}
	return ByReply
}

// JoinedUnheard reports whether people were not told of an open alert because it
// matters less than others: a reply about these says that there is more.
func (in *Incident) JoinedUnheard(i int) bool {
	a, s := in.Alerts[i], &in.Shown[i]
	return a.State == alert.Firing && !s.NotifiedOpen && a.Notified > s.NotifiedRevision && len(a.HeldBy) == 0 && slices.Contains(a.Channels, in.channel)
}

// moved is for what people know to be open, with the value of which they were told:
// what happened since may have been more than the last transition.
func moved(a *alert.Alert, told string) Volume {
	direction := a.Field.Direction(told, a.Change.New)
	switch {
	case a.Flapping, a.Transition == alert.Settled && a.Severity <= alert.High, direction == phone.Worse:
		return ByBroadcast
	case a.Transition == alert.GotWorse && direction != phone.Better && told != a.Change.New:
		return ByBroadcast
	case a.Transition == alert.Reopened && direction != phone.Better: // and nobody was told that it had closed
		return ByEdit
	default:
		return ByReply
	}
}

// Told is the record of an alert that people are told of now.
func (in *Incident) Told(i int) alert.ShownAlert {
	a := in.Alerts[i]
	s := alert.ShownAlert{
		Alert: a.ID, Incident: a.Incident, NotifiedRevision: a.Revision, NotifiedOpen: a.State == alert.Firing, IncidentOpen: in.Open,
	}
	if a.Field.IsEnum() { // others have no order, and may hold tokens
		s.NotifiedValue = a.Change.New
	}
	return s
}

// Posted is how a new message shows the alert. It does not count as telling people of
// what is held back, or not meant for the channel.
func (in *Incident) Posted(i int) alert.ShownAlert {
	a := in.Alerts[i]
	s := alert.ShownAlert{Alert: a.ID, Incident: a.Incident}
	if len(a.HeldBy) == 0 && slices.Contains(a.Channels, in.channel) {
		s = in.Told(i)
	}
	s.Revision, s.Annotations = a.Revision, a.Annotations()
	return s
}

// RemindAt is when people are to be reminded of an alert that was posted then; zero: not.
// Held alerts are silent, and acknowledged ones need no reminder.
func (in *Incident) RemindAt(i int, posted time.Time) time.Time {
	a, s := in.Alerts[i], &in.Shown[i]
	if a.RemindEvery <= 0 || a.State != alert.Firing || a.Ack != nil || len(a.HeldBy) > 0 || a.Flapping || !s.NotifiedOpen {
		return time.Time{}
	}
	last := posted
	for _, t := range []time.Time{s.At, a.Since} {
		if t.After(last) {
			last = t
		}
	}
	return last.Add(a.RemindEvery)
}
