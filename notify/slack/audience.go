package slack

import (
	"maps"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/audience"
	"numwatch/notify/card"
)

// incidents returns what a message shows.
func (p *planner) incidents(m *alert.Message) []*audience.Incident {
	shown := make(map[string]alert.ShownAlert, len(m.Alerts))
	for _, s := range m.Alerts {
		shown[s.Alert] = s
	}
	ids := m.Incidents()
	all, room := make([]*audience.Incident, len(ids)), make([]audience.Incident, len(ids))
	for i, id := range ids {
		all[i] = &room[i]
		room[i] = audience.New(m.Channel, p.state.AlertsOf(id), shown)
	}
	return all
}

// lists reports whether a message shows an alert, or will: alerts that open on its
// incidents join it. A message that was deleted, that Slack refused, or that takes no
// replies keeps only what it has, until there is something that it cannot tell.
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

// reply reports in a message's thread what is new. The end of an incident covers all
// of its alerts.
func (p *planner) reply(m *alert.Message) action {
	out := action{kind: reply, messages: []*alert.Message{m}}
	for _, in := range p.incidents(m) {
		news, before := false, len(out.told)
		for i, a := range in.Alerts {
			out.alerts = append(out.alerts, *a)
			if needsReply(m, in, i) {
				news = true
				out.loud = out.loud || in.Volume(i) == audience.ByBroadcast
				out.changed = append(out.changed, *a)
				out.told = append(out.told, in.Told(i))
			} else if in.Over() || in.JoinedUnheard(i) {
				out.told = append(out.told, in.Told(i))
			}
		}
		if !news {
			out.told = out.told[:before]
		}
	}
	card.SortWorstFirst(out.alerts)
	card.SortWorstFirst(out.changed)
	return out
}

// reminder reminds of the alerts whose reminders are due, or soon will be.
func (p *planner) reminder(m *alert.Message, now time.Time) action {
	out := action{kind: reply, remind: true, messages: []*alert.Message{m}}
	for _, in := range p.incidents(m) {
		for i, a := range in.Alerts {
			out.alerts = append(out.alerts, *a)
			at := remindAt(m, in, i)
			if at.IsZero() || at.Add(-a.RemindEvery/10).After(now) {
				continue
			}
			out.loud = out.loud || a.Severity == alert.Critical
			out.changed = append(out.changed, *a)
			out.told = append(out.told, in.Told(i))
		}
	}
	card.SortWorstFirst(out.alerts)
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
		in := audience.New(channel, byIncident[id], nil)
		for i := range in.Alerts {
			list = append(list, in.Posted(i))
		}
	}
	return list
}

// afterReply returns what a message shows once a reply has told of alerts. Where it takes
// no edits, its thread is all that shows them.
func afterReply(m *alert.Message, told []alert.ShownAlert, at time.Time) []alert.ShownAlert {
	return withTold(m.Alerts, told, func(s *alert.ShownAlert, t alert.ShownAlert) {
		s.NotifiedRevision, s.NotifiedOpen, s.IncidentOpen, s.NotifiedValue, s.At = t.NotifiedRevision, t.NotifiedOpen, t.IncidentOpen, t.NotifiedValue, at
		if m.NoEdits {
			s.Revision = max(s.Revision, t.NotifiedRevision)
		}
	})
}

// afterRefusal returns what a message shows whose reply Slack refused for good: the reply
// is not tried again, and people know what they knew before.
func afterRefusal(m *alert.Message) []alert.ShownAlert {
	return withTold(m.Alerts, m.Reply.Alerts, func(s *alert.ShownAlert, t alert.ShownAlert) {
		s.NotifiedRevision, s.At = t.NotifiedRevision, m.Reply.At
	})
}

// withTold changes those of shown that a reply is about, and adds those that joined.
func withTold(shown, told []alert.ShownAlert, change func(s *alert.ShownAlert, told alert.ShownAlert)) []alert.ShownAlert {
	list := slices.Clone(shown)
	for _, t := range told {
		i := slices.IndexFunc(list, func(s alert.ShownAlert) bool { return s.Alert == t.Alert })
		if i < 0 {
			i, list = len(list), append(list, alert.ShownAlert{Alert: t.Alert, Incident: t.Incident})
		}
		change(&list[i], t)
	}
	return list
}

// redrawn returns what a message shows once it was edited to these alerts, all those of
// its incidents. Where it takes no replies, the edit is all that people are told.
func redrawn(m *alert.Message, alerts []alert.Alert) (list []alert.ShownAlert) {
	before := make(map[string]alert.ShownAlert, len(m.Alerts))
	for _, s := range m.Alerts {
		before[s.Alert] = s
	}
	for i := range alerts {
		a := &alerts[i]
		s := before[a.ID]
		s.Alert, s.Incident, s.Revision, s.Annotations = a.ID, a.Incident, a.Revision, a.Annotations()
		if m.NoReplies {
			s.NotifiedRevision, s.NotifiedOpen = a.Revision, s.NotifiedOpen && a.State == alert.Firing
		}
		list = append(list, s)
	}
	return list
}
