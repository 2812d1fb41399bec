package api

import "time"

// Explanation says why people were notified of an alert, or were not: in sentences, from
// the bot's own log, with the current rules.
type Explanation struct {
	Title    string
	Happened []Moment
	Shown    []string // where it is shown
	Silent   []string // where it is not shown, and why
	// Opening is the change that opened it; nil: the log no longer has it.
	Opening *Opening
}

// Moment is something that happened to an alert.
type Moment struct {
	At    time.Time
	Text  string
	Notes string // who was notified
}

// Opening is what was decided when an alert opened.
type Opening struct {
	At          time.Time
	Changes     []string
	Decisions   []Decision
	Unaffected  int      // decisions of rules for whose fields nothing changed
	Differences []string // where the current rules would decide differently
}

// Decision is what a rule makes of a change.
type Decision struct {
	Result, Rule, Field string
	Clause              string // the key of the rule that decided
	Text                string
	Channels            []string // who is notified, and who is not and why
}
