package card

import (
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Reply is the card that tells, in a message's thread, what became of some of
// the alerts that it lists. All are those of the message.
func (c *Maker) Reply(changed, all []alert.Alert) *Card {
	of := len(all)
	line := func(a *alert.Alert) Line { return Line{replyMark(a), c.title(a) + ": " + happened(a)} }
	if of == 1 {
		l := line(&changed[0])
		return &Card{Mark: l.Mark, Title: drill(&changed[0]) + l.Text}
	}
	card := &Card{
		Mark:  Mark{"Update", replyMark(&changed[0]).Color},
		Title: c.names(critical(changed)) + tallyOf(changed, replyMark).text(" of "+phone.Grouped(of)),
	}
	card.enumerate(changed, line)
	return card
}

func replyMark(a *alert.Alert) Mark {
	m := markOf(a)
	switch {
	case Over(a):
	case a.Transition == alert.GotWorse:
		m.Word = "Worse"
	case a.Transition == alert.GotBetter:
		m.Word = "Better"
	case a.Transition == alert.Reopened:
		m.Word = "Reopened"
	default:
		m.Word = "Still open"
	}
	return m
}

func happened(a *alert.Alert) string {
	if Over(a) {
		return outcome(a) + " (after " + phone.Span(a.Changed.Sub(a.Since)) + ")"
	}
	return a.Field.String() + " " + moved(a) + cause(a, "")
}

// Reminder is the card that tells, in a message's thread, what is still open:
// those that are due of all alerts of the message.
func (c *Maker) Reminder(due, all []alert.Alert, now time.Time) *Card {
	of := len(all)
	line := func(a *alert.Alert) Line { return Line{markOf(a), c.title(a) + ": " + stands(a, now)} }
	first := line(&due[0])
	card := &Card{Mark: Mark{"Still open", first.Mark.Color}}
	if of == 1 {
		card.Title = drill(&due[0]) + first.Text
		return card
	}
	card.Title = c.names(critical(due)) + fmt.Sprintf("%s of %s", phone.Grouped(len(due)), phone.Grouped(of))
	card.enumerate(due, line)
	return card
}

// stands says what an alert is about and for how long.
func stands(a *alert.Alert, now time.Time) string {
	return a.Field.String() + " " + value(a.Field, a.Change.New) + cause(a, "") + ", for " + phone.Span(now.Sub(a.Since))
}
