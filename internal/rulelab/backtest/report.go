package backtest

import (
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Report is what rules would have said of a stretch of the log. Times and days
// are in UTC.
type Report struct {
	Name       string    `json:"name"`
	Since      time.Time `json:"since"` // or when the log begins, if that is later
	Until      time.Time `json:"until"`
	Events     int       `json:"events"`  // records of the log
	Changes    int       `json:"changes"` // of which changes
	Alerts     int       `json:"alerts"`  // openings and reopenings
	Messages   int       `json:"messages"`
	Broadcasts int       `json:"broadcasts"` // replies that the whole channel sees
	Replies    int       `json:"replies"`    // others, in the threads of messages: what became of alerts
	Reminds    int       `json:"reminders"`  // there, too: what is still open

	Rules    []RuleCount    `json:"rules"`    // every rule, by name
	Channels []ChannelCount `json:"channels"` // every channel, by name
	Days     []DayCount     `json:"days"`     // every day, in order
	Noisiest []SubjectCount `json:"noisiest"` // at most 20, by alerts
	Flapping []Flap         `json:"flapping"` // at most 20, the worst first
}

// RuleCount is what one rule did. A message that several rules share counts for
// each of them.
type RuleCount struct {
	Rule       string         `json:"rule"`
	Severity   alert.Severity `json:"severity"`
	Opened     int            `json:"opened"`
	Reopened   int            `json:"reopened"`
	Worse      int            `json:"worse"`
	Resolved   int            `json:"resolved"`
	Ended      int            `json:"ended"`
	Held       int            `json:"held"` // openings that something held back from Slack
	Open       int            `json:"open"` // firing at the end
	Messages   int            `json:"messages"`
	Broadcasts int            `json:"broadcasts"`
	Replies    int            `json:"replies"`
	Reminds    int            `json:"reminders"`
	Channels   map[string]int `json:"channels"` // messages by channel
}

// ChannelCount is what one channel got.
type ChannelCount struct {
	Channel    string `json:"channel"`
	Slack      string `json:"slack"`
	Messages   int    `json:"messages"`
	Broadcasts int    `json:"broadcasts"`
	Replies    int    `json:"replies"`
	Reminds    int    `json:"reminders"`
	Most       int    `json:"most"`              // messages on the busiest day
	MostOn     string `json:"most_on,omitempty"` // that day
}

// Title is how people call the channel: as in Slack, where it is a name there.
func (c *ChannelCount) Title() string {
	if len(c.Slack) > 0 && c.Slack[0] == '#' {
		return c.Slack
	}
	return c.Channel
}

// DayCount is what happened on one day.
type DayCount struct {
	Day        string         `json:"day"`
	Alerts     map[string]int `json:"alerts"` // by severity
	Messages   int            `json:"messages"`
	Broadcasts int            `json:"broadcasts"`
	Replies    int            `json:"replies"`
	Channels   map[string]int `json:"channels"` // messages by channel
}

// SubjectCount is a number, space or part of the bot that made noise.
type SubjectCount struct {
	Subject  phone.Subject `json:"subject"`
	Kind     string        `json:"kind"`
	Name     string        `json:"name,omitempty"` // of a number, as verified
	Alerts   int           `json:"alerts"`
	Messages int           `json:"messages"` // replies and reminders that were about it
	Rules    []string      `json:"rules"`    // the loudest first
	rules    map[string]int
}

// Flap is an alert that kept reopening.
type Flap struct {
	Rule     string        `json:"rule"`
	Subject  phone.Subject `json:"subject"`
	Field    phone.Field   `json:"field"`
	Openings int           `json:"openings"` // in all
	Most     int           `json:"most"`     // within a day
	From     time.Time     `json:"from"`     // when that day began
}
