package card

import (
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Reminder is the card that tells, in a message's thread, what is still open.
func (c *Maker) Reminder(alerts []alert.Alert, of int, now time.Time) *Card {
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
	return a.Field.String() + " " + value(a.Field, a.Change.New) + ", for " + phone.Span(now.Sub(a.Since))
}
