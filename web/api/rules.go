package api

import (
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Rules is the answer of /api/v1/rules: the rules in force, and how the last
// reading of the file went.
type Rules struct {
	File     string    `json:"file"`
	Loaded   time.Time `json:"loaded"` // when those in force were read
	Rules    []Rule    `json:"rules"`
	Channels []Channel `json:"channels"`
	Warnings []Problem `json:"warnings"`
	// Refused says why the present file is not in force; nil: it is.
	Refused *Refusal `json:"refused"`
	// Compared is what the last reload changed; nil: there was none, or it is not
	// known yet.
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

// Channel is a channel that rules notify.
type Channel struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`   // slack, webhook, alertmanager, dingtalk, feishu or wecom
	Target string `json:"target"` // in Slack its id, or its name with #; else its name in config.yaml
	Slack  string `json:"slack"`  // the target, in Slack; else empty
}

// Refusal is a reading of the rules that failed.
type Refusal struct {
	At       time.Time `json:"at"`
	Text     string    `json:"text"`
	Problems []Problem `json:"problems"` // empty if the file could not be read at all
}

// Problem is an error or a warning about the rules file.
type Problem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Rule   string `json:"rule,omitempty"`
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"`
	Source string `json:"source,omitempty"` // the line of the file
}
