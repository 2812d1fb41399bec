// Package digest sums up what happened to the alerts of a channel since its last
// digest. It returns data: notify/card puts it into words, and the sinks into
// their formats. It imports phone, alert and notify; sinks and notify/card use it.
package digest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
)

// How many of each a digest lists; the rest is counted.
const (
	maxMoved     = 10 // that opened, or that ended
	maxOpen      = 15
	maxCustomers = 5
	maxRules     = 5
	batch        = 500 // events of the log, read at once
)

// Digest is what happened to the alerts of a channel, and what is open at the end.
// Drills are not in it, nor is what is held back.
type Digest struct {
	From, Until time.Time
	Opened      List // notices too
	Ended       List
	Open        List
	Held        int        // alerts that would be in it, but for a silence, a mute time or another rule
	Customers   []Customer // worst first
	Rules       []Rule     // noisiest first
}

// List is some alerts, of which the worst are there.
type List struct {
	Total int
	Worst []alert.Alert
}

// Customer is a space with alerts.
type Customer struct {
	Space        phone.SpaceKey
	Open, Opened int
	worst        alert.Severity // of what is open
}

// Rule is how often alerts of a rule opened, and opened again.
type Rule struct {
	Name   string
	Opened int
}

// Quiet reports whether nothing happened, and nothing is open.
func (d *Digest) Quiet() bool { return d.Silent() && d.Held == 0 }

// Silent reports whether it lists nothing, so that nobody need be mentioned.
func (d *Digest) Silent() bool { return d.Opened.Total+d.Ended.Total+d.Open.Total == 0 }

// Collect sums up a part of the log for a channel. Alerts are those of now: what is
// open, and what closed so recently that it may come back.
func Collect(log notify.Log, channel string, part alert.Digest, alerts []*alert.Alert) (*Digest, error) {
	c := collector{channel: channel, moved: map[string]*moved{}, customers: map[phone.SpaceKey]*Customer{}, rules: map[string]int{}}
	for from := part.After + 1; from <= part.Seq; {
		events, err := log.ReadLog(from, int(min(batch, part.Seq-from+1)))
		if err != nil {
			return nil, fmt.Errorf("reading the log from event %d: %w", from, err)
		}
		if len(events) == 0 {
			break
		}
		for i := range events {
			c.event(&events[i])
		}
		from = events[len(events)-1].Seq + 1
	}
	d := &Digest{From: part.From, Until: part.Until}
	c.now(d, alerts)
	if err := c.lists(d, log); err != nil {
		return nil, err
	}
	d.Customers, d.Rules = c.worstCustomers(), c.noisiestRules()
	return d, nil
}

// moved is what became of an alert. A busy week has many, so only the few that are
// listed have their events read again.
type moved struct {
	opened, ended uint64 // the events that say so; 0: it did not
	severity      alert.Severity
	since         time.Time
	took          time.Duration
	rule          string
	openings      int
	subject       phone.Subject
	held          bool
}

type collector struct {
	channel   string
	moved     map[string]*moved // by the alert's id
	customers map[phone.SpaceKey]*Customer
	rules     map[string]int
}

func (c *collector) wants(a *alert.Alert) bool {
	return !a.Drill && slices.Contains(a.Channels, c.channel)
}

func (c *collector) event(e *alert.Event) {
	a := e.Alert
	if e.Kind != alert.KindAlert || !c.wants(a) {
		return
	}
	m := c.moved[a.ID]
	if m == nil {
		m = &moved{}
		c.moved[a.ID] = m
	}
	m.severity, m.since, m.rule, m.subject, m.held = a.Severity, a.Since, a.Rule, a.Subject, len(a.HeldBy) > 0
	switch a.Transition {
	case alert.Opened, alert.Reopened:
		m.opened, m.ended = e.Seq, 0
		m.openings++
	case alert.GotWorse:
		if m.opened > 0 {
			m.opened = e.Seq
		}
	case alert.WasResolved, alert.WasEnded:
		m.ended, m.took = e.Seq, a.Changed.Sub(a.Since)
	}
}

// now adds what is open, and leaves out what is held back.
func (c *collector) now(d *Digest, alerts []*alert.Alert) {
	for _, a := range alerts {
		m, held := c.moved[a.ID], len(a.HeldBy) > 0
		if m != nil {
			m.held = held
		}
		switch {
		case a.State != alert.Firing || !c.wants(a):
		case held && m == nil:
			d.Held++
		case !held:
			d.Open.Worst = append(d.Open.Worst, *a)
			customer := c.customer(a.Subject)
			customer.worst = min(customer.worst, a.Severity)
			customer.Open++
		}
	}
	for id, m := range c.moved {
		if m.held {
			d.Held++
			delete(c.moved, id)
		}
	}
	d.Open.Total = len(d.Open.Worst)
	slices.SortFunc(d.Open.Worst, func(x, y alert.Alert) int {
		return cmp.Or(cmp.Compare(x.Severity, y.Severity), x.Since.Compare(y.Since), cmp.Compare(x.ID, y.ID))
	})
	d.Open.Worst = slices.Clone(d.Open.Worst[:min(maxOpen, d.Open.Total)])
}

func (c *collector) customer(s phone.Subject) *Customer {
	key := s.SpaceKey()
	if c.customers[key] == nil {
		c.customers[key] = &Customer{Space: key, worst: alert.Info + 1}
	}
	return c.customers[key]
}

// lists fills the lists of what opened and what ended.
func (c *collector) lists(d *Digest, log notify.Log) error {
	var opened, ended []*moved
	for _, m := range c.moved {
		if m.opened > 0 {
			opened = append(opened, m)
			c.customer(m.subject).Opened++
			c.rules[m.rule] += m.openings
		}
		if m.ended > 0 {
			ended = append(ended, m)
		}
	}
	slices.SortFunc(opened, func(x, y *moved) int {
		return cmp.Or(cmp.Compare(x.severity, y.severity), cmp.Compare(x.opened, y.opened))
	})
	slices.SortFunc(ended, func(x, y *moved) int {
		return cmp.Or(cmp.Compare(x.severity, y.severity), cmp.Compare(y.took, x.took), cmp.Compare(x.ended, y.ended))
	})
	d.Opened.Total, d.Ended.Total = len(opened), len(ended)
	var err error
	if d.Opened.Worst, err = read(log, opened, func(m *moved) uint64 { return m.opened }); err != nil {
		return err
	}
	d.Ended.Worst, err = read(log, ended, func(m *moved) uint64 { return m.ended })
	return err
}

// read returns the alerts of the first events of a list.
func read(log notify.Log, list []*moved, event func(*moved) uint64) (alerts []alert.Alert, err error) {
	for _, m := range list[:min(maxMoved, len(list))] {
		events, err := log.ReadLog(event(m), 1)
		if err != nil {
			return nil, fmt.Errorf("reading event %d of the log: %w", event(m), err)
		}
		if len(events) == 1 && events[0].Seq == event(m) { // else it has just left the log
			alerts = append(alerts, *events[0].Alert)
		}
	}
	return alerts, nil
}

func (c *collector) worstCustomers() (list []Customer) {
	for _, customer := range c.customers {
		if customer.Space.ID != "" {
			list = append(list, *customer)
		}
	}
	slices.SortFunc(list, func(x, y Customer) int {
		return cmp.Or(cmp.Compare(x.worst, y.worst), y.Open-x.Open, y.Opened-x.Opened, cmp.Compare(x.Space.Account, y.Space.Account), cmp.Compare(x.Space.ID, y.Space.ID))
	})
	return list[:min(maxCustomers, len(list))]
}

func (c *collector) noisiestRules() (list []Rule) {
	for _, name := range slices.Sorted(maps.Keys(c.rules)) {
		list = append(list, Rule{name, c.rules[name]})
	}
	slices.SortStableFunc(list, func(x, y Rule) int { return y.Opened - x.Opened })
	return list[:min(maxRules, len(list))]
}
