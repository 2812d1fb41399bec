package card

import (
	"fmt"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
)

// Reply is the card that tells, in a message's thread, what became of some of
// the alerts that it lists.
func (c *Maker) Reply(changed []alert.Alert, of int) *Card {
	if of == 1 {
		a := &changed[0]
		return &Card{Mark: replyMark(a), Title: drill(a) + c.title(a) + ": " + happened(a)}
	}
	card := &Card{
		Mark: Mark{"Update", replyMark(&changed[0]).Color}, Title: tallyOf(changed, replyMark).text(fmt.Sprintf(" of %d", of)),
	}
	for i := range changed[:min(len(changed), maxListed)] {
		card.Lines = append(card.Lines, Line{replyMark(&changed[i]), c.title(&changed[i]) + ": " + happened(&changed[i])})
	}
	card.More = len(changed) - len(card.Lines)
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
	return a.Field.String() + " " + moved(a)
}

// tally counts alerts by a word, in the order in which the words first came.
type tally struct {
	words []string
	n     map[string]int
}

func tallyOf(alerts []alert.Alert, mark func(*alert.Alert) Mark) *tally {
	t := &tally{n: make(map[string]int)}
	for i := range alerts {
		word := strings.ToLower(mark(&alerts[i]).Word)
		if alerts[i].Recovered() {
			word = "recovered"
		}
		if t.n[word]++; t.n[word] == 1 {
			t.words = append(t.words, word)
		}
	}
	return t
}

// text joins the counts; the first says of how many.
func (t *tally) text(of string) string {
	parts := make([]string, len(t.words))
	for i, word := range t.words {
		parts[i] = fmt.Sprintf("%d%s %s", t.n[word], of, word)
		of = ""
	}
	return strings.Join(parts, ", ")
}
