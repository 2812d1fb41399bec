// Package card says what a message about alerts says, and gives it its form for
// Slack (blocks) and for the terminal. It imports phone, alert and slack-go's
// types of blocks; notify/slack, the bot and the commands use it.
package card

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Card is a message as it is meant; each Poster gives it a form. Its texts are
// raw: whoever shows them makes them harmless, other than the holes' literals
// of Action, Runbook, Link and Mention, which the configuration holds.
type Card struct {
	Mark    Mark
	Title   string
	Facts   []Fact
	Counts  string // of a list whose alerts differ: "3 critical, 9 info"
	Lines   []Line
	More    int // alerts that are not listed
	Action  alert.Text
	Runbook string
	Link    string // to the page that lists the rest
	Footer  []string
	Mention []string
	Buttons []Button // of messages; replies have none
}

// Mark says in a word and a colour what a message or a line is about.
type Mark struct {
	Word  string // Critical, Resolved, …; never empty
	Color Color
}

// Color stands beside a word, never alone.
type Color uint8

// The colours.
const (
	Gray Color = iota
	Blue
	Yellow
	Orange
	Red
	Green
)

// Fact is one labelled value.
type Fact struct {
	Label string
	Value string
	Time  time.Time // shown in the reader's own zone, if not zero
}

// Line is one alert in a list.
type Line struct {
	Mark Mark
	Text string
}

// Maker makes cards of alerts. Its functions may be nil: then nothing is known.
type Maker struct {
	Space   func(phone.SpaceKey) phone.Space      // how the configuration describes a space
	Silence func(id string) (alert.Silence, bool) // the silences in force
	Link    string                                // to the page that lists all alerts; may be empty
	// SettleAfter is how long a flapping alert stays as it is until it is told of
	// again; 0: not said.
	SettleAfter time.Duration
}

// severityMark is the mark of an alert that is open, or of a notice.
func severityMark(s alert.Severity) Mark {
	word := s.String()
	return Mark{strings.ToUpper(word[:1]) + word[1:], []Color{Red, Orange, Yellow, Blue}[min(s, alert.Info)]}
}

// markOf sounds like good news only where there is some.
func markOf(a *alert.Alert) Mark {
	switch {
	case !Over(a):
		return severityMark(a.Severity)
	case a.Recovered():
		return Mark{"Resolved", Green}
	case a.State == alert.Resolved:
		return Mark{"Closed", Gray}
	default:
		return Mark{"Ended", Gray}
	}
}

// Message is the card of a message that lists the alerts, worst first. At is
// when it was first shown: what opened long before says so.
func (c *Maker) Message(alerts []alert.Alert, at time.Time, fresh bool) *Card {
	if len(alerts) == 1 {
		return c.single(&alerts[0], at, fresh)
	}
	return c.list(alerts, at, fresh)
}

func (c *Maker) single(a *alert.Alert, at time.Time, fresh bool) *Card {
	card := &Card{Mark: markOf(a), Title: drill(a) + headline(a), Footer: c.footer(a)}
	if Over(a) {
		card.Title = drill(a) + c.title(a) + ": " + outcome(a)
		if fresh {
			card.Footer = append(card.Footer, meanwhile(a))
		}
	} else {
		card.Action, card.Runbook = a.Action, a.Runbook
		if late := at.Sub(a.Since); late > alert.LateAfter {
			card.Footer = append(card.Footer, "shown "+phone.Span(late)+" after it opened")
		}
	}
	card.Facts = c.facts(a, card.Title+"\n"+card.Action.Plain())
	return card
}

// meanwhile is said of what was over before it was ever shown.
func meanwhile(a *alert.Alert) string {
	return "opened and " + strings.ToLower(markOf(a).Word) + " meanwhile"
}

func drill(a *alert.Alert) string {
	if a.Drill {
		return "Drill: "
	}
	return ""
}

// headline is what happened, as the rule puts it.
func headline(a *alert.Alert) string {
	if s := a.Summary.Plain(); s != "" {
		return s
	}
	return fmt.Sprintf("%s of %s is %s", a.Field, a.Subject, value(a.Field, a.Change.New))
}

// outcome is how an alert ended.
func outcome(a *alert.Alert) string {
	return cmp.Or(a.Closing, "now "+value(a.Field, a.Change.New))
}

func value(f phone.Field, v string) string { return cmp.Or(f.Shown(v), "(empty)") }

func moved(a *alert.Alert) string {
	if a.Change.Old == "" {
		return value(a.Field, a.Change.New)
	}
	return value(a.Field, a.Change.Old) + " → " + value(a.Field, a.Change.New)
}

func (c *Maker) described(s phone.Subject) phone.Space {
	if c.Space == nil {
		return phone.Space{SpaceKey: s.SpaceKey()}
	}
	return c.Space(s.SpaceKey())
}

// title names a subject: a number with its name, a space, an account, a part of
// the bot.
func (c *Maker) title(a *alert.Alert) string {
	switch a.Subject.Kind() {
	case phone.OfNumber:
		if name := verifiedName(a); name != "" {
			return a.Subject.PhoneNumber + " (" + name + ")"
		}
		return a.Subject.PhoneNumber
	case phone.OfSpace:
		return "Space " + c.spaceTitle(a.Subject)
	case phone.OfAccount:
		return "Account " + a.Subject.Account
	default:
		return "numwatch: " + a.Subject.Component
	}
}

func verifiedName(a *alert.Alert) string {
	if a.Change.Number == nil {
		return ""
	}
	return a.Change.Number.Get(phone.VerifiedName)
}

func (c *Maker) spaceTitle(s phone.Subject) string {
	return cmp.Or(c.described(s).Name, s.Space) + " (" + s.Account + ")"
}

// facts lists what is known of an alert. Those of a space, an account or a part
// of the bot leave out what the title and the advice say already; those of a
// number are always the same table.
func (c *Maker) facts(a *alert.Alert, said string) []Fact {
	s := a.Subject
	var facts []Fact
	add := func(label, v string) {
		if v != "" && (s.PhoneNumber != "" || !strings.Contains(said, alert.Plain(v))) {
			facts = append(facts, Fact{Label: label, Value: v})
		}
	}
	add("Number", s.PhoneNumber)
	add("Name", verifiedName(a))
	if s.Space != "" {
		add("Space", c.spaceTitle(s))
	} else {
		add("Account", s.Account)
	}
	add("Part of numwatch", s.Component)
	if s.PhoneNumber != "" || Over(a) || !strings.Contains(said, a.Change.New) {
		add(a.Field.String(), moved(a))
	}
	add("Also", also(a))
	if !strings.Contains(a.Change.Reason, a.Change.Code) {
		add("Code", a.Change.Code)
	}
	add("Reason", a.Change.Reason)
	facts = append(facts, Fact{Label: "Since", Time: a.Since})
	if Over(a) {
		facts = append(facts, Fact{Label: "Until", Time: a.Changed})
	}
	if a.Ack != nil {
		facts = append(facts, Fact{Label: "Taken by", Value: a.Ack.By, Time: a.Ack.At})
	}
	return facts
}

// also shows how else the number stands.
func also(a *alert.Alert) string {
	if a.Change.Number == nil {
		return ""
	}
	var shown []string
	for _, f := range []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier} {
		if v := a.Change.Number.Get(f); v != "" && f != a.Field {
			shown = append(shown, v)
		}
	}
	return strings.Join(shown, ", ")
}

func (c *Maker) footer(a *alert.Alert) []string {
	lines := []string{"rule " + a.Rule, a.ID}
	if a.Openings > 1 {
		lines = append(lines, fmt.Sprintf("opened %d times", a.Openings))
	}
	if a.Baseline {
		lines = append(lines, "found by the first poll")
	}
	return append(lines, c.held(a)...)
}
