package card

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"numwatch/alert"
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
		Mark: listMark(incidents), Title: drill(incidents[0]) + c.listTitle(incidents),
		Advice: advice(incidents), Counts: counts(incidents), Link: c.page("alerts"),
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
	if rules := rulesOf(incidents); rules != "" {
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
	worst, where := critical(incidents), c.where(incidents, named)
	switch {
	case incidents[0].over():
		text := subjects(incidents) + where
		if listMark(incidents).Color == Green {
			text += " recovered"
		}
		return text + " after " + phone.Span(longest(incidents)) + " (" + what(incidents) + ")"
	case len(worst) == 0:
		return subjects(incidents) + where + ": " + what(incidents)
	case len(worst) == 1:
		return c.named(worst[0].head()) + others(incidents, worst) + where
	case len(worst) == len(incidents):
		return c.names(worst, named) + where + ": " + what(worst)
	default:
		return c.names(worst, named) + ": " + what(worst) + others(incidents, worst) + where
	}
}

// named is an alert's headline, with the number that it is about.
func (c *Maker) named(a *alert.Alert) string {
	text := c.headline(a)
	if strings.Contains(text, a.Subject.PhoneNumber) {
		return text
	}
	return c.who(a) + ": " + text
}

func others(incidents, named []*incident) string {
	return ", and " + phone.Count(len(incidents)-len(named), "other")
}

func longest(incidents []*incident) (d time.Duration) {
	for _, in := range incidents {
		begin, end := in.lasted()
		d = max(d, end.Sub(begin))
	}
	return d
}

// subjects counts what the incidents are about.
func subjects(incidents []*incident) string {
	kind, seen := incidents[0].head().Subject.Kind(), map[phone.Subject]bool{}
	thing := []string{phone.OfBot: "component", phone.OfAccount: "account", phone.OfSpace: "space", phone.OfNumber: "number"}[kind]
	for _, in := range incidents {
		seen[in.head().Subject] = true
		if in.head().Subject.Kind() != kind {
			thing = "incident"
		}
	}
	return phone.Count(len(seen), thing)
}

// names begins a title with the first of what it is about.
func (c *Maker) names(incidents []*incident, named int) string {
	names := make([]string, len(incidents))
	for i, in := range incidents {
		names[i] = c.who(in.head())
	}
	return enumerated(names, named)
}

// enumerated joins the first of some names, and counts the others.
func enumerated(names []string, named int) string {
	if more := len(names) - named; more > 0 {
		names = append(slices.Clone(names[:named]), phone.Grouped(more)+" more")
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// where says what all incidents of a list have in common: their space, or that
// the first polls of some spaces found them.
func (c *Maker) where(incidents []*incident, named int) string {
	seen := map[phone.SpaceKey]bool{}
	var titles []string
	for _, in := range incidents {
		s := in.head().Subject
		if s.Kind() != phone.OfNumber {
			return ""
		}
		if key := s.SpaceKey(); !seen[key] {
			seen[key] = true
			titles = append(titles, c.spaceTitle(s))
		}
	}
	switch {
	case firstLook(incidents):
		return " in the first look at " + enumerated(titles, named)
	case len(seen) == 1:
		return " of " + titles[0]
	default:
		return ""
	}
}

func firstLook(incidents []*incident) bool {
	return all(incidents, func(in *incident) bool { return in.head().Baseline })
}

// what says what incidents have in common: the title of their rule, or what
// their values are.
func what(incidents []*incident) string {
	var kinds []string
	for _, in := range incidents {
		if kind := in.kind(); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return enumerated(kinds, maxNamed)
}

// kind is what a list calls an incident, without its subject.
func (in *incident) kind() string {
	a := in.head()
	switch title := a.Title.Plain(); {
	case title != "":
		return title
	case !a.Field.IsEnum():
		return a.Field.String()
	case in.over():
		return state(a.Field, in.closed[0].was())
	default:
		return state(a.Field, a.Change.New)
	}
}

// advice says for each kind of incident what to do, worst first, where that is the
// same for all of a kind.
func advice(incidents []*incident) (list []Advice) {
	for _, in := range incidents {
		if in.over() {
			continue
		}
		a := in.head()
		one := Advice{For: in.kind(), Action: a.Action, Runbook: a.Runbook}
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
			different[i].For += ", " + a.For
		default:
			different = append(different, a)
		}
	}
	if len(different) == 1 {
		different[0].For = ""
	}
	return different[:min(len(different), maxAdvice)]
}

// counts says how many incidents there are of each kind, if not all are alike. A
// first look also says how many numbers may turn RED next.
func counts(incidents []*incident) string {
	parts := tally(incidents, (*incident).mark, "")
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
		parts = append(parts, phone.Count(yellow, "number")+" YELLOW")
	}
	return strings.Join(parts, ", ")
}

// lines tell of one incident of a list: in one line if that takes it, else in
// one for each fact, so that none is cut off.
func (c *Maker) lines(in *incident, advised string, at time.Time) []Line {
	who, tail := c.who(in.head())+": ", ""
	var facts, endings []Line
	for _, a := range slices.Concat(in.open, in.notices) {
		text := move(a)
		if !in.over() {
			text += c.again(a) + cause(a, advised)
			if at.Sub(a.Since) > alert.LateAfter {
				text += ", since " + UTC(a.Since)
			}
		}
		facts = append(facts, Line{severityMark(a.Severity), text})
	}
	for _, e := range in.closed {
		endings = append(endings, Line{endMark([]ending{e}), e.outcome()})
	}
	lines := slices.Concat(facts, endings)
	if in.over() {
		begin, end := in.lasted()
		lines = slices.Concat(endings, facts)
		tail = comma(" (after "+phone.Span(end.Sub(begin))+")", meanwhile(end, in.mark(), at))
	}
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = lines[i].Text
		lines[i].Text = who + texts[i]
	}
	if together := who + strings.Join(texts, "; ") + tail; utf8.RuneCountInString(together) <= maxLine {
		return []Line{{in.mark(), together}}
	}
	lines[len(lines)-1].Text += tail
	return lines
}

// tally counts by the words of marks, in the order in which these first came. The
// first count says of how many.
func tally[T any](list []T, mark func(T) Mark, of string) (parts []string) {
	var words []string
	n := make(map[string]int)
	for _, one := range list {
		word := strings.ToLower(mark(one).Word)
		if n[word]++; n[word] == 1 {
			words = append(words, word)
		}
	}
	for _, word := range words {
		parts = append(parts, phone.Grouped(n[word])+of+" "+word)
		of = ""
	}
	return parts
}
