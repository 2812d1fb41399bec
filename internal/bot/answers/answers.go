// Package answers answers what people ask the bot in Slack with the command /numwatch: about a
// number, a customer, what is open, silences. It imports the vocabulary, internal/view,
// web/names, notify/card and notify/slack, whose Answer it makes; internal/bot calls it.
package answers

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/notify/card"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/web/names"
)

const (
	maxListed    = 20 // numbers, and silences
	maxIncidents = 50 // that buttons are about
	maxQuestion  = 100
)

// Asker answers questions. It is safe for concurrent use.
type Asker struct {
	View   *view.View
	Space  func(phone.SpaceKey) phone.Space
	Spaces func() []phone.Space
	Cards  card.Maker
}

// Answer answers a question, or suggests the nearest name.
func (a *Asker) Answer(question string) slack.Answer {
	question = strings.TrimSpace(card.Plain(question, maxQuestion))
	switch strings.ToLower(question) {
	case "", "help":
		return slack.Answer{Card: help()}
	case "open":
		return a.open()
	case "silences":
		return slack.Answer{Card: a.silences()}
	}
	id := strings.HasPrefix(question, "a-") || strings.HasPrefix(question, alert.IncidentPrefix)
	if id { // or a name that looks like the start of one
		if answer, ok := a.byID(question); ok {
			return answer
		}
	}
	if number := phone.Digits(question); strings.Trim(number, "0123456789") == "" {
		if answer, ok := a.number(number); ok {
			return answer
		}
	}
	answer, ok := a.named(question)
	if !ok && id {
		return nothing(fmt.Sprintf("no incident or alert has an id beginning with %q", question), "closed ones are deleted after a while: see /numwatch open")
	}
	return answer
}

func help() *card.Card {
	c := &card.Card{Mark: card.Mark{Word: "Help", Color: card.Blue}, Title: "what you can ask"}
	for _, text := range []string{
		"/numwatch 12015550118: a number; +, spaces and dashes are fine",
		"/numwatch Acme: a customer, by name or space id; otherwise numbers whose name contains it",
		"/numwatch i-81c0: an incident or alert, by its id or the start of it",
		"/numwatch open: open incidents, worst first",
		"/numwatch silences: silences, in force and planned",
	} {
		c.Lines = append(c.Lines, card.Line{Text: text})
	}
	return c
}

func nothing(title, hint string) slack.Answer {
	c := &card.Card{Mark: card.Mark{Word: "Not found", Color: card.Gray}, Title: title}
	if hint != "" {
		c.Lines = []card.Line{{Text: hint}}
	}
	return slack.Answer{Card: c}
}

// firing returns the open alerts for which a condition holds, worst first.
func (a *Asker) firing(is func(*alert.Alert) bool) (list []alert.Alert) {
	for _, one := range a.View.Alerts() {
		if one.State == alert.Firing && is(one) {
			list = append(list, *one)
		}
	}
	card.SortWorstFirst(list)
	return list
}

func (a *Asker) open() slack.Answer {
	open := a.firing(func(*alert.Alert) bool { return true })
	if len(open) == 0 {
		return slack.Answer{Card: &card.Card{Mark: card.Mark{Word: "Open", Color: card.Green}, Title: "nothing"}}
	}
	c := a.Cards.Message(open, time.Now())
	c.Links = a.link(c.Links, "All alerts", "alerts")
	return slack.Answer{Card: c}
}

// about is an answer that shows open alerts, with buttons for all of them.
func (a *Asker) about(open []alert.Alert) slack.Answer {
	var incidents []string
	for i := range open {
		if id := open[i].Incident; !slices.Contains(incidents, id) {
			incidents = append(incidents, id)
		}
	}
	answer := slack.Answer{Card: a.Cards.Message(open, time.Now())}
	if len(incidents) <= maxIncidents {
		answer.Incidents = incidents
	}
	return answer
}

// byID answers about the incidents whose id begins with the question; false if there are none.
func (a *Asker) byID(id string) (slack.Answer, bool) {
	var found []alert.Alert
	incidents := map[string]bool{}
	for _, one := range a.View.Alerts() {
		if one.Notified > 0 && (strings.HasPrefix(one.ID, id) || strings.HasPrefix(one.Incident, id)) {
			incidents[one.Incident] = true
		}
	}
	for incident := range incidents {
		for _, one := range a.View.AlertsOf(incident) {
			found = append(found, *one)
		}
	}
	if len(found) == 0 {
		return slack.Answer{}, false
	}
	answer := a.about(found)
	if len(incidents) > 1 { // too short to identify one
		answer.Incidents = nil
	}
	return answer, true
}

// number answers about a number; false if no space has it and no alert is about it.
func (a *Asker) number(number string) (slack.Answer, bool) {
	open := a.firing(func(one *alert.Alert) bool { return one.Subject.PhoneNumber == number })
	if len(open) > 0 {
		return a.about(open), true
	}
	found, err := a.View.Find(view.Query{Text: number, Limit: maxListed}, a.Space)
	if err != nil {
		return nothing("the numbers could not be read", ""), true
	}
	exact := slices.DeleteFunc(found.Rows, func(r view.Row) bool { return r.Number.PhoneNumber != number })
	if len(exact) > 0 {
		return a.numbers(exact, len(exact)), true
	}
	return slack.Answer{}, false
}

// numbers shows one number, or lists several.
func (a *Asker) numbers(rows []view.Row, total int) slack.Answer {
	if total == 1 {
		return slack.Answer{Card: a.numberCard(&rows[0])}
	}
	c := &card.Card{Mark: card.Mark{Word: "Numbers", Color: card.Gray}, Title: phone.Grouped(total), More: total - len(rows)}
	for i := range rows {
		n := &rows[i].Number
		c.Lines = append(c.Lines, card.Line{Text: a.title(&rows[i]) + ": " + shown(n, phone.Status) + ", quality " + shown(n, phone.QualityRating)})
	}
	return slack.Answer{Card: c}
}

func (a *Asker) title(r *view.Row) string {
	return fmt.Sprintf("%s %s of %s", r.Number.PhoneNumber, card.Plain(r.Number.Get(phone.VerifiedName), maxQuestion), a.Space(r.Space).Title())
}

func shown(n *phone.Number, f phone.Field) string { return cmp.Or(f.Shown(n.Get(f)), "unknown") }

// numberCard shows a number on which nothing is open.
func (a *Asker) numberCard(r *view.Row) *card.Card {
	c := &card.Card{Mark: card.Mark{Word: "Nothing open", Color: card.Gray}, Title: a.title(r)}
	for _, f := range []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus} {
		c.Facts = append(c.Facts, card.Fact{Label: f.String(), Value: shown(&r.Number, f)})
	}
	path := "numbers/" + url.PathEscape(r.Space.Account) + "/" + url.PathEscape(r.Space.ID) + "/" + url.PathEscape(r.Number.PhoneNumber)
	c.Links = a.link(a.link(nil, "Number", path), "History", path+"#history")
	return c
}

// named answers about a customer, or lists the numbers whose name contains the question;
// false if there is neither.
func (a *Asker) named(question string) (slack.Answer, bool) {
	d := names.Directory{View: a.View.Of(nil, a.Space), Spaces: a.Spaces}
	key, unknown := d.Space("", question)
	if unknown == nil && key.Account != "" {
		return a.customer(key), true
	}
	if unknown == nil {
		return nothing(fmt.Sprintf("several accounts have a space %q", question), "ask for ACCOUNT/"+key.ID), true
	}
	found, err := a.View.Find(view.Query{Text: question, Limit: maxListed}, a.Space)
	if err != nil {
		return nothing("the numbers could not be read", ""), true
	}
	if found.Total > 0 {
		return a.numbers(found.Rows, found.Total), true
	}
	if number := phone.Digits(question); strings.Trim(number, "0123456789") == "" {
		unknown = d.Resolve(&alert.Matcher{PhoneNumber: number})
	}
	if unknown == nil {
		return nothing(fmt.Sprintf("nothing matches %q", question), ""), false
	}
	return nothing(strings.TrimPrefix(unknown.Error(), alert.ErrRejected.Error()+": "), "/numwatch help lists what you can ask"), false
}

func (a *Asker) customer(key phone.SpaceKey) slack.Answer {
	known, title := a.View.Space(key), a.Space(key).Title()
	path := "spaces/" + url.PathEscape(key.Account) + "/" + url.PathEscape(key.ID)
	numbers := card.Fact{Label: "Numbers", Value: phone.Grouped(known.Numbers)}
	open := a.firing(func(one *alert.Alert) bool { return one.Subject.SpaceKey() == key })
	if len(open) == 0 {
		c := &card.Card{Mark: card.Mark{Word: "Nothing open", Color: card.Gray}, Title: title, Facts: []card.Fact{numbers}}
		if !known.Polled.IsZero() {
			c.Facts = append(c.Facts, card.Fact{Label: "Polled", Time: known.Polled})
		}
		c.Links = a.link(nil, "Customer", path)
		return slack.Answer{Card: c}
	}
	answer := a.about(open)
	answer.Card.Facts = append(answer.Card.Facts, numbers)
	answer.Card.Links = a.link(answer.Card.Links, "Customer", path)
	return answer
}

func (a *Asker) link(links []card.Link, text, path string) []card.Link {
	if a.Cards.Link == "" {
		return links
	}
	return append(links, card.Link{Text: text, URL: strings.TrimSuffix(a.Cards.Link, "/") + "/" + path})
}

func (a *Asker) silences() *card.Card {
	all := a.View.Silences()
	c := &card.Card{Mark: card.Mark{Word: "Silences", Color: card.Gray}, Title: phone.Grouped(len(all))}
	if len(all) == 0 {
		c.Title = "none"
	}
	now := time.Now()
	for _, s := range all[:min(maxListed, len(all))] {
		when := "for " + phone.Span(s.Until.Sub(now))
		if s.From.After(now) {
			when = "begins in " + phone.Span(s.From.Sub(now)) + ", for " + phone.Span(s.Until.Sub(s.From))
		}
		text := s.Match.String() + ", " + when + ", by " + card.Plain(s.By, maxQuestion)
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		c.Lines = append(c.Lines, card.Line{Text: text})
	}
	c.More = len(all) - len(c.Lines)
	c.Links = a.link(nil, "Silences", "silences")
	return c
}
