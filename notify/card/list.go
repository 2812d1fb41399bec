package card

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// How many alerts a message lists, and how many of these its title names; the
// others are counted. Critical ones are listed first.
const (
	maxListed   = 50
	maxCritical = 200
	maxNamed    = 3
	maxName     = 60 // runes of one name in a title
)

func (c *Maker) list(alerts []alert.Alert, at time.Time, fresh bool) *Card {
	first := &alerts[0]
	card := &Card{Mark: markOf(first), Title: drill(first) + c.listTitle(alerts), Link: c.Link}
	if tally := tallyOf(alerts, markOf); len(tally.words) > 1 {
		card.Counts = tally.text("")
	}
	oneRule := sameRule(alerts)
	if oneRule {
		card.Runbook, card.Footer = first.Runbook, []string{"rule " + first.Rule}
		if !Over(first) && all(alerts, func(a *alert.Alert) bool { return slices.Equal(a.Action, first.Action) }) {
			card.Action = first.Action
		}
	}
	advice := card.Action.Plain()
	card.enumerate(alerts, func(a *alert.Alert) Line {
		l := c.line(a, oneRule)
		l.Text += cause(a, l.Text+"\n"+advice) + when(a, at, fresh)
		return l
	})
	card.Footer = append(card.Footer, c.notes(alerts)...)
	return card
}

// enumerate lists alerts, worst first.
func (c *Card) enumerate(alerts []alert.Alert, line func(*alert.Alert) Line) {
	listed := min(len(alerts), max(maxListed, min(len(critical(alerts)), maxCritical)))
	for i := range alerts[:listed] {
		c.Lines = append(c.Lines, line(&alerts[i]))
	}
	c.More = len(alerts) - listed
}

// critical returns those that are open and critical.
func critical(alerts []alert.Alert) []alert.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a alert.Alert) bool { return Over(&a) || a.Severity != alert.Critical })
}

func all(alerts []alert.Alert, is func(*alert.Alert) bool) bool {
	return !slices.ContainsFunc(alerts, func(a alert.Alert) bool { return !is(&a) })
}

func sameRule(alerts []alert.Alert) bool {
	return all(alerts, func(a *alert.Alert) bool { return a.Rule == alerts[0].Rule })
}

// listTitle names the critical ones, whatever else the list holds: it is all that
// a notification shows.
func (c *Maker) listTitle(alerts []alert.Alert) string {
	worst := critical(alerts)
	if len(worst) == 0 {
		return amount(alerts) + c.where(alerts)
	}
	title := c.names(worst) + amount(worst)
	if len(worst) == 1 {
		title = c.summary(&worst[0])
	}
	if others := len(alerts) - len(worst); others > 0 {
		title += ", and " + phone.Count(others, "other alert")
	}
	return title + c.where(alerts)
}

// amount counts alerts, by their rule if that is one.
func amount(alerts []alert.Alert) string {
	if sameRule(alerts) {
		return phone.Grouped(len(alerts)) + " × " + alerts[0].Rule
	}
	return phone.Count(len(alerts), "alert")
}

// names begins a title with the first of the alerts that it is about.
func (c *Maker) names(alerts []alert.Alert) string {
	if len(alerts) == 0 {
		return ""
	}
	var names []string
	for i := range alerts[:min(len(alerts), maxNamed)] {
		names = append(names, alert.Cut(c.title(&alerts[i]), maxName))
	}
	text := strings.Join(names, ", ")
	if more := len(alerts) - len(names); more > 0 {
		text += " and " + phone.Grouped(more) + " more"
	}
	return text + ": "
}

// where ends a title with what all alerts of a list have in common.
func (c *Maker) where(alerts []alert.Alert) string {
	first := alerts[0].Subject
	switch {
	case all(alerts, func(a *alert.Alert) bool { return a.Baseline && a.Subject.Account == first.Account }):
		return " in the first polls of account " + first.Account
	case first.Space != "" && all(alerts, func(a *alert.Alert) bool { return a.Subject.SpaceKey() == first.SpaceKey() }):
		return " in " + c.spaceTitle(first)
	default:
		return ""
	}
}

// line tells of one alert of a list. Where the rule is the same for all, what
// differs is said first.
func (c *Maker) line(a *alert.Alert, sameRule bool) Line {
	switch {
	case Over(a):
		return Line{markOf(a), c.title(a) + ": " + outcome(a)}
	case sameRule:
		return Line{markOf(a), c.title(a) + ": " + moved(a)}
	default:
		return Line{markOf(a), c.summary(a)}
	}
}

// summary is the rule's text, with the number that it is about.
func (c *Maker) summary(a *alert.Alert) string {
	text := headline(a)
	if strings.Contains(text, a.Subject.PhoneNumber) {
		return text
	}
	return c.title(a) + ": " + text
}

// cause is why a poll fails or a sink is parked, where a list does not say so
// otherwise.
func cause(a *alert.Alert, said string) string {
	why := cmp.Or(a.Change.Code, a.Change.Reason)
	if Over(a) || why == "" || strings.Contains(said, alert.Plain(why)) {
		return ""
	}
	return ": " + why
}

// when says what a list shows late: what ended before it was ever shown, and
// since when the others are open.
func when(a *alert.Alert, at time.Time, fresh bool) string {
	switch {
	case Over(a) && fresh:
		return ", " + meanwhile(a)
	case !Over(a) && at.Sub(a.Since) > alert.LateAfter:
		return ", since " + UTC(a.Since)
	default:
		return ""
	}
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
		parts[i] = fmt.Sprintf("%s%s %s", phone.Grouped(t.n[word]), of, word)
		of = ""
	}
	return strings.Join(parts, ", ")
}
