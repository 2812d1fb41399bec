package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
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

// String is like "quality-yellow: 3 → 412 messages in #wa-ops".
func (l *Line) String() string {
	return fmt.Sprintf("%s: %d → %s in %s", l.Rule, l.Before, plural(l.After, "message"), l.Channel)
}

// Difference is what new rules change, judged by a stretch of the log.
type Difference struct {
	Since  time.Time `json:"since"` // the stretch
	Until  time.Time `json:"until"`
	Before int       `json:"before"` // all messages
	After  int       `json:"after"`
	Lines  []Line    `json:"lines"` // what differs, the greatest first
}

// Differ compares two reports about the same stretch of the log. A channel that
// is called differently in Slack is another channel.
func Differ(before, after *Report) Difference {
	d := Difference{Since: after.Since, Until: after.Until, Before: before.Messages, After: after.Messages, Lines: []Line{}}
	type key struct{ rule, channel string }
	counts := map[key]*Line{}
	collect := func(r *Report, to func(*Line) *int) {
		titles := map[string]string{}
		for i := range r.Channels {
			titles[r.Channels[i].Channel] = r.Channels[i].Title()
		}
		for _, rule := range r.Rules {
			for channel, n := range rule.Channels {
				k := key{rule.Rule, titles[channel]}
				if counts[k] == nil {
					counts[k] = &Line{Rule: k.rule, Channel: k.channel}
				}
				*to(counts[k]) += n
			}
		}
	}
	collect(before, func(l *Line) *int { return &l.Before })
	collect(after, func(l *Line) *int { return &l.After })
	for _, l := range counts {
		if l.Before != l.After {
			d.Lines = append(d.Lines, *l)
		}
	}
	size := func(l *Line) int { return max(l.After-l.Before, l.Before-l.After) }
	sort.Slice(d.Lines, func(i, j int) bool {
		a, b := &d.Lines[i], &d.Lines[j]
		return cmp.Or(size(b)-size(a), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Channel, b.Channel)) < 0
	})
	return d
}

// Large reports whether a rule will be much louder in a channel.
func (d *Difference) Large() bool {
	return slices.ContainsFunc(d.Lines, func(l Line) bool { return l.Large() })
}

// maxLines bounds what a sentence lists.
const maxLines = 10

// String tells the difference to people, on one line.
func (d *Difference) String() string {
	span := d.Span()
	if len(d.Lines) == 0 {
		return fmt.Sprintf("%s the new rules would have sent as much as the old ones: %s", span, plural(d.After, "message"))
	}
	var parts []string
	for i := range d.Lines[:min(len(d.Lines), maxLines)] {
		parts = append(parts, d.Lines[i].String())
	}
	if more := len(d.Lines) - maxLines; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%s the new rules would have sent %s, the old ones %d: %s",
		span, plural(d.After, "message"), d.Before, strings.Join(parts, "; "))
}

// Span is the stretch of the log, as in "in the last 3 days".
func (d *Difference) Span() string {
	return "in the last " + strings.TrimPrefix(spanText(d.Until.Sub(d.Since)), "1 ")
}

// spanText is a length of time as people say it.
func spanText(d time.Duration) string {
	switch {
	case d >= 6*24*time.Hour && d <= 7*24*time.Hour+time.Hour:
		return "week"
	case d >= 48*time.Hour:
		return plural(int(d.Round(24*time.Hour).Hours()/24), "day")
	case d >= 2*time.Hour:
		return plural(int(d.Round(time.Hour).Hours()), "hour")
	default:
		return plural(max(1, int(d.Round(time.Minute).Minutes())), "minute")
	}
}

func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
