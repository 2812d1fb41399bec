package slack

import (
	"maps"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/card"
	"numwatch/phone"
)

// volume is how people are told of an alert that a message shows: an edit notifies
// nobody, a reply those who follow the thread, one that is broadcast the whole channel.
type volume uint8

const (
	byEdit volume = iota
	byReply
	byBroadcast
)

// nothingOpen ranks behind every severity.
const nothingOpen = alert.Info + 1

// incident is what is wrong with a subject, as it is and as a message shows it.
type incident struct {
	channel  string
	alerts   []*alert.Alert
	shown    []alert.ShownAlert // one for each of alerts; without a revision: not shown yet
	open     bool
	flapping bool
	notified alert.Severity // the worst of what people were told is open, or nothingOpen
	unended  bool           // people were told of it while it was open, and not of its end
}

// incidents returns what a message shows.
func (p *planner) incidents(m *alert.Message) []*incident {
	shown := make(map[string]alert.ShownAlert, len(m.Alerts))
	for _, s := range m.Alerts {
		shown[s.Alert] = s
	}
	ids := m.Incidents()
	all, room := make([]*incident, len(ids)), make([]incident, len(ids))
	for i, id := range ids {
		all[i] = &room[i]
		room[i] = newIncident(m.Channel, p.state.AlertsOf(id), shown)
	}
	return all
}

func newIncident(channel string, alerts []*alert.Alert, shown map[string]alert.ShownAlert) incident {
	in := incident{channel: channel, alerts: alerts, notified: nothingOpen}
	for _, a := range alerts {
		s := shown[a.ID]
		in.shown = append(in.shown, s)
		in.open = in.open || a.State == alert.Firing
		in.flapping = in.flapping || a.Flapping
		in.unended = in.unended || s.IncidentOpen
		if s.NotifiedOpen {
			in.notified = min(in.notified, a.Severity)
		}
	}
	return in
}

// over reports whether people are to be told that the incident has ended.
func (in *incident) over() bool { return in.unended && !in.open && !in.flapping }

// owesEnd reports whether only what was told of an alert says that the end of the incident,
// which goes on, is to be told. Of what is open then, people in the channel were told nothing.
func (in *incident) owesEnd(i int) bool {
	if !in.open || !in.shown[i].IncidentOpen {
		return false
	}
	for j, a := range in.alerts {
		if a.State == alert.Firing && in.shown[j].IncidentOpen {
			return false
		}
	}
	return true
}

// volume is how people are to be told of what became of an alert since they were last.
// The channel's last word on an incident must be true: what gets worse, or comes back
// after its end was told, is heard by everybody.
func (in *incident) volume(i int) volume {
	a, s := in.alerts[i], &in.shown[i]
	switch {
	case a.Notified <= s.NotifiedRevision:
		return byEdit
	case a.State.Closed() && a.Transition != alert.Opened:
		if s.NotifiedOpen || in.over() || a.Transition == alert.Settled && s.NotifiedRevision > 0 {
			return byReply
		}
		return byEdit
	case len(a.HeldBy) > 0 || !slices.Contains(a.Channels, in.channel):
		return byEdit
	case a.State.Closed(): // a notice
		return in.joined(a, alert.High)
	case s.NotifiedOpen:
		return moved(a, s.NotifiedValue)
	default:
		if v := in.joined(a, alert.Critical); v == byBroadcast || a.Severity <= alert.High || s.NotifiedRevision > 0 {
			return max(v, byReply)
		}
		return byEdit
	}
}

// joined is for what opens while the incident lives: everybody hears of what matters as
// much as a severity, or more than all that they know to be open.
func (in *incident) joined(a *alert.Alert, enough alert.Severity) volume {
	if a.Severity <= enough || !a.State.Closed() && a.Severity < in.notified {
		return byBroadcast
	}
	return byReply
}

// joinedUnheard reports whether an alert is open of which people were told nothing, as
// it mattered less than others: a reply about these says that there is more.
func (in *incident) joinedUnheard(i int) bool {
	a, s := in.alerts[i], &in.shown[i]
	return a.State == alert.Firing && !s.NotifiedOpen && a.Notified > s.NotifiedRevision && len(a.HeldBy) == 0 && slices.Contains(a.Channels, in.channel)
}

// moved is for what people know to be open, with the value of which they were told:
// what happened since may have been more than the last transition.
func moved(a *alert.Alert, told string) volume {
	direction := a.Field.Direction(told, a.Change.New)
	switch {
	case a.Flapping, a.Transition == alert.Settled && a.Severity <= alert.High, direction == phone.Worse:
		return byBroadcast
	case a.Transition == alert.GotWorse && direction != phone.Better && told != a.Change.New:
		return byBroadcast
	case a.Transition == alert.Reopened && direction != phone.Better: // and nobody heard that it had closed
		return byEdit
	default:
		return byReply
	}
}

// told is what is to be noted of an alert that people are told of now.
func (in *incident) told(i int) alert.ShownAlert {
	a := in.alerts[i]
	s := alert.ShownAlert{
		Alert: a.ID, Incident: a.Incident, NotifiedRevision: a.Revision, NotifiedOpen: a.State == alert.Firing, IncidentOpen: in.open,
	}
	if a.Field.IsEnum() { // others have no better and worse, and may hold tokens
		s.NotifiedValue = a.Change.New
	}
	return s
}

// posted is how a new message shows the alert. People are not told by it of what is held
// back, or not meant for the channel.
func (in *incident) posted(i int) alert.ShownAlert {
	a := in.alerts[i]
	s := alert.ShownAlert{Alert: a.ID, Incident: a.Incident}
	if len(a.HeldBy) == 0 && slices.Contains(a.Channels, in.channel) {
		s = in.told(i)
	}
	s.Revision, s.Annotations = a.Revision, a.Annotations()
	return s
}

// lists reports whether a message shows an alert, or will: what opens on its incidents
// joins it. One that is no more, that Slack refused, or that takes no replies, has only
// what it had, until there is something to tell that it cannot.
func lists(m *alert.Message, a *alert.Alert) bool {
	i := slices.IndexFunc(m.Alerts, func(s alert.ShownAlert) bool { return s.Alert == a.ID })
	silent := a.State.Closed() || a.Notified < a.Revision // a field that flaps is not told of
	switch {
	case m.State == alert.Dead:
		return i >= 0 && (silent || a.Notified <= m.Alerts[i].NotifiedRevision)
	case m.State == alert.Gone:
		return i >= 0 && silent
	case m.NoReplies:
		return i >= 0 && (silent || m.Alerts[i].NotifiedOpen)
	default:
		return true
	}
}

// reply tells in a message's thread what is new. The end of an incident is told of all
// of it.
func (p *planner) reply(m *alert.Message) action {
	out := action{kind: reply, messages: []*alert.Message{m}, alerts: p.members(m)}
	for _, in := range p.incidents(m) {
		news, before := false, len(out.told)
		for i, a := range in.alerts {
			if needsReply(m, in, i) {
				news = true
				out.loud = out.loud || in.volume(i) == byBroadcast
				out.changed = append(out.changed, *a)
				out.told = append(out.told, in.told(i))
			} else if in.over() || in.joinedUnheard(i) {
				out.told = append(out.told, in.told(i))
			}
		}
		if !news {
			out.told = out.told[:before]
		}
	}
	card.SortWorstFirst(out.changed)
	return out
}

// reminder reminds of the alerts for which it is time, and of those for which it soon
// will be.
func (p *planner) reminder(m *alert.Message, now time.Time) action {
	out := action{kind: reply, remind: true, messages: []*alert.Message{m}, alerts: p.members(m)}
	for _, in := range p.incidents(m) {
		for i, a := range in.alerts {
			at := remindAt(m, in.shown[i], a)
			if at.IsZero() || at.Add(-a.RemindEvery/10).After(now) {
				continue
			}
			out.loud = out.loud || a.Severity == alert.Critical
			out.changed = append(out.changed, *a)
			out.told = append(out.told, in.told(i))
		}
	}
	card.SortWorstFirst(out.changed)
	return out
}

// firstShown is how a new message shows these alerts, all those of their incidents.
func firstShown(channel string, alerts []alert.Alert) (list []alert.ShownAlert) {
	byIncident := make(map[string][]*alert.Alert)
	for i := range alerts {
		byIncident[alerts[i].Incident] = append(byIncident[alerts[i].Incident], &alerts[i])
	}
	for _, id := range slices.Sorted(maps.Keys(byIncident)) {
		in := newIncident(channel, byIncident[id], nil)
		for i := range in.alerts {
			list = append(list, in.posted(i))
		}
	}
	return list
}
