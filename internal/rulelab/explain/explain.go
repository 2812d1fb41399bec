// Package explain says why people were notified of something, or were not: it
// judges a change again, from the log and by the rules as they are now, with the
// code that judged it then, and shows next to it what was done, from the log and
// the messages. It only reads.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// Explainer answers questions about one history.
type Explainer struct {
	History *store.Store
	Rules   *rules.Set
	Space   func(phone.SpaceKey) phone.Space // names and labels, which rules look at

	heads []store.Head // of the events about alerts before next
	next  uint64
}

// Record is an event of the log about an alert.
type Record struct {
	Event      string           `json:"event"` // its id on NATS
	At         time.Time        `json:"at"`
	Rule       string           `json:"rule"`
	Alert      string           `json:"alert"`
	Transition alert.Transition `json:"transition"`
	Field      phone.Field      `json:"field"`
	Old        string           `json:"old"`
	New        string           `json:"new"`
	Notified   bool             `json:"told"` // it was to notify people, where nothing held it back
	Channels   []string         `json:"channels"`
	HeldBy     []string         `json:"held_by"`
	Closing    string           `json:"closing,omitempty"`
}

// Change explains the changes of one subject from one poll.
type Change struct {
	Event   string         `json:"event"`
	At      time.Time      `json:"at"`
	Subject phone.Subject  `json:"subject"`
	Changes []phone.Change `json:"changes"` // URLs are redacted
	// Decisions is what the rules make of it as they are now.
	Decisions []Decision `json:"decisions"`
	Log       []Record   `json:"log"` // what was done then
	// Differences says where the current rules would decide differently.
	Differences []string `json:"differences"`
}

// Event explains the event with the id (or sequence) of a change or alert.
func (x *Explainer) Event(id string) (*Change, error) {
	seq, err := x.seq(id)
	if err != nil {
		return nil, err
	}
	e, err := x.read(seq)
	if err != nil {
		return nil, err
	}
	if e.Kind == alert.KindBot {
		return nil, fmt.Errorf("event %s is about numwatch itself (%s): rules do not apply to it", id, e.Notice.Kind)
	}
	return x.change(&e)
}

// seq reads k3v9q2-000000004211 and 4211.
func (x *Explainer) seq(id string) (uint64, error) {
	epoch, digits, ok := strings.Cut(id, "-")
	if !ok {
		epoch, digits = x.History.Epoch(), id
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not an event id", id)
	case epoch != x.History.Epoch():
		return 0, fmt.Errorf("event %s is of another store: this one is %s", id, x.History.Epoch())
	case seq < x.History.FirstSeq() || seq > x.History.LastSeq():
		return 0, fmt.Errorf("the log has the events %d to %d, not %d", x.History.FirstSeq(), x.History.LastSeq(), seq)
	}
	return seq, nil
}

func (x *Explainer) id(seq uint64) string { return fmt.Sprintf("%s-%012d", x.History.Epoch(), seq) }

func (x *Explainer) read(seq uint64) (alert.Event, error) {
	events, err := x.History.ReadLog(seq, 1)
	if err != nil {
		return alert.Event{}, err
	}
	if len(events) == 0 || events[0].Seq != seq {
		return alert.Event{}, fmt.Errorf("the log has no event %d", seq)
	}
	return events[0], nil
}

// change judges again the changes of one subject from one poll; e is one of its
// events.
func (x *Explainer) change(e *alert.Event) (*Change, error) {
	t, err := x.turn(e)
	if err != nil {
		return nil, err
	}
	c := &Change{Event: x.id(e.Seq), At: e.Time, Subject: e.Subject(), Log: t.log, Differences: []string{}}
	judged := t
	if len(t.changes) == 0 { // time, an operator or new rules moved the alert
		if judged, err = x.cause(e, t); err != nil {
			return nil, err
		}
		c.Log = append(judged.log, t.log...)
	}
	state, err := x.stateBefore(judged.first, e.Subject())
	if err != nil {
		return nil, err
	}
	moved, decisions := Decide(x.Rules, state, rules.NewSeen(judged.changes, x.Space), judged.at)
	if judged.at.Before(t.at) {
		for _, a := range moved {
			if t.has(&a) { // others that wait may have opened at another time
				state.Apply(a)
			}
		}
		waited(x.Rules, state, decisions, t.at)
	}
	c.Decisions = redactedDecisions(decisions)
	for _, change := range judged.changes {
		c.Changes = append(c.Changes, redacted(change))
	}
	if e.Alert == nil || !e.Alert.Drill { // no rule has judged a drill
		c.Differences = append(c.Differences, differences(c.Decisions, c.Log)...)
	}
	return c, nil
}

// lookAround is how far from an event others of the same turn are looked for.
const lookAround = 200

// turn is what was decided together of one subject.
type turn struct {
	first   uint64 // the sequence that it begins with
	at      time.Time
	changes []phone.Change
	log     []Record
}

// has reports whether the turn has an event of the alert's rule.
func (t *turn) has(a *alert.Alert) bool {
	return slices.ContainsFunc(t.log, func(r Record) bool { return r.Rule == a.Rule && r.Field == a.Field })
}

// turn finds the events that were decided together with e, of its subject.
func (x *Explainer) turn(e *alert.Event) (turn, error) {
	t := turn{first: e.Seq, at: e.Time, log: []Record{}}
	events, err := x.History.ReadLog(e.Seq-min(e.Seq, lookAround), 2*lookAround)
	for i := range events {
		other := &events[i]
		if other.Kind == alert.KindBot || other.Subject() != e.Subject() || !other.Time.Equal(e.Time) {
			continue
		}
		t.first = min(t.first, other.Seq)
		if other.Kind == alert.KindChange {
			t.changes = append(t.changes, other.Change)
		} else {
			t.log = append(t.log, x.record(other))
		}
	}
	return t, err
}

// cause finds what an alert goes back to that moved in a turn without a change.
// Of one that opened that is the turn in which its wait began: its rule has `for`.
func (x *Explainer) cause(e *alert.Event, t turn) (turn, error) {
	alone := turn{first: t.first, at: t.at, changes: []phone.Change{e.Change}}
	if !opened(e) || e.Alert.Drill {
		return alone, nil
	}
	began, err := x.began(e)
	if err != nil {
		return alone, err
	}
	if began == nil { // the log has it no more
		alone.at = e.Change.SeenAt
		return alone, nil
	}
	return x.turn(began)
}

// opened reports whether an alert opened or reopened.
func opened(e *alert.Event) bool {
	return e.Alert != nil && (e.Alert.Transition == alert.Opened || e.Alert.Transition == alert.Reopened)
}

// began finds the change with which the wait of an alert began: the one that it
// opened with, or where the value went on meanwhile, as from YELLOW to RED, the
// one that led away from the value before. It is nil where the log has it no more.
func (x *Explainer) began(e *alert.Event) (first *alert.Event, err error) {
	a := e.Alert
	wentOn := a.Change.Old != a.Before
	err = x.each(func(h store.Head) bool {
		return h.Kind == alert.KindChange && h.Seq < e.Seq && h.Subject == e.Subject()
	}, func(other *alert.Event) {
		c := &other.Change
		if wentOn && c.Field == a.Field && c.Old == a.Before || !wentOn && c.SeenAt.Equal(a.Change.SeenAt) {
			first = other
		}
	})
	return first, err
}

func (x *Explainer) record(e *alert.Event) Record {
	a := e.Alert
	return Record{
		Event: x.id(e.Seq), At: e.Time, Rule: a.Rule, Alert: a.ID, Transition: a.Transition, Field: a.Field,
		Old: a.Field.Shown(a.Change.Old), New: a.Field.Shown(a.Change.New), Notified: a.Notified == a.Revision,
		Channels: append([]string{}, a.Channels...), HeldBy: append([]string{}, a.HeldBy...), Closing: a.Closing,
	}
}

// stateBefore brings back the alerts of a subject, and of the space and account
// that it is in, as the log had them before an event.
func (x *Explainer) stateBefore(seq uint64, s phone.Subject) (*rules.State, error) {
	around := []phone.Subject{s, {Account: s.Account, Space: s.Space}, {Account: s.Account}}
	last := map[string]alert.Alert{}
	err := x.eachAlert(func(h store.Head) bool {
		return h.Seq < seq && slices.Contains(around, h.Subject)
	}, func(e *alert.Event) { last[e.Alert.ID] = *e.Alert })
	if err != nil {
		return nil, err
	}
	state := rules.NewState(nil)
	for _, a := range last {
		state.Apply(a)
	}
	return state, nil
}

const page = 2000

// each reads the events whose heads are wanted, in order.
func (x *Explainer) each(wanted func(store.Head) bool, visit func(*alert.Event)) error {
	for from := x.History.FirstSeq(); ; {
		heads, err := x.History.ReadHeads(from, page)
		if err != nil || len(heads) == 0 {
			return err
		}
		if err := x.among(heads, wanted, visit); err != nil {
			return err
		}
		from = heads[len(heads)-1].Seq + 1
	}
}

func (x *Explainer) among(heads []store.Head, wanted func(store.Head) bool, visit func(*alert.Event)) error {
	for _, h := range heads {
		if !wanted(h) {
			continue
		}
		e, err := x.read(h.Seq)
		if err != nil {
			return err
		}
		visit(&e)
	}
	return nil
}

// eachAlert is each for events about alerts. Which these are is read once, because there
// may be hundreds of thousands of others.
func (x *Explainer) eachAlert(wanted func(store.Head) bool, visit func(*alert.Event)) error {
	for {
		heads, next, err := x.History.AlertHeads(x.next, page)
		if err != nil {
			return err
		}
		if next == x.next {
			return x.among(x.heads, wanted, visit)
		}
		x.heads, x.next = append(x.heads, heads...), next
	}
}

// redacted returns the change without tokens of URLs.
func redacted(c phone.Change) phone.Change {
	c.Old, c.New, c.Number = c.Field.Shown(c.Old), c.Field.Shown(c.New), nil
	return c
}

func redactedAlert(a alert.Alert) alert.Alert {
	a.Change, a.Before = redacted(a.Change), a.Field.Shown(a.Before)
	return a
}

func redactedDecisions(decisions []Decision) []Decision {
	for i := range decisions {
		if a := decisions[i].Alert; a != nil {
			without := redactedAlert(*a)
			decisions[i].Alert = &without
		}
	}
	return decisions
}

// differences compares what the rules decide now with what the log has. Of what
// is pending the log has nothing.
func differences(now []Decision, then []Record) (list []string) {
	moves := map[string]string{}
	for _, d := range now {
		if d.Result != Silent && d.Result != Unchanged {
			moves[d.Rule+" on "+d.Field.String()] = d.Result
		}
	}
	for _, r := range then {
		key := r.Rule + " on " + r.Field.String()
		if moves[key] != r.Transition.String() {
			list = append(list, fmt.Sprintf("%s: %s then, %s with the current rules", key, r.Transition, cmp.Or(moves[key], "nothing")))
		}
		delete(moves, key)
	}
	for key, result := range moves {
		if result != alert.Pending.String() {
			list = append(list, fmt.Sprintf("%s: nothing then, %s with the current rules", key, result))
		}
	}
	slices.Sort(list)
	return list
}
