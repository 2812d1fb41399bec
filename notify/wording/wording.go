// Package wording holds the words of messages, in each of their languages: a
// catalogue of phrases, which notify/card and the chats make messages of. It
// imports phone and alert.
package wording

import (
	"time"

	"numwatch/phone"
)

// Catalogue is every phrase that messages are made of, in one language. It shows
// what it is given, without escaping or cutting it.
type Catalogue struct {
	Language phone.Language

	// Signs between phrases.
	Colon     string // before what explains
	Comma     string // between clauses
	Semicolon string // between facts
	Beside    string // between states

	List func(names []string) string
	More func(n int) string // the last of a list that is cut

	// Mark is what a mark's word reads, at the start of a text and within one.
	Mark  func(word string) string
	Inner func(word string) string
	Drill string // before a headline

	// Subjects and their values.
	Space   func(title string) string
	Account func(name string) string
	Part    func(component string) string
	Field   func(phone.Field) string
	Value   func(f phone.Field, shown string) string // shown is never empty
	Empty   string                                   // in place of a value

	// Facts. State is a field with its value, as below.
	State      func(f phone.Field, value string) string
	Was        func(value string) string
	Now        func(name, value string) string // the name is empty where the value needs none
	Again      func(name, value string) string // it is as it was before
	Over       func(f phone.Field) string
	Still      func(f phone.Field, value, closing string) string // it has not changed, and its alert is over
	Ended      string
	Closing    func(text string) string // why an alert ended
	OpenAgain  string
	Flapping   func(how string) string
	ComesGoes  string
	Flaps      func(n int, value, span string) string
	NextWord   func(span string) string
	Since      func(time string) string
	For        func(state, span string) string
	OpenFor    func(span string) string
	Settled    func(f phone.Field, value, span string) string
	StillOpen  func(states string) string
	Back       func(closing, span string) string // a number that was away
	EndedAfter func(recovered bool, span, now, was string) string
	After      func(span string) string
	Meanwhile  func(mark string) string

	// Lists of incidents.
	Subjects  func(kind Subject, n int) string
	At        func(text string, where Where) string
	Others    func(n int, where Where) string
	ListOver  func(subjects string, recovered bool, span, what string) string
	NOf       func(n int, subjects string) string
	Tally     func(n, of int, word string) string // of is 0 where it is not said
	Yellow    func(n int) string                  // numbers whose quality is YELLOW
	AllAlerts string
	ListedBy  string                           // where no page is known that lists the rest
	Rest      func(n int, where string) string // where is empty where it is plain

	// Digests.
	Digest Digest

	// Parts of a message.
	Severity string
	ToDo     string
	ToDoFor  func(kind string) string
	// AdviceFor goes before advice, in Slack's syntax.
	AdviceFor func(kind string) string

	Runbook string
	Labels  Labels
	Links   Links
	Buttons Buttons
	SpaceOf func(title, account string) string

	// Texts outside messages. Announcement is a text that begins with one of alert.Announcements.
	Announcement func(text string) string
	Press        Press

	// Small print.
	Rules      func(names []string) string
	Opened     func(times int) string
	FirstPoll  string
	ShownLate  func(span string) string
	TakenBy    func(who string) string
	SilencedBy func(who, until string) string
	HeldBy     func(names []string) string
	OfThese    func(n int, note string) string
	Time       func(time.Time) string // for those whose zone is not known
}

// Digest is the phrases of digests.
type Digest struct {
	Quiet    func(span string) string // nothing happened, and nothing is open
	Title    func(opened, ended int, span string, open int, worst string) string
	Titles   DigestTitles
	Total    func(title string, n int) string
	Of       func(who, customer string) string
	For      func(span string) string // how long something has been open
	After    func(span string) string // how long it took
	TakenBy  func(who string) string
	Customer func(title string, open, opened int) string
	Rule     func(name string, opened int) string
	Held     func(n int) string
	From, To string
}

// DigestTitles are those of a digest's lists.
type DigestTitles struct{ Open, Opened, Ended, Customers, Rules string }

// Labels are those of facts.
type Labels struct {
	Number, Name, Flapping, Space, Account, Part, Labels, Code, Reason, Why, Solution, TakenBy string
	Opened, Until, Since, OpenSince                                                            string
}

// Links are the names of pages.
type Links struct{ Number, History, Delivery, Spaces, Why, Silence, Manager string }

// Buttons are the texts on buttons.
type Buttons struct{ Acknowledge, SilenceHour, SilenceDay string }

// Press is the answers to those who press a button.
type Press struct {
	Operators, Unknown, Closed string
	Taken                      func(by string) string
	Failed                     func(why string) string
}

// Subject is a kind of what incidents are about.
type Subject uint8

// The kinds; Mixed are incidents about several.
const (
	Component Subject = iota
	Account
	Space
	Number
	Mixed
)

// Where says what incidents of a list have in common.
type Where struct {
	Spaces    string // their titles; empty: nothing
	FirstLook bool   // the first polls of these spaces found them
}

// In returns the catalogue of a language.
func In(l phone.Language) *Catalogue {
	if l == phone.Chinese {
		return &chinese
	}
	return &english
}
