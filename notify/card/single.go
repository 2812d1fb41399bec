package card

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// single is the card of one incident.
func (c *Maker) single(in *incident, at time.Time) *Card {
	head := in.head()
	card := &Card{Mark: in.mark(), Links: c.links(in), Footer: c.footer(in, at)}
	if in.over() {
		card.Title = c.who(head) + in.ended()
	} else {
		card.Title = c.headline(head)
		card.Advice = []Advice{{Action: head.Action, Runbook: head.Runbook}}
	}
	card.Facts = c.facts(in, card.Title+"\n"+head.Action.Plain())
	card.Title = drill(in) + card.Title
	for _, a := range slices.Concat(in.open, in.notices) {
		if a != head {
			card.Lines = append(card.Lines, Line{severityMark(a.Severity), fact(a) + c.again(a) + cause(a, "")})
		}
	}
	for _, e := range in.closed {
		if e.last != head {
			card.Lines = append(card.Lines, Line{endMark([]ending{e}), comma(e.outcome(), meanwhile(e.last.Changed, endMark([]ending{e}), at))})
		}
	}
	return card
}

func comma(text, more string) string {
	if more == "" {
		return text
	}
	return text + ", " + more
}

// facts are the context of an incident: what is known, and neither in its headline
// nor in its advice.
func (c *Maker) facts(in *incident, said string) []Fact {
	a := in.head()
	s := a.Subject
	var facts []Fact
	add := func(label, v string) {
		if v != "" && !strings.Contains(said, alert.Plain(v)) {
			facts = append(facts, Fact{Label: label, Value: v})
		}
	}
	add("Number", s.PhoneNumber)
	add("Name", alert.Cut(nameOf(a), maxName))
	if !in.over() && !isSaid(a, said) {
		add(a.Field.String(), strings.TrimPrefix(move(a), a.Field.String()+" "))
	}
	facts = append(facts, in.times()...)
	for _, a := range in.alerts {
		if a.Flapping {
			facts = append(facts, Fact{Label: "Flapping", Value: c.flapping(a)})
			break
		}
	}
	if s.Space != "" {
		facts = append(facts, Fact{Label: "Space", Value: c.spaceTitle(s) + ", account " + s.Account})
	} else {
		add("Account", s.Account)
	}
	add("Part of numwatch", s.Component)
	facts = append(facts, in.beside()...)
	if s.Space != "" {
		labels := c.described(s).Labels
		var pairs []string
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, k+"="+labels[k])
		}
		add("Labels", strings.Join(pairs, ", "))
	}
	if !in.over() {
		if !strings.Contains(a.Change.Reason, a.Change.Code) {
			add("Code", a.Change.Code)
		}
		add("Reason", a.Change.Reason)
	}
	if in.taken() {
		facts = append(facts, Fact{Label: "Taken by", Value: a.Ack.By, Time: a.Ack.At})
	}
	return facts
}

// isSaid reports whether a text holds what an alert's field is, and was: of polls
// and sinks, which were OK, only what it is.
func isSaid(a *alert.Alert, text string) bool {
	return strings.Contains(text, alert.Plain(value(a.Field, a.Change.New))) && (!a.Field.OfNumber() || strings.Contains(text, alert.Plain(was(a))))
}

// times say since when the headline holds, and the incident lasts.
func (in *incident) times() []Fact {
	begin, end := in.lasted()
	if in.over() {
		return []Fact{{Label: "Opened", Time: begin}, {Label: "Until", Time: end}}
	}
	since := valueSince(in.head())
	facts := []Fact{{Label: "Since", Time: since}}
	if begin.Before(since.Truncate(time.Minute)) {
		facts = append(facts, Fact{Label: "Open since", Time: begin})
	}
	return facts
}

// beside shows how else the number stands, by its latest change.
func (in *incident) beside() (facts []Fact) {
	var fields phone.FieldSet
	last := in.alerts[0]
	for _, a := range in.alerts {
		fields = fields.With(a.Field)
		if a.Change.SeenAt.After(last.Change.SeenAt) {
			last = a
		}
	}
	if last.Change.Number == nil {
		return nil
	}
	for _, f := range []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier} {
		if v := last.Change.Number.Get(f); v != "" && !fields.Has(f) {
			facts = append(facts, Fact{Label: f.String(), Value: v})
		}
	}
	return facts
}

// taken reports whether one person takes care of all that is open.
func (in *incident) taken() bool {
	return len(in.open) > 0 && all(in.open, func(a *alert.Alert) bool {
		return a.Ack != nil && in.open[0].Ack != nil && a.Ack.By == in.open[0].Ack.By
	})
}

// footer is for support: which rules and alerts these are, and how they are shown.
func (c *Maker) footer(in *incident, at time.Time) []string {
	head := in.head()
	lines := []string{rulesOf([]*incident{in})}
	for _, a := range in.alerts[:min(len(in.alerts), maxNamed)] {
		lines = append(lines, a.ID)
	}
	if head.Openings > 1 {
		lines = append(lines, fmt.Sprintf("opened %d times", head.Openings))
	}
	if head.Baseline {
		lines = append(lines, "found by the first poll")
	}
	_, end := in.lasted()
	switch late := at.Sub(head.Since); {
	case in.over():
		if text := meanwhile(end, in.mark(), at); text != "" {
			lines = append(lines, text)
		}
	case late > alert.LateAfter:
		lines = append(lines, "shown "+phone.Span(late)+" after it opened")
	}
	return append(lines, c.notes(in.open, !in.taken())...)
}

// rulesOf names the rules of incidents, "" if they are many.
func rulesOf(incidents []*incident) string {
	var names []string
	for _, in := range incidents {
		for _, a := range in.alerts {
			if !slices.Contains(names, a.Rule) {
				names = append(names, a.Rule)
			}
		}
		if len(names) > maxNamed {
			return ""
		}
	}
	if len(names) == 1 {
		return "rule " + names[0]
	}
	return "rules " + strings.Join(names, ", ")
}

// notes says what holds open alerts back and, if asked, who takes care of them,
// with a count where that is not all of them.
func (c *Maker) notes(open []*alert.Alert, acks bool) []string {
	count := make(map[string]int)
	var notes []string
	for _, a := range open {
		texts := c.held(a)
		if a.Ack != nil && acks {
			texts = append(texts, "taken by "+a.Ack.By)
		}
		for _, text := range texts {
			if count[text]++; count[text] == 1 {
				notes = append(notes, text)
			}
		}
	}
	for i, text := range notes {
		if n := count[text]; n < len(open) {
			notes[i] = fmt.Sprintf("%d %s", n, text)
		}
	}
	return notes
}

// held says what holds an open alert back: of a silence, who asked for it and
// until when.
func (c *Maker) held(a *alert.Alert) (lines []string) {
	var others []string
	for _, h := range a.HeldBy {
		if id, is := strings.CutPrefix(h, alert.SilenceHold); is && c.Silence != nil {
			if s, known := c.Silence(id); known {
				lines = append(lines, "silenced by "+s.By+" until "+UTC(s.Until))
				continue
			}
		}
		others = append(others, h)
	}
	if len(others) > 0 {
		lines = append(lines, "held by "+strings.Join(others, ", "))
	}
	return lines
}

const manager = "https://business.facebook.com/wa/manage/phone-numbers/"

// links lead to what there is about an incident: to the bot's own pages only where
// their address is known.
func (c *Maker) links(in *incident) (links []Link) {
	head := in.head()
	s, match := head.Subject, alert.MatchSubject("", head.Subject)
	add := func(text, path string) {
		if u := c.page(path); u != "" && len(u) <= maxFact {
			links = append(links, Link{text, u})
		}
	}
	switch s.Kind() {
	case phone.OfNumber:
		path := "numbers/" + url.PathEscape(s.Account) + "/" + url.PathEscape(s.Space) + "/" + url.PathEscape(s.PhoneNumber)
		add("Number", path)
		add("History", path+"#history")
	case phone.OfBot:
		add("Delivery", "delivery")
	default:
		add("Spaces", "spaces")
	}
	add("Why", "rules#rule-"+url.PathEscape(head.Rule))
	if !in.over() {
		add("Silence", "silences?"+query(&match))
	}
	if s.Kind() == phone.OfNumber {
		links = append(links, Link{"WhatsApp Manager", manager})
	}
	return links
}

// page is the address of one of the bot's pages, "" where that is not known.
func (c *Maker) page(path string) string {
	if c.Link == "" {
		return ""
	}
	return strings.TrimSuffix(c.Link, "/") + "/" + path
}

// query is a matcher as the page of silences reads it.
func query(m *alert.Matcher) string {
	q := url.Values{}
	for _, name := range alert.MatcherNames() {
		if v := m.Get(name); v != "" {
			q.Set(name, v)
		}
	}
	return q.Encode()
}
