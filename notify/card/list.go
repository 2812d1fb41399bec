package card

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"numwatch/alert"
	"numwatch/notify/wording"
	"numwatch/phone"
)

// How many incidents a message lists, how many of these its title names, and for
// how many kinds it gives advice. Critical ones are listed first.
const (
	maxListed   = 50
	maxCritical = 200
	maxNamed    = 3
	maxAdvice   = 5
)

// list is the card of several incidents.
func (c *Maker) list(incidents []*incident, at time.Time) *Card {
	card := &Card{
		Language: c.Language, Mark: listMark(incidents), Title: c.drill(incidents[0]) + c.listTitle(incidents),
		Advice: c.advice(incidents), Counts: c.counts(incidents), Link: c.page("alerts"), Links: c.allAlerts(),
	}
	advised := ""
	for _, one := range card.Advice {
		advised += one.Action.Plain() + "\n"
	}
	listed := min(len(incidents), max(maxListed, min(len(critical(incidents)), maxCritical)))
	for _, in := range incidents[:listed] {
		card.Lines = append(card.Lines, c.lines(in, advised, at)...)
	}
	card.More = len(incidents) - listed
	if rules := c.rulesOf(incidents); rules != "" {
		card.Footer = []string{rules}
	}
	var open []*alert.Alert
	for _, in := range incidents {
		open = append(open, in.open...)
	}
	card.Footer = append(card.Footer, c.notes(open, true)...)
	return card
}

// listMark is the worst of what is open, and of what is over the least good.
func listMark(incidents []*incident) Mark {
	if first := incidents[0]; !first.over() {
		return first.mark()
	}
	return endMark(endings(incidents))
}

func endings(incidents []*incident) (closed []ending) {
	for _, in := range incidents {
		closed = append(closed, in.closed...)
	}
	return closed
}

// listTitle names the critical ones, whatever else the list holds: it is all that
// a notification shows. It names as many as a heading has room for.
func (c *Maker) listTitle(incidents []*incident) (title string) {
	for named := maxNamed; named > 0; named-- {
		if title = c.naming(incidents, named); utf8.RuneCountInString(title)+len("🔴 ") <= maxHeader {
			break
		}
	}
	return title
}

func (c *Maker) naming(incidents []*incident, named int) string {
	worst, where, say := critical(incidents), c.where(incidents, named), c.say()
	switch {
	case incidents[0].over():
		return say.ListOver(say.At(c.subjects(incidents), where), listMark(incidents).Color == Green, c.span(longest(incidents)), c.what(incidents))
	case len(worst) == 0:
		return say.At(c.subjects(incidents), where) + say.Colon + c.what(incidents)
	case len(worst) == 1:
		return c.named(worst[0].head()) + say.Others(len(incidents)-1, where)
	case len(worst) == len(incidents):
		return say.At(c.names(worst, named), where) + say.Colon + c.what(worst)
	default:
		return c.names(worst, named) + say.Colon + c.what(worst) + say.Others(len(incidents)-len(worst), where)
	}
}

// named is an alert's headline, with the number that it is about.
func (c *Maker) named(a *alert.Alert) string {
	text := c.headline(a)
	if strings.Contains(text, a.Subject.PhoneNumber) {
		return text
	}
	return c.who(a) + c.say().Colon + text
}

func longest(incidents []*incident) (d time.Duration) {
	for _, in := range incidents {
		begin, end := in.lasted()
		d = max(d, end.Sub(begin))
	}
	return d
}

// subjects counts what the incidents are about.
func (c *Maker) subjects(incidents []*incident) string {
	kind, seen := incidents[0].head().Subject.Kind(), map[phone.Subject]bool{}
	thing := [...]wording.Subject{phone.OfBot: wording.Component, phone.OfAccount: wording.Account, phone.OfSpace: wording.Space, phone.OfNumber: wording.Number}[kind]
	for _, in := range incidents {
		seen[in.head().Subject] = true
		if in.head().Subject.Kind() != kind {
			thing = wording.Mixed
		}
	}
	return c.say().Subjects(thing, len(seen))
}

// names begins a title with the first of what it is about.
func (c *Maker) names(incidents []*incident, named int) string {
	names := make([]string, len(incidents))
	for i, in := range incidents {
		names[i] = c.who(in.head())
	}
	return c.enumerated(names, named)
}

// enumerated joins the first of some names, and counts the others.
func (c *Maker) enumerated(names []string, named int) string {
	if more := len(names) - named; more > 0 {
		names = append(slices.Clone(names[:named]), c.say().More(more))
	}
	return c.say().List(names)
}

// where says what all incidents of a list have in common: their space, or that
// the first polls of some spaces found them.
func (c *Maker) where(incidents []*incident, named int) wording.Where {
	seen := map[phone.SpaceKey]bool{}
	var titles []string
	for _, in := range incidents {
		s := in.head().Subject
		if s.Kind() != phone.OfNumber {
			return wording.Where{}
		}
		if key := s.SpaceKey(); !seen[key] {
			seen[key] = true
			titles = append(titles, c.spaceTitle(s))
		}
	}
	switch {
	case firstLook(incidents):
		return wording.Where{Spaces: c.enumerated(titles, named), FirstLook: true}
	case len(seen) == 1:
		return wording.Where{Spaces: titles[0]}
	default:
		return wording.Where{}
	}
}

func firstLook(incidents []*incident) bool {
	return all(incidents, func(in *incident) bool { return in.head().Baseline })
}

// what says what incidents have in common: the title of their rule, or what
// their values are.
func (c *Maker) what(incidents []*incident) string {
	var kinds []string
	for _, in := range incidents {
		if kind := c.kind(in); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return c.enumerated(kinds, maxNamed)
}

// kind is what a list calls an incident, without its subject.
func (c *Maker) kind(in *incident) string {
	a := in.head()
	switch title := c.texts(a).Title.Plain(); {
	case title != "":
		return title
	case !a.Field.IsEnum():
		return c.say().Field(a.Field)
	case in.over():
		return c.state(a.Field, in.closed[0].was())
	default:
		return c.state(a.Field, a.Change.New)
	}
}

// advice says what to do for each kind of incident, worst first, if that is the
// same for all of a kind.
func (c *Maker) advice(incidents []*incident) (list []Advice) {
	for _, in := range incidents {
		if in.over() {
			continue
		}
		a := in.head()
		one := Advice{For: c.kind(in), Action: c.texts(a).Action, Runbook: a.Runbook}
		i := slices.IndexFunc(list, func(given Advice) bool { return given.For == one.For })
		switch {
		case i < 0:
			list = append(list, one)
		case !slices.Equal(list[i].Action, one.Action):
			list[i].Action = nil
		}
	}
	var different []Advice
	for _, a := range list {
		i := slices.IndexFunc(different, func(b Advice) bool { return slices.Equal(a.Action, b.Action) && a.Runbook == b.Runbook })
		switch {
		case len(a.Action) == 0 && a.Runbook == "":
		case i >= 0:
			different[i].For += c.say().Comma + a.For
		default:
			different = append(different, a)
		}
	}
	if len(different) == 1 {
		different[0].For = ""
	}
	return different[:min(len(different), maxAdvice)]
}

// counts says how many incidents there are of each kind, if not all are alike.
// After a first poll it also says how many numbers may turn RED next.
func (c *Maker) counts(incidents []*incident) string {
	parts := tally(c, incidents, (*incident).mark, 0)
	if len(parts) == 1 {
		parts = nil
	}
	yellow := 0
	for _, in := range incidents {
		if in.shows(phone.QualityRating, "YELLOW") {
			yellow++
		}
	}
	if yellow > 0 && firstLook(incidents) {
		parts = append(parts, c.say().Yellow(yellow))
	}
	return strings.Join(parts, c.say().Comma)
}

// lines tell of one incident of a list: in one line if that takes it, else in
// one for each fact, so that none is cut off.
func (c *Maker) lines(in *incident, advised string, at time.Time) []Line {
	who, tail := c.who(in.head())+c.say().Colon, ""
	var facts, endings []Line
	for _, a := range slices.Concat(in.open, in.notices) {
		text := c.say().State(a.Field, c.step(a))
		if !in.over() {
			text += c.again(a) + c.cause(a, advised)
			if at.Sub(a.Since) > alert.LateAfter {
				text += c.say().Since(c.say().Time(a.Since))
			}
		}
		facts = append(facts, Line{Mark: SeverityMark(a.Severity), Text: text})
	}
	for _, e := range in.closed {
		endings = append(endings, Line{Mark: endMark([]ending{e}), Text: c.outcome(e)})
	}
	lines := slices.Concat(facts, endings)
	if in.over() {
		begin, end := in.lasted()
		lines = slices.Concat(endings, facts)
		tail = c.comma(c.say().After(c.span(end.Sub(begin))), c.meanwhile(end, in.mark(), at))
	}
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = lines[i].Text
		lines[i].Text, lines[i].More = who+texts[i], i > 0
	}
	if together := who + strings.Join(texts, c.say().Semicolon) + tail; utf8.RuneCountInString(together) <= maxLine {
		return []Line{{Mark: in.mark(), Text: together}}
	}
	lines[len(lines)-1].Text += tail
	return lines
}

// tally counts by the words of marks, in the order in which these first came. The
// first count says of how many, if that is not 0.
func tally[T any](c *Maker, list []T, mark func(T) Mark, of int) (parts []string) {
	var words []string
	n := make(map[string]int)
	for _, one := range list {
		word := c.say().Inner(mark(one).Word)
		if n[word]++; n[word] == 1 {
			words = append(words, word)
		}
	}
	for _, word := range words {
		parts = append(parts, c.say().Tally(n[word], of, word))
		of = 0
	}
	return parts
}
