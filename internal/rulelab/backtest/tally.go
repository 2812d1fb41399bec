package backtest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/rules"
)

// tally counts what happens from Since on.
type tally struct {
	Report
	o        Options
	first    time.Time // the first event
	rules    map[string]*RuleCount
	channels map[string]*ChannelCount
	days     map[string]*DayCount
	subjects map[phone.Subject]*SubjectCount
	openings map[alert.Key][]time.Time
}

func newTally(o Options) *tally {
	t := &tally{
		Report: Report{Name: o.Name}, o: o, rules: map[string]*RuleCount{}, channels: map[string]*ChannelCount{},
		days: map[string]*DayCount{}, subjects: map[phone.Subject]*SubjectCount{}, openings: map[alert.Key][]time.Time{},
	}
	for _, r := range o.Rules.Rules() {
		t.rules[r.Name] = &RuleCount{Rule: r.Name, Severity: r.Severity, Channels: map[string]int{}}
	}
	for _, c := range o.Rules.ChannelsIn(rules.Slack) {
		t.channels[c.Name] = &ChannelCount{Channel: c.Name, Slack: c.Target}
	}
	return t
}

func (t *tally) counts(at time.Time) bool { return !at.Before(t.o.Since) }

func (t *tally) event(e *alert.Event) {
	if t.first.IsZero() {
		t.first = e.Time
	}
	if !t.counts(e.Time) {
		return
	}
	t.Events++
	if e.Kind == alert.KindChange {
		t.Changes++
	}
}

func (t *tally) day(at time.Time) *DayCount {
	name := at.UTC().Format(time.DateOnly)
	if t.days[name] == nil {
		t.days[name] = &DayCount{Day: name, Alerts: map[string]int{}, Channels: map[string]int{}}
	}
	return t.days[name]
}

func (t *tally) transition(a *alert.Alert, now time.Time) {
	if !t.counts(now) {
		return
	}
	r := t.rules[a.Rule]
	switch a.Transition {
	case alert.Opened:
		r.Opened++
	case alert.Reopened:
		r.Reopened++
	case alert.GotWorse:
		r.Worse++
	case alert.WasResolved:
		r.Resolved++
	case alert.WasEnded:
		r.Ended++
	}
	if a.Transition != alert.Opened && a.Transition != alert.Reopened {
		return
	}
	if len(a.HeldBy) > 0 {
		r.Held++
	}
	t.Alerts++
	t.day(now).Alerts[a.Severity.String()]++
	t.subject(a.Subject).note(a)
	t.openings[a.Key()] = append(t.openings[a.Key()], now)
}

func (t *tally) subject(s phone.Subject) *SubjectCount {
	if t.subjects[s] == nil {
		t.subjects[s] = &SubjectCount{Subject: s, Kind: kindNames[s.Kind()], rules: map[string]int{}}
	}
	return t.subjects[s]
}

func (c *SubjectCount) note(a *alert.Alert) {
	c.Alerts++
	c.rules[a.Rule]++
	if a.Change.Number != nil {
		c.Name = a.Change.Number.Get(phone.VerifiedName)
	}
}

// message counts a message once, and once for each rule and subject in it.
func (t *tally) message(m *slack.Notification) {
	if !t.counts(m.At) || m.Means == slack.Edit {
		return
	}
	c, d := t.channels[m.Channel], t.day(m.At)
	switch {
	case m.Remind:
		t.Reminds++
		c.Reminds++
	case m.Means == slack.Broadcast:
		t.Broadcasts++
		c.Broadcasts++
		d.Broadcasts++
	case m.Means == slack.Reply:
		t.Replies++
		c.Replies++
		d.Replies++
	default:
		t.Messages++
		c.Messages++
		d.Messages++
		d.Channels[m.Channel]++
	}
	seen, about := map[string]bool{}, map[phone.Subject]bool{}
	for i := range m.Alerts {
		a := &m.Alerts[i]
		if r := t.rules[a.Rule]; r != nil && !seen[a.Rule] {
			seen[a.Rule] = true
			r.message(m)
		}
		if !about[a.Subject] {
			about[a.Subject] = true
			t.subject(a.Subject).Messages++
		}
	}
}

func (r *RuleCount) message(m *slack.Notification) {
	switch {
	case m.Remind:
		r.Reminds++
	case m.Means == slack.Broadcast:
		r.Broadcasts++
	case m.Means == slack.Reply:
		r.Replies++
	default:
		r.Messages++
		r.Channels[m.Channel]++
	}
}

// maxListed bounds the lists of the noisiest and of what flaps.
const maxListed = 20

// report completes the report: what stands at the end, and the lists in order.
func (t *tally) report(until time.Time, st *rules.State) *Report {
	out := t.Report
	out.Since, out.Until = t.o.Since.UTC(), until.UTC()
	if t.first.After(t.o.Since) {
		out.Since = t.first.UTC()
	}
	open := map[string]int{}
	for a := range st.All() {
		if a.State == alert.Firing {
			open[a.Rule]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.rules)) {
		r := *t.rules[name]
		r.Open = open[name]
		out.Rules = append(out.Rules, r)
	}
	t.digests(&out, until)
	out.Days = t.everyDay(out.Since, until)
	for _, name := range slices.Sorted(maps.Keys(t.channels)) {
		c := *t.channels[name]
		for _, day := range out.Days {
			if n := day.Channels[name]; n > c.Most {
				c.Most, c.MostOn = n, day.Day
			}
		}
		out.Channels = append(out.Channels, c)
	}
	out.Noisiest, out.Flapping = t.noisiest(), t.flapping()
	return &out
}

// digests counts those of the channels that get nothing else.
func (t *tally) digests(out *Report, until time.Time) {
	for _, c := range t.o.Rules.ChannelsIn(rules.Slack) {
		if c.Digest == nil {
			continue
		}
		for at := c.Digest.Next(out.Since); !at.After(until); at = c.Digest.Next(at) {
			d := t.day(at)
			d.Messages++
			d.Channels[c.Name]++
			t.channels[c.Name].Messages++
			out.Messages++
		}
	}
}

// maxDays bounds what is listed day by day.
const maxDays = 1000

// everyDay lists the days, those on which nothing happened too.
func (t *tally) everyDay(since, until time.Time) []DayCount {
	days := []DayCount{}
	for at := since.Truncate(24 * time.Hour); !at.After(until) && len(days) < maxDays; at = at.Add(24 * time.Hour) {
		days = append(days, *t.day(at))
	}
	return days
}

func (t *tally) noisiest() []SubjectCount {
	all := []SubjectCount{}
	for _, s := range t.subjects {
		c := *s
		c.Rules = slices.SortedFunc(maps.Keys(c.rules), func(a, b string) int {
			return cmp.Or(c.rules[b]-c.rules[a], cmp.Compare(a, b))
		})
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b SubjectCount) int {
		return cmp.Or(b.Alerts-a.Alerts, b.Messages-a.Messages, a.Subject.Compare(b.Subject))
	})
	return all[:min(len(all), maxListed)]
}

var kindNames = map[phone.Kind]string{phone.OfBot: "bot", phone.OfAccount: "account", phone.OfSpace: "space", phone.OfNumber: "number"}

// An alert flaps that opens this often within a day.
const (
	flapTimes  = 3
	flapWithin = 24 * time.Hour
)

func (t *tally) flapping() []Flap {
	all := []Flap{}
	for k, times := range t.openings {
		f := Flap{Rule: k.Rule, Subject: k.Subject, Field: k.Field, Openings: len(times)}
		from := 0
		for i, at := range times {
			for at.Sub(times[from]) >= flapWithin {
				from++
			}
			if n := i - from + 1; n > f.Most {
				f.Most, f.From = n, times[from].UTC()
			}
		}
		if f.Most >= flapTimes {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b Flap) int {
		return cmp.Or(b.Most-a.Most, b.Openings-a.Openings, cmp.Compare(a.Rule, b.Rule), a.Subject.Compare(b.Subject), int(a.Field)-int(b.Field))
	})
	return all[:min(len(all), maxListed)]
}
