// Package card says what a message about incidents says, and gives it its form
// for Slack (blocks) and for the terminal. It imports phone, alert, notify/wording and slack-go's
// types of blocks; notify/slack, the bot and the commands use it.
package card

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"numwatch/alert"
	"numwatch/notify/wording"
	"numwatch/phone"
)

// Card is a message as it is meant; each Poster gives it a form. Its texts are
// raw: whoever shows them makes them harmless, other than the holes' literals
// of Advice, its Runbook, Link, Links and Mention, which the configuration holds.
type Card struct {
	Language phone.Language // of all its texts
	Mark     Mark
	Title    string // the worst fact first, then who
	Advice   []Advice
	Counts   string // of a list whose incidents differ: "3 critical, 9 info"
	Lines    []Line
	More     int       // lines that are left out
	Sections []Section // lists with titles of their own, in place of Lines
	Facts    []Fact    // context
	Link     string    // to the page that lists the rest
	Links    []Link
	Footer   []string
	Mention  []string
	Buttons  []Button // of messages; replies have none
}

// Section is a list with its title. Lines whose mark is zero have none.
type Section struct {
	Title string
	Lines []Line
	More  int // lines that are left out
}

// Mark says in a word and a colour what a message or a line is about.
type Mark struct {
	Word  string // Critical, Resolved, …, which Card.Word says in its language; never empty
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

// Advice is what to do.
type Advice struct {
	For     string // what a list gives this advice for; empty: for all of it
	Action  alert.Text
	Runbook string
}

// Line is one fact of an incident, or one incident of a list.
type Line struct {
	Mark Mark
	Text string
	More bool // it goes on about the incident of the line before
}

// Fact is one labelled value.
type Fact struct {
	Label string
	Value string
	Time  time.Time // shown in the reader's own zone, if not zero
}

// Link leads to a page.
type Link struct{ Text, URL string }

// Maker makes cards of alerts. Its functions may be nil: then that information is missing.
type Maker struct {
	Language phone.Language
	Space    func(phone.SpaceKey) phone.Space      // how the configuration describes a space
	Silence  func(id string) (alert.Silence, bool) // the silences in force
	Link     string                                // public address of the pages; may be empty
	// SettleAfter is how long a flapping alert stays as it is until it is told of
	// again; 0: not said.
	SettleAfter func() time.Duration
}

// SeverityMark is the mark of what is open, or of a notice.
func SeverityMark(s alert.Severity) Mark {
	return Mark{capital(s.String()), []Color{Red, Orange, Yellow, Blue}[min(s, alert.Info)]}
}

// severity is the mark's word where that is one of the severities: these do not
// begin a title, whose first word is the fact.
func (m Mark) severity() string {
	if word := strings.ToLower(m.Word); slices.Contains(alert.Severities(), word) {
		return word
	}
	return ""
}

// say returns the words of the card's language.
func (c *Card) say() *wording.Catalogue { return wording.In(c.Language) }

// Word is what a mark's word reads in the card's language.
func (c *Card) Word(m Mark) string { return c.say().Mark(m.Word) }

func capital(word string) string {
	first, size := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(first)) + word[size:]
}

// Message is the card of a message that shows all alerts of some incidents. At is
// when it was posted: what opened long before, or was over by then, says so.
func (c *Maker) Message(alerts []alert.Alert, at time.Time) *Card {
	all := incidentsOf(alerts)
	if len(all) > 1 {
		return c.list(all, at)
	}
	return c.single(all[0], at)
}

func (c *Maker) drill(in *incident) string {
	if in.head().Drill {
		return c.say().Drill
	}
	return ""
}
