package web

import (
	"context"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Fleet answers about the numbers and spaces that are watched.
type Fleet interface {
	// Complete reports whether everything that is stored has been counted: not
	// yet for a moment after the start.
	Complete() bool
	// Counts returns how many numbers stand in each state, the best first.
	Counts() []Count
	// Spaces returns the spaces of the configuration, in any order.
	Spaces() []SpaceState
	// Find returns numbers by account, space and number.
	Find(Query) (Found, error)
	// Number returns what is known of a number; nil where nothing is.
	Number(space phone.SpaceKey, phoneNumber string) (*Known, error)
	// History returns the newest events of a subject, newest first, from those
	// with a sequence below before; 0 means from the newest.
	History(s phone.Subject, before uint64, limit int) ([]alert.Event, error)
	// Activity returns the changes up to now in n bars of a width.
	Activity(now time.Time, n int, width time.Duration) []Bar
}

// Delivery is what has reached people and what could not.
type Delivery interface {
	// Messages returns the messages that show an alert, in any order. They must
	// not be modified.
	Messages(alertID string) []*alert.Message
	// DeadLetters returns the messages that are refused for good.
	DeadLetters() []alert.Message
	// RetryDead has the alerts of a dead letter posted again.
	RetryDead(ctx context.Context, id string) error
	// RetryParked tries all parked channels again now.
	RetryParked()
}

// Desk takes what people decide about alerts. Its errors are alert.ErrUnknown and
// alert.ErrRefused where it is the request's fault.
type Desk interface {
	Ack(ctx context.Context, id, by string) (alert.Alert, error)
	Unack(ctx context.Context, id, by string) (alert.Alert, error)
	Silence(ctx context.Context, s alert.Silence) (alert.Silence, error)
	EndSilence(ctx context.Context, id, by string) error
	// Drill sends what a rule would say, marked as a drill. The space is an id,
	// or "".
	Drill(ctx context.Context, rule, space, by string) (alert.Alert, error)
}

// Count is how many numbers stand in one state.
type Count struct {
	Status        string `json:"Status"`
	QualityRating string `json:"QualityRating"`
	Numbers       int    `json:"numbers"`
}

// SpaceState is a space of the configuration and what is known of it.
type SpaceState struct {
	phone.Space
	Known   bool // a poll has succeeded at some time
	Numbers int
	Worst   Count     // the worst state that a number of it is in; Numbers 0: none
	Polled  time.Time // the last successful poll since the start; zero: none yet
}

// Query selects numbers. Members that are empty select all.
type Query struct {
	Text    string // in the number, the verified name, the space's name or id
	Account string
	Space   string // id
	// Fields are matched as they are shown: an enum is one of the values given,
	// a text holds one of them. "(empty)" and "(absent)" are values too.
	Fields map[phone.Field][]string
	Labels map[string]string
	Offset int
	Limit  int
}

// Found is a part of the numbers that match.
type Found struct {
	Total int // of all that match
	Rows  []FoundNumber
}

// FoundNumber is a number of a space.
type FoundNumber struct {
	Space  phone.SpaceKey
	Number phone.Number
}

// Known is what is known of one number.
type Known struct {
	phone.TrackedNumber
	At time.Time // when its space's list last changed
}

// Bar is the changes within a span of time.
type Bar struct {
	From, To             time.Time
	Better, Worse, Other int
}

// Rules is the answer of /api/v1/rules: the rules in force, and how the last
// reading of the file went.
type Rules struct {
	File     string    `json:"file"`
	Loaded   time.Time `json:"loaded"` // when those in force were read
	Rules    []Rule    `json:"rules"`
	Channels []Channel `json:"channels"`
	Warnings []Problem `json:"warnings"`
	// Refused tells why the file as it is now is not in force; nil: it is.
	Refused *Refusal `json:"refused"`
	// Compared tells what the last reload changes; nil: there was none, or it
	// is not known yet.
	Compared *Compared `json:"compared"`
}

// Compared is what new rules change, judged by what was seen lately.
type Compared struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Rule is a rule as people see it.
type Rule struct {
	Name     string         `json:"name"`
	On       []phone.Field  `json:"on"`
	Severity alert.Severity `json:"severity"`
	For      Seconds        `json:"for_seconds"`
	Once     bool           `json:"once"`
	Summary  string         `json:"summary"` // as written, holes included
	Action   string         `json:"action,omitempty"`
	Runbook  string         `json:"runbook,omitempty"`
	Channels []string       `json:"channels"`
	Hits     Hits           `json:"hits"`
}

// Hits is how often the alerts of a rule opened.
type Hits struct {
	Today int       `json:"today"` // since midnight UTC
	Month int       `json:"last_30_days"`
	Last  time.Time `json:"last,omitzero"`
}

// Channel is a channel that rules speak to.
type Channel struct {
	Name  string `json:"name"`
	Slack string `json:"slack"`
}

// Refusal is a reading of the rules that failed.
type Refusal struct {
	At       time.Time `json:"at"`
	Text     string    `json:"text"`
	Problems []Problem `json:"problems"` // empty if the file could not be read at all
}

// Problem is one thing that is wrong in the rules file, or suspicious.
type Problem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Rule   string `json:"rule,omitempty"`
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"`
	Source string `json:"source,omitempty"` // the line of the file
}
