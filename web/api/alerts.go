package api

import (
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Alert is an alert in /api/v1/alerts: of the same form as the data of its events
// on NATS, with callback URLs redacted.
type Alert struct {
	Account   string          `json:"account,omitempty"`
	Space     *Space          `json:"space,omitempty"`
	Number    *phone.Number   `json:"number,omitempty"`
	Part      string          `json:"part,omitempty"` // of the bot
	Field     phone.Field     `json:"field"`
	Old       string          `json:"old"`
	New       string          `json:"new"`
	Direction phone.Direction `json:"direction"`
	SeenAfter time.Time       `json:"seen_after,omitzero"`
	SeenAt    time.Time       `json:"seen_at"`
	RequestId string          `json:"request_id,omitempty"`
	MovedFrom string          `json:"moved_from,omitempty"`
	AwaySince time.Time       `json:"away_since,omitzero"`
	Baseline  bool            `json:"baseline"`
	Drill     bool            `json:"drill"`
	Code      string          `json:"code,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Alert     Detail          `json:"alert"`
}

// Space is a space as it is configured.
type Space struct {
	ID     string            `json:"id"`
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Detail is what is said about an alert itself.
type Detail struct {
	ID         string           `json:"id"`
	Incident   string           `json:"incident,omitempty"` // empty of a pending alert
	Rule       string           `json:"rule"`
	Severity   alert.Severity   `json:"severity"`
	Transition alert.Transition `json:"transition"`
	State      alert.State      `json:"state"`
	Since      time.Time        `json:"since"`
	Changed    time.Time        `json:"changed"` // of the last transition
	Closing    string           `json:"closing,omitempty"`
	Channels   []string         `json:"channels"`
	Revision   uint64           `json:"revision"`
	Openings   int              `json:"openings"`
	Flapping   bool             `json:"flapping,omitempty"`
	HeldBy     []string         `json:"held_by"`
	Ack        *alert.Ack       `json:"ack"`
	Reason     *alert.Reason    `json:"reason,omitempty"` // why, as the provider says
	Title      string           `json:"title,omitempty"`
	Summary    string           `json:"summary"`
	Action     string           `json:"action,omitempty"`
	Runbook    string           `json:"runbook,omitempty"`
}

// AlertList is the answer of /api/v1/alerts, and to who acknowledges an incident.
type AlertList struct {
	Total  int     `json:"total"` // of all that match
	Alerts []Alert `json:"alerts"`
}

// AlertDetail is the answer of /api/v1/alerts/ID.
type AlertDetail struct {
	Alert
	Told []Told `json:"told"` // newest first
}

// Told is a message about an alert.
type Told struct {
	Alert   string             `json:"alert"` // its id
	Rule    string             `json:"rule"`
	Channel string             `json:"channel"`
	State   alert.MessageState `json:"state"`
	At      time.Time          `json:"at"`
	Shows   uint64             `json:"shows_revision"`
	Reason  string             `json:"reason,omitempty"` // why it is dead
	Sink    string             `json:"sink,omitempty"`   // of a chat other than Slack: the sink that told it
}

// ByRequest says who asks.
type ByRequest struct {
	By string `json:"by"`
}

// DrillRequest asks for a drill of a rule.
type DrillRequest struct {
	Rule  string `json:"rule"`
	Space string `json:"space,omitempty"` // whose name and labels it takes, by id or as account/id
	By    string `json:"by"`
}

// SilenceList is the answer of /api/v1/silences.
type SilenceList struct {
	Total    int       `json:"total"`
	Silences []Silence `json:"silences"` // the one that ends first in front
}

// Silence is a silence in force, or planned.
type Silence struct {
	alert.Silence
	Covers int `json:"covers"` // open alerts that it holds back
}

// SilenceRequest asks for a silence until a time, or for a duration: from now on, or
// from a later start.
type SilenceRequest struct {
	Match  alert.Matcher `json:"match"`
	From   time.Time     `json:"from,omitzero"`
	Until  time.Time     `json:"until,omitzero"`
	For    Seconds       `json:"for_seconds,omitzero"`
	By     string        `json:"by"`
	Reason string        `json:"reason,omitempty"`
}

// PreviewRequest asks what a silence would cover.
type PreviewRequest struct {
	Match alert.Matcher `json:"match"`
}

// Named is names as people write them; the answer of /api/v1/names resolves them: a
// number's digits, and the account and id of a space.
type Named struct {
	Match alert.Matcher `json:"match"`
}

// DeadLetterList is the answer of /api/v1/deadletters.
type DeadLetterList struct {
	Total       int          `json:"total"`
	DeadLetters []DeadLetter `json:"deadletters"` // oldest first
}

// DeadLetter is a message that Slack refuses for good.
type DeadLetter struct {
	ID      string      `json:"id"`
	Channel string      `json:"channel"`
	At      time.Time   `json:"at"`
	Reason  string      `json:"reason"`
	Alerts  []DeadAlert `json:"alerts"`
}

// DeadAlert is an alert that a dead letter shows.
type DeadAlert struct {
	ID      string `json:"id"`
	Rule    string `json:"rule,omitempty"` // empty where the alert is forgotten
	Summary string `json:"summary,omitempty"`
}
