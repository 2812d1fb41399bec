package watch

import (
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// batch collects what becomes one commit. Its changes to the loop's memory stay,
// even if the commit has to be retried.
type batch struct {
	l        *Loop
	now      time.Time
	commit   store.Commit
	states   map[phone.SpaceKey]*phone.SpaceState // of this batch, ahead of the store; nil: the space is forgotten
	appeared map[string][]phone.SpaceKey          // by number: the spaces where this batch saw it first
	missing  map[string][]phone.SpaceKey          // by number: those where this batch missed it
	// unexplained are alerts that opened or got worse, of rules that want reasons.
	unexplained []alert.Alert
	roundsOver  []string // accounts
}

func (l *Loop) newBatch(now time.Time) *batch {
	return &batch{
		l: l, now: now, states: map[phone.SpaceKey]*phone.SpaceState{},
		appeared: map[string][]phone.SpaceKey{}, missing: map[string][]phone.SpaceKey{},
	}
}

// empty reports whether there is nothing to store.
func (t *batch) empty() bool {
	c := &t.commit
	return len(c.SpaceStates)+len(c.DropSpaces)+len(c.Events)+len(c.Alerts)+len(c.DropAlerts)+
		len(c.Messages)+len(c.DropMessages)+len(c.Silences)+len(c.DropSilences)+len(c.Conditions)+len(c.Checkpoints) == 0 &&
		c.TrimBefore == 0 && len(t.roundsOver) == 0
}

// judge steps the rules and commits the transitions.
func (t *batch) judge(in rules.Input) {
	for _, a := range t.l.rules.Step(t.l.state, in, t.now) {
		if rules.Unsaid(&a) {
			t.dropAlert(a.ID)
			continue
		}
		a.HeldBy = t.heldBy(&a)
		t.l.rules.Address(&a)
		before, _ := t.l.state.Get(a.ID)
		if t.wantsReason(&before, &a) {
			a.Reason = nil // that of what was before
			t.unexplained = append(t.unexplained, a)
		}
		t.putAlert(a)
		if a.Revision > before.Revision && a.State != alert.Pending {
			t.l.o.Metrics.transition(a)
			t.event(alert.Event{Kind: alert.KindAlert, Change: a.Change, Alert: &a})
		}
	}
}

// wantsReason reports whether a transition is one whose reason is to be found.
func (t *batch) wantsReason(before, a *alert.Alert) bool {
	if a.Revision == before.Revision || a.State != alert.Firing || a.Subject.PhoneNumber == "" || !t.l.rules.Explains(a.Rule) {
		return false
	}
	return a.Transition == alert.Opened || a.Transition == alert.Reopened || a.Transition == alert.GotWorse
}

// changed logs the changes of one subject and judges them.
func (t *batch) changed(changes []phone.Change) {
	for _, c := range changes {
		t.l.o.Metrics.change(c)
		t.event(alert.Event{Kind: alert.KindChange, Change: c})
	}
	t.judge(rules.NewSeen(changes, t.l.o.Directory.Space))
}

func (t *batch) notice(n alert.Notice) {
	t.event(alert.Event{Kind: alert.KindBot, Notice: &n})
}

// event appends to the log.
func (t *batch) event(e alert.Event) {
	t.l.seq++
	e.Seq = t.l.seq
	e.Time = t.now
	t.commit.Events = append(t.commit.Events, e)
}

func (t *batch) putAlert(a alert.Alert) {
	t.l.state.Apply(a)
	t.commit.Alerts = append(t.commit.Alerts, a)
}

// dropAlert drops an alert. A commit applies what it drops before what it puts.
func (t *batch) dropAlert(id string) {
	t.l.state.Drop(id)
	t.commit.Alerts = slices.DeleteFunc(t.commit.Alerts, func(a alert.Alert) bool { return a.ID == id })
	t.commit.DropAlerts = append(t.commit.DropAlerts, id)
}

func (t *batch) checkpoint(name string, value []byte) {
	if t.commit.Checkpoints == nil {
		t.commit.Checkpoints = map[string][]byte{}
	}
	t.commit.Checkpoints[name] = value
}
