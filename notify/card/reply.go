package card

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
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
		card := &Card{Language: c.Language, Mark: l.Mark, Title: c.drill(first.incident) + l.Text}
		if a := first.changed[0]; isUrgent(a) {
			card.Advice = []Advice{{Action: c.texts(a).Action, Runbook: a.Runbook}}
		}
		return card
	}
	card := &Card{Language: c.Language, Mark: listMark(whole), Title: c.listTitle(whole)}
	if !whole[0].over() {
		card.Mark = Mark{"Update", first.mark().Color}
		card.Title = strings.Join(tally(c, list, func(n news) Mark { return c.told(n).Mark }, len(whole)), c.say().Comma)
		if worst := critical(incidentsIn(list)); len(worst) > 0 {
			card.Title = c.names(worst, maxNamed) + c.say().Colon + card.Title
		}
	}
	card.Title = c.drill(first.incident) + card.Title
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
		return Line{Mark: n.mark(), Text: who + c.end(n)}
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
			texts = append(texts, c.outcome(e))
		}
	}
	if mark.Word == "" { // good news only
		mark.Word = "Better"
		open := n.stands(c.say().Beside, func(a *alert.Alert) string { return c.state(a.Field, a.Change.New) })
		texts = append(texts, c.say().StillOpen(open))
	}
	return Line{Mark: mark, Text: who + c.say().Colon + strings.Join(texts, c.say().Semicolon)}
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

// end says how the incident ended, and which flapping fields have settled.
func (c *Maker) end(n news) string {
	if a := n.changed[0]; a.Transition == alert.Settled {
		return c.say().Colon + c.settled(a)
	}
	return c.ended(n.incident) + c.otherEnds(n.incident)
}

// stands joins the states of everything that is open.
func (n news) stands(between string, text func(*alert.Alert) string) string {
	texts := make([]string, len(n.open))
	for i, a := range n.open {
		texts[i] = text(a)
	}
	return strings.Join(texts, between)
}

// happened says in a word and a text what became of an open alert, or what a
// notice reports.
func (c *Maker) happened(in *incident, a *alert.Alert) (word, text string) {
	text = c.fact(a) + c.cause(a, "")
	switch {
	case a.Transition == alert.GotWorse:
		return "Worse", text
	case a.Transition == alert.GotBetter:
		return "Better", text
	case a.Transition == alert.Reopened && a.Flapping:
		return "Open again", text + c.say().Semicolon + c.say().Flapping(c.flapping(a))
	case a.Transition == alert.Reopened:
		return "Open again", text
	case a.Transition == alert.Settled && a.IsNotice():
		return "Now", c.settled(a)
	case a.Transition == alert.Settled:
		return "Still open", c.settled(a)
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

func (c *Maker) settled(a *alert.Alert) string {
	return c.say().Settled(a.Field, c.value(a.Field, a.Change.New), c.span(a.Changed.Sub(valueSince(a))))
}

// Reminder is the card that tells, in a message's thread, what is still open:
// the incidents of those alerts that are due, of all alerts of the message.
func (c *Maker) Reminder(due, all []alert.Alert, now time.Time) *Card {
	whole := incidentsOf(all)
	list := newsOf(incidentsOf(due), whole)
	remind := func(n news) Line {
		return Line{Mark: n.mark(), Text: c.who(n.head()) + c.say().Colon + n.stands(c.say().Beside, func(a *alert.Alert) string { return c.stands(a, now) })}
	}
	first := remind(list[0])
	card := &Card{Language: c.Language, Mark: Mark{"Still open", first.Mark.Color}, Title: first.Text}
	if len(list) > 1 {
		card.Title = c.say().NOf(len(list), c.say().At(c.subjects(whole), c.where(whole, maxNamed)))
		if worst := critical(incidentsIn(list)); len(worst) > 0 {
			card.Title = c.names(worst, maxNamed) + c.say().Colon + card.Title
		}
		card.enumerate(list, remind)
	}
	card.Title = c.drill(list[0].incident) + card.Title
	return card
}
