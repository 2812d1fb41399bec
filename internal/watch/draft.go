package watch

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// draft is the commit of one turn while it is being made. What it changes in
// the loop's memory holds even if the commit has to be tried again.
type draft struct {
	l          *Loop
	now        time.Time
	commit     store.Commit
	rosters    map[phone.SpaceKey]*phone.SpaceState // of this draft, ahead of the store; nil: the space left
	appeared   map[string][]phone.SpaceKey          // by number: where this draft saw it first
	roundsOver []string
	notices    []string // for people, once the commit is on disk
}

func (l *Loop) draft(now time.Time) *draft {
	return &draft{l: l, now: now, rosters: map[phone.SpaceKey]*phone.SpaceState{}, appeared: map[string][]phone.SpaceKey{}}
}

// empty reports whether there is nothing to store.
func (d *draft) empty() bool {
	c := &d.commit
	return len(c.SpaceStates)+len(c.DropSpaces)+len(c.Events)+len(c.Alerts)+len(c.DropAlerts)+
		len(c.Messages)+len(c.DropMessages)+len(c.Silences)+len(c.DropSilences)+len(c.Conditions)+len(c.Checkpoints) == 0 &&
		c.TrimBefore == 0 && len(d.roundsOver) == 0
}

// judge lets the rules step and drafts what they say.
func (d *draft) judge(in rules.Input) {
	for _, a := range d.l.rules.Step(d.l.state, in, d.now) {
		if rules.Unsaid(&a) {
			d.forget(a.ID)
			continue
		}
		a.HeldBy = d.hold(&a)
		before, _ := d.l.state.Get(a.ID)
		d.l.state.Apply(a)
		d.commit.Alerts = append(d.commit.Alerts, a)
		if a.Revision > before.Revision && a.State != alert.Pending {
			d.l.o.Metrics.transition(a)
			d.event(alert.Event{Kind: alert.KindAlert, Change: a.Change, Alert: &a})
		}
	}
}

// changed drafts the changes of one subject and judges them.
func (d *draft) changed(space phone.Space, changes []phone.Change) {
	for _, c := range changes {
		d.l.o.Metrics.change(c)
		d.event(alert.Event{Kind: alert.KindChange, Change: c})
	}
	d.judge(rules.Seen{Space: space, Changes: changes})
}

func (d *draft) notice(n alert.Notice) {
	d.event(alert.Event{Kind: alert.KindBot, Notice: &n})
}

// event appends to the log.
func (d *draft) event(e alert.Event) {
	d.l.seq++
	e.Seq = d.l.seq
	e.Time = d.now
	d.commit.Events = append(d.commit.Events, e)
}

// forget drops an alert. What a commit drops goes before what it puts.
func (d *draft) forget(id string) {
	d.l.state.Drop(id)
	d.commit.Alerts = slices.DeleteFunc(d.commit.Alerts, func(a alert.Alert) bool { return a.ID == id })
	d.commit.DropAlerts = append(d.commit.DropAlerts, id)
}

func (d *draft) checkpoint(name string, value []byte) {
	if d.commit.Checkpoints == nil {
		d.commit.Checkpoints = map[string][]byte{}
	}
	d.commit.Checkpoints[name] = value
}
