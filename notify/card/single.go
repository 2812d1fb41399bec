package card

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/notify/wording"
	"numwatch/phone"
)

// single is the card of one incident.
func (c *Maker) single(in *incident, at time.Time) *Card {
	head := in.head()
	card := &Card{Language: c.Language, Mark: in.mark(), Links: c.links(in), Footer: c.footer(in, at)}
	if in.over() {
		card.Title = c.who(head) + c.ended(in)
	} else {
		card.Title = c.headline(head)
		card.Advice = []Advice{{Action: c.texts(head).Action, Runbook: head.Runbook}}
	}
	card.Facts = c.facts(in, card.Title+"\n"+c.texts(head).Action.Plain())
	card.Title = c.drill(in) + card.Title
	for _, a := range slices.Concat(in.open, in.notices) {
		if a != head {
			card.Lines = append(card.Lines, Line{Mark: SeverityMark(a.Severity), Text: c.fact(a) + c.again(a) + c.cause(a, "")})
		}
	}
	for _, e := range in.closed {
		if e.last != head {
			card.Lines = append(card.Lines, Line{Mark: endMark([]ending{e}), Text: c.comma(c.outcome(e), c.meanwhile(e.last.Changed, endMark([]ending{e}), at))})
		}
	}
	return card
}

func (c *Maker) comma(text, more string) string {
	if more == "" {
		return text
	}
	return text + c.say().Comma + more
}

// facts are the context of an incident: what is known, and neither in its headline
// nor in its advice.
func (c *Maker) facts(in *incident, said string) []Fact {
	a := in.head()
	s, labels := a.Subject, &c.say().Labels
	var facts []Fact
	add := func(label, v string) {
		if v != "" && !strings.Contains(said, alert.Plain(v)) {
			facts = append(facts, Fact{Label: label, Value: v})
		}
	}
	add(labels.Number, s.PhoneNumber)
	add(labels.Name, alert.Cut(nameOf(a), maxName))
	if !in.over() && !c.isSaid(a, said) {
		add(c.say().Field(a.Field), c.step(a))
	}
	facts = append(facts, in.times(labels)...)
	for _, a := range in.alerts {
		if a.Flapping {
			facts = append(facts, Fact{Label: labels.Flapping, Value: c.flapping(a)})
			break
		}
	}
	if s.Space != "" {
		facts = append(facts, Fact{Label: labels.Space, Value: c.say().SpaceOf(c.spaceTitle(s), s.Account)})
	} else {
		add(labels.Account, s.Account)
	}
	add(labels.Part, s.Component)
	facts = append(facts, c.beside(in)...)
	if s.Space != "" {
		own := c.described(s).Labels
		var pairs []string
		for _, k := range slices.Sorted(maps.Keys(own)) {
			pairs = append(pairs, k+"="+own[k])
		}
		add(labels.Labels, strings.Join(pairs, ", "))
	}
	if !in.over() {
		if !strings.Contains(a.Change.Reason, a.Change.Code) {
			add(labels.Code, a.Change.Code)
		}
		add(labels.Reason, a.Change.Reason)
	}
	if r := in.reason(); r != nil {
		add(labels.Why, r.String())
		add(labels.Solution, r.Solution)
	}
	if in.taken() {
		facts = append(facts, Fact{Label: labels.TakenBy, Value: a.Ack.By, Time: a.Ack.At})
	}
	return facts
}

// isSaid reports whether a text holds what an alert's field is, and was: of polls
// and sinks, which were OK, only what it is.
func (c *Maker) isSaid(a *alert.Alert, text string) bool {
	says := func(v string) bool {
		shown := alert.Plain(cmp.Or(a.Field.Shown(v), c.say().Empty))
		return strings.Contains(text, shown)
	}
	return says(a.Change.New) && (!a.Field.OfNumber() || !moved(a) || says(a.Change.Old))
}

// times say since when the headline holds, and the incident lasts.
func (in *incident) times(labels *wording.Labels) []Fact {
	begin, end := in.lasted()
	if in.over() {
		return []Fact{{Label: labels.Opened, Time: begin}, {Label: labels.Until, Time: end}}
	}
	since := valueSince(in.head())
	facts := []Fact{{Label: labels.Since, Time: since}}
	if begin.Before(since.Truncate(time.Minute)) {
		facts = append(facts, Fact{Label: labels.OpenSince, Time: begin})
	}
	return facts
}

// beside shows the number's other fields, as of its latest change.
func (c *Maker) beside(in *incident) (facts []Fact) {
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
			facts = append(facts, Fact{Label: c.say().Field(f), Value: c.value(f, v)})
		}
	}
	return facts
}

// reason is why the worst open alert of which that is known opened; nil: of none.
func (in *incident) reason() *alert.Reason {
	for _, a := range in.open {
		if a.Reason != nil {
			return a.Reason
		}
	}
	return nil
}

// taken reports whether one person has acknowledged everything that is open.
func (in *incident) taken() bool {
	return len(in.open) > 0 && all(in.open, func(a *alert.Alert) bool {
		return a.Ack != nil && in.open[0].Ack != nil && a.Ack.By == in.open[0].Ack.By
	})
}

// footer is for support: which rules and alerts these are, and how they are shown.
func (c *Maker) footer(in *incident, at time.Time) []string {
	head := in.head()
	lines := []string{c.rulesOf([]*incident{in})}
	for _, a := range in.alerts[:min(len(in.alerts), maxNamed)] {
		lines = append(lines, a.ID)
	}
	if head.Openings > 1 {
		lines = append(lines, c.say().Opened(head.Openings))
	}
	if head.Baseline {
		lines = append(lines, c.say().FirstPoll)
	}
	_, end := in.lasted()
	switch late := at.Sub(head.Since); {
	case in.over():
		if text := c.meanwhile(end, in.mark(), at); text != "" {
			lines = append(lines, text)
		}
	case late > alert.LateAfter:
		lines = append(lines, c.say().ShownLate(c.span(late)))
	}
	return append(lines, c.notes(in.open, !in.taken())...)
}

// rulesOf names the rules of incidents, "" if they are many.
func (c *Maker) rulesOf(incidents []*incident) string {
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
	return c.say().Rules(names)
}

// notes says what holds open alerts back and, if asked, who acknowledged them,
// with a count if that is not all of them.
func (c *Maker) notes(open []*alert.Alert, acks bool) []string {
	count := make(map[string]int)
	var notes []string
	for _, a := range open {
		texts := c.held(a)
		if a.Ack != nil && acks {
			texts = append(texts, c.say().TakenBy(a.Ack.By))
		}
		for _, text := range texts {
			if count[text]++; count[text] == 1 {
				notes = append(notes, text)
			}
		}
	}
	for i, text := range notes {
		if n := count[text]; n < len(open) {
			notes[i] = c.say().OfThese(n, text)
		}
	}
	return notes
}

// held says what holds an open alert back: for a silence, whose it is and until
// when.
func (c *Maker) held(a *alert.Alert) (lines []string) {
	var others []string
	for _, h := range a.HeldBy {
		if id, is := strings.CutPrefix(h, alert.SilenceHold); is && c.Silence != nil {
			if s, known := c.Silence(id); known {
				lines = append(lines, c.say().SilencedBy(s.By, c.say().Time(s.Until)))
				continue
			}
		}
		others = append(others, h)
	}
	if len(others) > 0 {
		lines = append(lines, c.say().HeldBy(others))
	}
	return lines
}

const manager = "https://business.facebook.com/wa/manage/phone-numbers/"

// links lead to what there is about an incident: to the bot's own pages only where
// their address is known.
func (c *Maker) links(in *incident) (links []Link) {
	head := in.head()
	s, match, names := head.Subject, alert.MatchSubject("", head.Subject), &c.say().Links
	add := func(text, path string) {
		if u := c.page(path); u != "" && len(u) <= maxFact {
			links = append(links, Link{text, u})
		}
	}
	switch s.Kind() {
	case phone.OfNumber:
		path := "numbers/" + url.PathEscape(s.Account) + "/" + url.PathEscape(s.Space) + "/" + url.PathEscape(s.PhoneNumber)
		add(names.Number, path)
		add(names.History, path+"#history")
	case phone.OfBot:
		add(names.Delivery, "delivery")
	default:
		add(names.Spaces, "spaces")
	}
	add(names.Why, "rules#rule-"+url.PathEscape(head.Rule))
	if !in.over() {
		add(names.Silence, "silences?"+query(&match))
	}
	if s.Kind() == phone.OfNumber {
		links = append(links, Link{names.Manager, manager})
	}
	return links
}

// allAlerts leads from a message about several incidents to the page of alerts.
func (c *Maker) allAlerts() []Link {
	if url := c.page("alerts"); url != "" {
		return []Link{{capital(c.say().AllAlerts), url}}
	}
	return nil
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
