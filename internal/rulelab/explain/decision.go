package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// Decision is what a rule made of an input, for one of its fields.
type Decision struct {
	Rule  string      `json:"rule"`
	Field phone.Field `json:"field"`
	// Result is silent (the rule has no alert), pending, unchanged (its alert
	// stays as it is), or the transition that its alert made: opened, worse,
	// better, resolved, ended, reopened.
	Result string `json:"result"`
	// Clause is the key of the rule that decided: on, to, from, direction, where,
	// for, once, or life, value where it was none.
	Clause string       `json:"clause,omitempty"`
	Text   string       `json:"text"`            // why, for people
	Alert  *alert.Alert `json:"alert,omitempty"` // as it is afterwards
	// Channels says where it is told, and why not in the others.
	Channels []rules.ChannelVerdict `json:"channels,omitempty"`
}

// Results of a Decision that are no transition.
const (
	Silent    = "silent"
	Unchanged = "unchanged"
)

// Decide evaluates an input as the rules do, and tells how every rule decided for
// every field that it looks at, by rule. It also returns the alerts that moved.
func Decide(set *rules.Set, state *rules.State, in rules.Seen, now time.Time) ([]alert.Alert, []Decision) {
	moved := set.Step(state, in, now)
	byName := map[string]rules.Rule{}
	for _, r := range set.Rules() {
		byName[r.Name] = r
	}
	var list []Decision
	for _, v := range set.Verdicts(state, in, now) {
		x := decider{rule: byName[v.Rule], verdict: v, state: state, now: now}
		list = append(list, x.decision(moved))
	}
	return moved, list
}

// decider tells how one rule decided for one field.
type decider struct {
	rule    rules.Rule
	verdict rules.Verdict
	state   *rules.State
	now     time.Time
}

func (x *decider) decision(moved []alert.Alert) Decision {
	v := &x.verdict
	d := Decision{Rule: v.Rule, Field: v.Field, Result: Silent, Clause: v.Clause.String(), Text: x.because()}
	if v.Open != nil {
		open := *v.Open
		d.Result, d.Alert = Unchanged, &open
	}
	for i := range moved {
		if a := &moved[i]; a.Rule == v.Rule && a.Field == v.Field {
			x.outcome(&d, a)
		}
	}
	return d
}

// outcome adds the alert that moved.
func (x *decider) outcome(d *Decision, a *alert.Alert) {
	old, known := x.state.Get(a.ID)
	switch {
	case rules.Unsaid(a):
		d.Result, d.Alert = Silent, nil
		d.Text = "it was waiting for " + phone.Duration(x.rule.For) + ", and the condition went: " + d.Text
		return
	case a.State == alert.Pending:
		d.Result, d.Clause = "pending", "for"
		d.Text += ": told if it is still so in " + phone.Duration(max(x.rule.For-x.now.Sub(a.Since), 0))
	case known && old.Revision == a.Revision:
		d.Result = Unchanged
	default:
		d.Result = a.Transition.String()
		x.reopening(d, a)
	}
	after := *a
	d.Alert, d.Channels = &after, x.verdict.Channels
}

// reopening says of an alert that opened why it is a new one or not.
func (x *decider) reopening(d *Decision, a *alert.Alert) {
	last, ok := x.state.LastClosed(a.Key())
	ago := phone.Duration(x.now.Sub(last.Changed).Truncate(time.Second))
	switch {
	case a.Transition == alert.Reopened:
		d.Clause = "reopen_within"
		d.Text += fmt.Sprintf(": it closed %s before, so it goes on in its old message", ago)
		if a.Notified != a.Revision {
			d.Text += ", and is not told anew, because it is no worse"
		}
	case a.Transition == alert.Opened && ok && last.ID != a.ID:
		d.Text += fmt.Sprintf(": the last one closed %s before, longer than reopen_within", ago)
	}
}

// because says why the clause decided as it did.
func (x *decider) because() string {
	v := &x.verdict
	f, value := v.Field, shownValue(v.Field, v.Value)
	switch v.Clause {
	case rules.On:
		return fmt.Sprintf("%s did not change", f)
	case rules.Move:
		return fmt.Sprintf("%s is %s, but did not change to it now", f, value)
	case rules.Value:
		if v.Value == "" {
			return fmt.Sprintf("%s has no value", f)
		}
		return fmt.Sprintf("%s is %s, which says nothing: it neither opens nor closes", f, value)
	case rules.Life:
		return "the number's life here is over, and the rule is not about that"
	case rules.To:
		return x.becauseOfTo(value)
	case rules.From:
		return fmt.Sprintf("%s was %s, and from is %s", f, shownValue(f, v.Change.Old), shownValues(f, x.rule.From))
	case rules.Direction:
		c := v.Change
		return fmt.Sprintf("the way from %s to %s is %s, and direction is %s", shownValue(f, c.Old), shownValue(f, c.New), c.Direction, x.rule.Direction)
	case rules.Where:
		return v.False
	default:
		return fmt.Sprintf("%s is %s", f, value)
	}
}

func (x *decider) becauseOfTo(value string) string {
	f, open := x.verdict.Field, x.verdict.Open
	switch {
	case len(x.rule.To) > 0:
		return fmt.Sprintf("%s is %s, and to is %s", f, value, shownValues(f, x.rule.To))
	case open != nil:
		return fmt.Sprintf("%s is %s, and was %s before the alert opened", f, value, shownValue(f, open.Before))
	default:
		return fmt.Sprintf("%s is %s, which says nothing: a rule without to opens on known values", f, value)
	}
}

func shownValue(f phone.Field, v string) string {
	if v == "" {
		return "(none)"
	}
	return f.Shown(v)
}

func shownValues(f phone.Field, values []string) string {
	shown := make([]string, len(values))
	for i, v := range values {
		shown[i] = shownValue(f, v)
	}
	return strings.Join(shown, ", ")
}

// waited brings decisions up to date whose alerts were pending, and have opened
// by now because their conditions held for long enough. The state must have
// these alerts.
func waited(set *rules.Set, state *rules.State, decisions []Decision, now time.Time) {
	for _, a := range set.Step(state, rules.Tick{}, now) {
		i := slices.IndexFunc(decisions, func(d Decision) bool {
			return d.Rule == a.Rule && d.Field == a.Field && d.Alert != nil && d.Alert.State == alert.Pending
		})
		if i < 0 || a.State != alert.Firing {
			continue // such as one that goes on in the message of another
		}
		d := &decisions[i]
		held := phone.Duration(now.Sub(d.Alert.Since).Truncate(time.Second))
		d.Text = fmt.Sprintf("%s is %s: the condition has held for %s", a.Field, shownValue(a.Field, a.Change.New), held)
		d.Result, d.Alert = a.Transition.String(), &a
	}
}
