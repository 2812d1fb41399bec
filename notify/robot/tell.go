package robot

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/card"
)

// telling is a message on its way: what it says, and what to record once it is sent.
type telling struct {
	channel string
	card    *card.Card
	brief   *card.Card // without any text that customers chose, if the card is refused
	loud    bool
	records []alert.Message // once people were told
	refused []alert.Message // if they cannot be
}

// tell makes a message of a batch, from the present state.
func (p *planner) tell(b batch, cards card.Maker, target string, now time.Time) (t telling, any bool) {
	c := p.channels[b.channel]
	t.channel = b.channel
	var all, changed []alert.Alert
	fresh := false // something of which people were told nothing
	for _, incident := range b.incidents {
		n := p.news(c, incident)
		about := n.changed
		if b.remind {
			about = n.due(now)
			n.loud = slices.ContainsFunc(about, func(i int) bool { return n.Alerts[i].Severity == alert.Critical })
		}
		if len(about) == 0 {
			continue
		}
		fresh = fresh || n.record == nil
		t.loud = t.loud || n.loud
		for _, i := range about {
			changed = append(changed, *n.Alerts[i])
		}
		for _, a := range n.Alerts {
			all = append(all, *a)
		}
		t.records = append(t.records, p.told(c, &n, about, target, now))
		t.refused = append(t.refused, p.untold(c, &n, about, target, now))
	}
	if len(all) == 0 {
		return t, false
	}
	card.SortWorstFirst(all)
	card.SortWorstFirst(changed)
	whole := cards.Message(all, now)
	t.card = whole
	switch {
	case b.remind:
		t.card = cards.Reminder(changed, all, now)
	case !fresh:
		t.card = cards.Reply(changed, all)
	}
	t.card.Link, t.card.Links = whole.Link, whole.Links // a message here stands alone
	t.brief = &card.Card{
		Language: whole.Language, Mark: t.card.Mark, Title: all[0].Rule + " " + all[0].Subject.PhoneNumber, Counts: whole.Counts, Link: whole.Link, Links: whole.Links,
	}
	return t, true
}

// told is the record of an incident once people were told of some of its alerts.
func (p *planner) told(c *channelState, n *news, about []int, target string, now time.Time) alert.Message {
	if n.record == nil {
		m := alert.Message{ID: newID(), Kind: p.kind, Channel: c.name, Target: target, State: alert.Posted, At: now}
		for i := range n.Alerts {
			m.Alerts = append(m.Alerts, n.Posted(i))
		}
		return m
	}
	m := *n.record
	m.State, m.Reason, m.Alerts = alert.Posted, "", nil
	for i, a := range n.Alerts {
		s := n.Shown[i]
		if slices.Contains(about, i) || n.Over() || n.JoinedUnheard(i) {
			s = n.Told(i)
			s.Revision, s.Annotations, s.At = a.Revision, a.Annotations(), now
		}
		if s.Alert != "" {
			m.Alerts = append(m.Alerts, s)
		}
	}
	return m
}

// untold is the record of an incident some of whose alerts the chat refuses for good: people
// know what they knew before, and learn of them with the next message.
func (p *planner) untold(c *channelState, n *news, about []int, target string, now time.Time) alert.Message {
	m := alert.Message{ID: newID(), Kind: p.kind, Channel: c.name, Target: target, At: now}
	if n.record != nil {
		m = *n.record
	}
	m.State, m.Alerts = alert.Dead, nil
	for i, a := range n.Alerts {
		s := n.Shown[i]
		if slices.Contains(about, i) {
			s.Alert, s.Incident, s.NotifiedRevision, s.At = a.ID, a.Incident, a.Revision, now
		}
		if s.Alert != "" {
			m.Alerts = append(m.Alerts, s)
		}
	}
	return m
}

// newID is opaque, as of Slack's messages.
func newID() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return "m-" + hex.EncodeToString(b)
}
