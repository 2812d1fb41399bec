package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/phone"
)

// Line says how many messages a rule sends to a channel under the old rules and
// under the new ones.
type Line struct {
	Rule    string `json:"rule"`
	Channel string `json:"channel"` // as people call it
	Before  int    `json:"before"`
	After   int    `json:"after"`
}

// Large reports whether people will notice: at least five times as many, and at
// least 20 more.
func (l *Line) Large() bool { return l.After >= 5*l.Before && l.After-l.Before >= 20 }

// size is the size of the difference.
func (l *Line) size() int { return max(l.After-l.Before, l.Before-l.After) }

// String is like "quality-yellow: 3 → 412 messages in #wa-ops".
func (l *Line) String() string {
	return fmt.Sprintf("%s: %d → %s in %s", l.Rule, l.Before, phone.Count(l.After, "message"), l.Channel)
}

// Difference is what new rules change, judged by a stretch of the log.
type Difference struct {
	Since  time.Time `json:"since"` // the stretch
	Until  time.Time `json:"until"`
	Before int       `json:"before"` // all messages
	After  int       `json:"after"`
	Lines  []Line    `json:"lines"` // what differs, the greatest first
}

// Differ compares two reports about the same stretch of the log. A channel with
// another name in Slack is another channel.
func Differ(before, after *Report) Difference {
	d := Difference{Since: after.Since, Until: after.Until, Before: before.Messages, After: after.Messages, Lines: []Line{}}
	lines := map[[2]string]*Line{}
	line := func(r *Report, rule, channel string) *Line {
		i := slices.IndexFunc(r.Channels, func(c ChannelCount) bool { return c.Channel == channel })
		key := [2]string{rule, r.Channels[i].Title()}
		if lines[key] == nil {
			lines[key] = &Line{Rule: key[0], Channel: key[1]}
		}
		return lines[key]
	}
	for _, r := range before.Rules {
		for channel, n := range r.Channels {
			line(before, r.Rule, channel).Before += n
		}
	}
	for _, r := range after.Rules {
		for channel, n := range r.Channels {
			line(after, r.Rule, channel).After += n
		}
	}
	for _, l := range lines {
		if l.Before != l.After {
			d.Lines = append(d.Lines, *l)
		}
	}
	slices.SortFunc(d.Lines, func(a, b Line) int {
		return cmp.Or(b.size()-a.size(), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Channel, b.Channel))
	})
	return d
}

// Large reports whether a rule will send much more to a channel.
func (d *Difference) Large() bool {
	return slices.ContainsFunc(d.Lines, func(l Line) bool { return l.Large() })
}

// maxLines bounds what a sentence lists.
const maxLines = 10

// String says the difference to people, on one line.
func (d *Difference) String() string {
	if len(d.Lines) == 0 {
		return fmt.Sprintf("%s the new rules would have sent as much as the old ones: %s", d.Span(), phone.Count(d.After, "message"))
	}
	var parts []string
	for i := range d.Lines[:min(len(d.Lines), maxLines)] {
		parts = append(parts, d.Lines[i].String())
	}
	if more := len(d.Lines) - maxLines; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s the new rules would have sent %s, the old ones %d: %s",
		d.Span(), phone.Count(d.After, "message"), d.Before, strings.Join(parts, "; "))
}

// Span is the stretch of the log, as in "in the last 3 days".
func (d *Difference) Span() string {
	hours := max(1, int(d.Until.Sub(d.Since).Round(time.Hour).Hours()))
	if hours < 48 {
		return "in the last " + phone.Count(hours, "hour")
	}
	return "in the last " + phone.Count((hours+12)/24, "day")
}
