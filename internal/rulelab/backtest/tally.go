package backtest

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"

	"numwatch/alert"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/rules"
)

// tally counts what happens from Since on.
type tally struct {
	o        Options
	events   int
	changes  int
	first    time.Time // the first event
	messages int
	replies  int
	reminds  int
	alerts   int
	rules    map[string]*RuleCount
	channels map[string]*ChannelCount
	days     map[string]*DayCount
	subjects map[phone.Subject]*SubjectCount
	openings map[alert.Key][]time.Time
}

func newTally(o Options) *tally {
	t := &tally{
		o: o, rules: map[string]*RuleCount{}, channels: map[string]*ChannelCount{}, days: map[string]*DayCount{},
		subjects: map[phone.Subject]*SubjectCount{}, openings: map[alert.Key][]time.Time{},
	}
	for _, r := range o.Rules.Rules() {
		t.rules[r.Name] = &RuleCount{Rule: r.Name, Severity: r.Severity, Channels: map[string]int{}}
	}
	for _, c := range o.Rules.Channels() {
		t.channels[c.Name] = &ChannelCount{Channel: c.Name, Slack: c.Slack, days: map[string]int{}}
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
	t.events++
	if e.Kind == alert.KindChange {
		t.changes++
	}
}

const dayFormat = "2006-01-02"

func (t *tally) day(at time.Time) *DayCount {
	name := at.UTC().Format(dayFormat)
	d := t.days[name]
	if d == nil {
		d = &DayCount{Day: name, Alerts: map[string]int{}, Channels: map[string]int{}}
		t.days[name] = d
	}
	return d
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
	t.alerts++
	t.day(now).Alerts[a.Severity.String()]++
	t.subject(a.Subject).note(a)
	t.openings[a.Key()] = append(t.openings[a.Key()], now)
}

func (t *tally) subject(s phone.Subject) *SubjectCount {
	c := t.subjects[s]
	if c == nil {
		c = &SubjectCount{Subject: s, rules: map[string]int{}}
		t.subjects[s] = c
	}
	return c
}

func (c *SubjectCount) note(a *alert.Alert) {
	c.Alerts++
	c.rules[a.Rule]++
	if a.Change.Number != nil {
		c.Name = a.Change.Number.Get(phone.VerifiedName)
	}
}

// told counts a message once, and once for each rule and subject in it.
func (t *tally) told(m *slack.Told) {
	if !t.counts(m.At) {
		return
	}
	c, d := t.channels[m.Channel], t.day(m.At)
	switch {
	case m.Remind:
		t.reminds++
		c.Reminds++
	case m.Reply:
		t.replies++
		c.Replies++
		d.Replies++
	default:
		t.messages++
		c.Messages++
		d.Messages++
		d.Channels[m.Channel]++
		c.days[d.Day]++
	}
	seen, about := map[string]bool{}, map[phone.Subject]bool{}
	for i := range m.Alerts {
		a := &m.Alerts[i]
		if r := t.rules[a.Rule]; r != nil && !seen[a.Rule] {
			seen[a.Rule] = true
			r.told(m)
		}
		if !about[a.Subject] {
			about[a.Subject] = true
			t.subject(a.Subject).Messages++
		}
	}
}

func (r *RuleCount) told(m *slack.Told) {
	switch {
	case m.Remind:
		r.Reminds++
	case m.Reply:
		r.Replies++
	default:
		r.Messages++
		r.Channels[m.Channel]++
	}
}

// mostShown bounds the lists of the noisiest and of what flaps.
const mostShown = 20

func (t *tally) report(until time.Time, st *rules.State) *Report {
	since := later(t.o.Since, t.first)
	if t.first.IsZero() {
		since = t.o.Since
	}
	out := &Report{
		Name: t.o.Name, Since: since.UTC(), Until: until.UTC(), Events: t.events, Changes: t.changes,
		Alerts: t.alerts, Messages: t.messages, Replies: t.replies, Reminds: t.reminds,
		Days: t.everyDay(since, until), Flapping: t.flapping(),
	}
	open := map[string]int{}
	for a := range st.All() {
		if a.State == alert.Firing {
			open[a.Rule]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.rules)) {
		r := *t.rules[name]
		r.Channels, r.Open = maps.Clone(r.Channels), open[name]
		out.Rules = append(out.Rules, r)
	}
	for _, name := range slices.Sorted(maps.Keys(t.channels)) {
		c := *t.channels[name]
		for _, day := range slices.Sorted(maps.Keys(c.days)) {
			if c.days[day] > c.Most {
				c.Most, c.MostOn = c.days[day], day
			}
		}
		out.Channels = append(out.Channels, c)
	}
	out.Noisiest = t.noisiest()
	return out
}

// maxDays bounds what is listed day by day.
const maxDays = 1000

// everyDay lists the days, those on which nothing happened too.
func (t *tally) everyDay(since, until time.Time) []DayCount {
	days := []DayCount{}
	for at := since.UTC().Truncate(24 * time.Hour); !at.After(until) && len(days) < maxDays; at = at.Add(24 * time.Hour) {
		d := DayCount{Day: at.Format(dayFormat), Alerts: map[string]int{}, Channels: map[string]int{}}
		if seen := t.days[d.Day]; seen != nil {
			d = *seen
			d.Alerts, d.Channels = maps.Clone(d.Alerts), maps.Clone(d.Channels)
		}
		days = append(days, d)
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
		c.Kind = kindNames[c.Subject.Kind()]
		all = append(all, c)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(b.Alerts-a.Alerts, b.Messages-a.Messages, a.Subject.Compare(b.Subject)) < 0
	})
	return all[:min(len(all), mostShown)]
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
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(b.Most-a.Most, b.Openings-a.Openings, cmp.Compare(a.Rule, b.Rule), a.Subject.Compare(b.Subject), int(a.Field)-int(b.Field)) < 0
	})
	return all[:min(len(all), mostShown)]
}
