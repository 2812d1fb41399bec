package robot

import (
	"slices"
	"time"
)

// reminder combines reminders that are due, and those that soon will be, in one message.
func (p *planner) reminder(now, free time.Time, by func(time.Time)) (b batch) {
	for _, c := range p.channels {
		due := false
		for incident, at := range c.remind {
			if len(p.state.AlertsOf(incident)) == 0 {
				delete(c.remind, incident)
				continue
			}
			if t := latest(at, free, c.full); t.After(now) {
				by(t)
			} else {
				due = true
			}
		}
		if !due {
			continue
		}
		b = batch{channel: c.name, remind: true}
		for incident := range c.remind {
			if n := p.news(c, incident); len(n.due(now)) > 0 {
				b.incidents = append(b.incidents, incident)
			} else if c.remind[incident] = n.remindAt; n.remindAt.IsZero() {
				delete(c.remind, incident)
			}
		}
		if len(b.incidents) > 0 {
			slices.Sort(b.incidents)
			return b
		}
	}
	return batch{}
}

// due are the alerts whose reminders are due, or soon will be.
func (n *news) due(now time.Time) (due []int) {
	if n.record == nil {
		return nil
	}
	for i, a := range n.Alerts {
		if at := n.RemindAt(i, n.record.At); !at.IsZero() && !at.Add(-a.RemindEvery/10).After(now) {
			due = append(due, i)
		}
	}
	return due
}
