package card

import (
	"numwatch/alert"
	"numwatch/notify/digest"
	"numwatch/phone"
)

// Digest is the card of a digest. One in which nothing happened, and nothing is open,
// is a line.
func (c *Maker) Digest(d *digest.Digest) *Card {
	say, span := c.say().Digest, c.span(d.Until.Sub(d.From))
	card := &Card{Language: c.Language, Mark: Mark{"Digest", Green}, Title: say.Quiet(span)}
	if d.Quiet() {
		return card
	}
	worst := ""
	if d.Open.Total > 0 {
		mark := SeverityMark(d.Open.Worst[0].Severity)
		card.Mark.Color, worst = mark.Color, c.say().Inner(mark.Word)
	}
	card.Title = say.Title(d.Opened.Total, d.Ended.Total, span, d.Open.Total, worst)
	card.Sections = c.digestLists(d)
	card.Facts = []Fact{{Label: say.From, Time: d.From}, {Label: say.To, Time: d.Until}}
	card.Links = c.allAlerts()
	if d.Held > 0 {
		card.Footer = []string{say.Held(d.Held)}
	}
	return card
}

// digestLists are the lists that are not empty.
func (c *Maker) digestLists(d *digest.Digest) (lists []Section) {
	say := c.say().Digest
	alerts := func(title string, list digest.List, line func(*alert.Alert) Line) {
		if list.Total == 0 {
			return
		}
		s := Section{Title: say.Total(title, list.Total), More: list.Total - len(list.Worst)}
		for i := range list.Worst {
			s.Lines = append(s.Lines, line(&list.Worst[i]))
		}
		lists = append(lists, s)
	}
	alerts(say.Titles.Open, d.Open, func(a *alert.Alert) Line {
		text := c.whose(a) + c.say().State(a.Field, c.step(a)) + c.again(a) + say.For(c.span(d.Until.Sub(a.Since)))
		if a.Ack != nil {
			text += say.TakenBy(alert.Cut(a.Ack.By, maxName))
		}
		return Line{Mark: SeverityMark(a.Severity), Text: text}
	})
	alerts(say.Titles.Opened, d.Opened, func(a *alert.Alert) Line {
		return Line{Mark: SeverityMark(a.Severity), Text: c.whose(a) + c.say().State(a.Field, c.step(a))}
	})
	alerts(say.Titles.Ended, d.Ended, func(a *alert.Alert) Line {
		e := ending{a, a}
		return Line{Mark: endMark([]ending{e}), Text: c.whose(a) + c.outcome(e) + say.After(c.span(a.Changed.Sub(a.Since)))}
	})
	customers, rules := Section{Title: say.Titles.Customers}, Section{Title: say.Titles.Rules}
	for _, one := range d.Customers {
		title := alert.Cut(c.spaceTitle(phone.Subject{Account: one.Space.Account, Space: one.Space.ID}), maxName)
		customers.Lines = append(customers.Lines, Line{Text: say.Customer(title, one.Open, one.Opened)})
	}
	for _, one := range d.Rules {
		rules.Lines = append(rules.Lines, Line{Text: say.Rule(one.Name, one.Opened)})
	}
	for _, s := range []Section{customers, rules} {
		if len(s.Lines) > 0 {
			lists = append(lists, s)
		}
	}
	return lists
}

// whose names what an alert is about, with the customer that it is of.
func (c *Maker) whose(a *alert.Alert) string {
	who := c.who(a)
	if a.Subject.Kind() == phone.OfNumber {
		who = c.say().Digest.Of(who, alert.Cut(c.spaceTitle(a.Subject), maxName))
	}
	return who + c.say().Colon
}
