package card

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// news is what has changed in an incident.
type news struct {
	*incident
	changed []*alert.Alert // worst first
}

// newsOf finds the incidents of what changed among those of all alerts of a message.
func newsOf(changed, all []*incident) []news {
	whole := make(map[string]*incident, len(all))
	for _, in := range all {
		whole[keyOf(in.alerts[0])] = in
	}
	list := make([]news, len(changed))
	for i, in := range changed {
		list[i] = news{in, in.alerts}
		if w := whole[keyOf(in.alerts[0])]; w != nil {
			list[i].incident = w
		}
	}
	slices.SortStableFunc(list, func(x, y news) int { return worseIncident(x.incident, y.incident) })
	return list
}

// Reply is the card that tells, in a message's thread, what became of some of
// the alerts that it shows. All are those of the message.
func (c *Maker) Reply(changed, all []alert.Alert) *Card {
	whole := incidentsOf(all)
	list := newsOf(incidentsOf(changed), whole)
	first := list[0]
	if len(list) == 1 {
		l := c.told(first)
		card := &Card{Mark: l.Mark, Title: drill(first.incident) + l.Text}
		if a := first.changed[0]; isUrgent(a) {
			card.Advice = []Advice{{Action: a.Action, Runbook: a.Runbook}}
		}
		return card
	}
	card := &Card{Mark: listMark(whole), Title: c.listTitle(whole)}
	if !whole[0].over() {
		card.Mark = Mark{"Update", first.mark().Color}
		card.Title = strings.Join(tally(list, func(n news) Mark { return c.told(n).Mark }, " of "+phone.Grouped(len(whole))), ", ")
		if worst := critical(incidentsIn(list)); len(worst) > 0 {
			card.Title = c.names(worst, maxNamed) + ": " + card.Title
		}
	}
	card.Title = drill(first.incident) + card.Title
	card.enumerate(list, c.told)
	return card
}

func incidentsIn(list []news) []*incident {
	incidents := make([]*incident, len(list))
	for i, n := range list {
		incidents[i] = n.incident
	}
	return incidents
}

// enumerate lists what is told of incidents, as far as there is room.
func (c *Card) enumerate(list []news, told func(news) Line) {
	for _, n := range list[:min(len(list), maxCritical)] {
		c.Lines = append(c.Lines, told(n))
	}
	c.More = len(list) - len(c.Lines)
}

// isUrgent reports whether what happened calls for doing something.
func isUrgent(a *alert.Alert) bool {
	return !Over(a) && (a.Transition == alert.Opened || a.Transition == alert.GotWorse || a.Transition == alert.Reopened)
}

// told says what is new about an incident.
func (c *Maker) told(n news) Line {
	who := c.who(n.head())
	if n.over() && slices.ContainsFunc(n.changed, Over) {
		return Line{n.mark(), who + n.end()}
	}
	mark := Mark{Color: n.mark().Color}
	var texts []string
	for _, a := range n.changed {
		if Over(a) {
			if a = n.successor(a); a == nil {
				continue
			}
		}
		word, text := c.happened(n.incident, a)
		mark.Word = cmp.Or(mark.Word, word)
		texts = append(texts, text)
	}
	for _, e := range n.closed {
		if slices.ContainsFunc(n.changed, func(a *alert.Alert) bool { return a.ID == e.last.ID }) {
			texts = append(texts, e.outcome())
		}
	}
	if mark.Word == "" { // good news only
		mark.Word = "Better"
		texts = append(texts, "still open: "+n.stands(func(a *alert.Alert) string { return state(a.Field, a.Change.New) }))
	}
	return Line{mark, who + ": " + strings.Join(texts, "; ")}
}

// successor is the open alert that goes on with the field of one that closed, nil if
// there is none or it is news of its own.
func (n news) successor(closed *alert.Alert) *alert.Alert {
	for _, a := range n.open {
		if a.Field == closed.Field && !slices.ContainsFunc(n.changed, func(other *alert.Alert) bool { return other.ID == a.ID }) {
			return a
		}
	}
	return nil
}

// end says how the incident ended, and of what flapped that it has stayed so.
func (n news) end() string {
	if a := n.changed[0]; a.Transition == alert.Settled {
		return ": " + settled(a)
	}
	return n.ended() + n.otherEnds()
}

// stands joins what is said of everything that is open.
func (n news) stands(text func(*alert.Alert) string) string {
	texts := make([]string, len(n.open))
	for i, a := range n.open {
		texts[i] = text(a)
	}
	return strings.Join(texts, ", ")
}

// happened says in a word and a text what became of an alert that is open, or what
// a notice tells.
func (c *Maker) happened(in *incident, a *alert.Alert) (word, text string) {
	text = fact(a) + cause(a, "")
	switch {
	case a.Transition == alert.GotWorse:
		return "Worse", text
	case a.Transition == alert.GotBetter:
		return "Better", text
	case a.Transition == alert.Reopened && a.Flapping:
		return "Open again", text + "; flapping: " + c.flapping(a)
	case a.Transition == alert.Reopened:
		return "Open again", text
	case a.Transition == alert.Settled && a.IsNotice():
		return "Now", settled(a)
	case a.Transition == alert.Settled:
		return "Still open", settled(a)
	}
	for _, before := range in.alerts { // the same change closed another alert on the field
		if Over(before) && before.Field == a.Field && before.Change.New == a.Change.New && before.Changed.Equal(a.Changed) {
			if before.Severity < a.Severity {
				return "Better", text
			}
			return "Now", text
		}
	}
	if begin, _ := in.lasted(); len(in.alerts) == 1 || !a.Since.After(begin) {
		return "Still open", text
	}
	return "Now also", text
}

func settled(a *alert.Alert) string {
	return a.Field.String() + " has been " + value(a.Field, a.Change.New) + " for " + phone.Span(a.Changed.Sub(valueSince(a))) + ": no longer flapping"
}

// Reminder is the card that tells, in a message's thread, what is still open:
// the incidents of those alerts that are due, of all alerts of the message.
func (c *Maker) Reminder(due, all []alert.Alert, now time.Time) *Card {
	whole := incidentsOf(all)
	list := newsOf(incidentsOf(due), whole)
	remind := func(n news) Line {
		return Line{n.mark(), c.who(n.head()) + ": " + n.stands(func(a *alert.Alert) string { return stands(a, now) })}
	}
	first := remind(list[0])
	card := &Card{Mark: Mark{"Still open", first.Mark.Color}, Title: first.Text}
	if len(list) > 1 {
		card.Title = phone.Grouped(len(list)) + " of " + subjects(whole) + c.where(whole, maxNamed)
		if worst := critical(incidentsIn(list)); len(worst) > 0 {
			card.Title = c.names(worst, maxNamed) + ": " + card.Title
		}
		card.enumerate(list, remind)
	}
	card.Title = drill(list[0].incident) + card.Title
	return card
}
