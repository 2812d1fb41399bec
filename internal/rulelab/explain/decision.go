package explain

import (
	"cmp"
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
	// Channels says which channels get it, and why the others do not.
	Channels []rules.ChannelVerdict `json:"channels,omitempty"`
}

// Results of a Decision that are no transition.
const (
	Silent    = "silent"
	Unchanged = "unchanged"
)

// Decide evaluates an input as the rules do, and says how every rule decided for
// every field that it looks at, by rule. It also returns the alerts that moved.
func Decide(set *rules.Set, state *rules.State, in rules.Seen, now time.Time) ([]alert.Alert, []Decision) {
	moved := set.Step(state, in, now)
	var list []Decision
	for _, v := range set.Verdicts(state, in, now) {
		d := Decision{Rule: v.Rule.Name, Field: v.Field, Result: Silent, Clause: v.Clause.String(), Text: because(&v)}
		if v.Open != nil {
			d.Result, d.Alert = Unchanged, v.Open
		}
		for i := range moved {
			if a := &moved[i]; a.Rule == d.Rule && a.Field == d.Field {
				d.outcome(&v, a, state, now)
			}
		}
		list = append(list, d)
	}
	return moved, list
}

// outcome adds the alert that moved.
func (d *Decision) outcome(v *rules.Verdict, a *alert.Alert, state *rules.State, now time.Time) {
	if rules.Unsaid(a) {
		d.Result, d.Alert = Silent, nil
		d.Text = "it was waiting for " + phone.Duration(v.Rule.For) + ", and the condition cleared: " + d.Text
		return
	}
	d.Alert, d.Channels = a, v.Channels
	old, known := state.Get(a.ID)
	last, closed := state.LastClosed(a.Key())
	ago := phone.Duration(now.Sub(last.Changed).Truncate(time.Second))
	switch {
	case a.State == alert.Pending:
		d.Result, d.Clause = "pending", "for"
		d.Text += ": notifies if it is still so in " + phone.Duration(max(v.Rule.For-now.Sub(a.Since), 0))
		return
	case known && old.Revision == a.Revision:
		d.Result = Unchanged
		return
	case a.Transition == alert.Reopened:
		d.Clause = "reopen_within"
		d.Text += fmt.Sprintf(": it closed %s before, so its old message is reused", ago)
		if a.Notified != a.Revision {
			d.Text += ", and does not notify, because the field is flapping"
		}
	case a.Transition == alert.Opened && closed && last.ID != a.ID:
		d.Text += fmt.Sprintf(": the last one closed %s before, longer than reopen_within", ago)
	}
	d.Result = a.Transition.String()
}

// because explains the clause's decision.
func because(v *rules.Verdict) string {
	f, value := v.Field, shownValue(v.Field, v.Value)
	switch {
	case v.Clause == rules.On:
		return fmt.Sprintf("%s did not change", f)
	case v.Clause == rules.Move:
		return fmt.Sprintf("%s is %s, but did not change to it now", f, value)
	case v.Clause == rules.Value && v.Value == "":
		return fmt.Sprintf("%s has no value", f)
	case v.Clause == rules.Value:
		return fmt.Sprintf("%s is %s, which says nothing: it neither opens nor closes", f, value)
	case v.Clause == rules.Life:
		return "the number has left this space, and the rule is not about that"
	case v.Clause == rules.To && len(v.Rule.To) > 0:
		return fmt.Sprintf("%s is %s, and to is %s", f, value, shownValues(f, v.Rule.To))
	case v.Clause == rules.To && v.Open != nil:
		return fmt.Sprintf("%s is %s, and was %s before the alert opened", f, value, shownValue(f, v.Open.Before))
	case v.Clause == rules.To:
		return fmt.Sprintf("%s is %s, which says nothing: a rule without to opens on known values", f, value)
	case v.Clause == rules.From:
		return fmt.Sprintf("%s was %s, and from is %s", f, shownValue(f, v.Change.Old), shownValues(f, v.Rule.From))
	case v.Clause == rules.Direction:
		c := v.Change
		return fmt.Sprintf("the change from %s to %s is %s, and direction is %s", shownValue(f, c.Old), shownValue(f, c.New), c.Direction, v.Rule.Direction)
	case v.Clause == rules.Where:
		return v.False
	default:
		return fmt.Sprintf("%s is %s", f, value)
	}
}

func shownValue(f phone.Field, v string) string {
	return cmp.Or(f.Shown(v), "(none)")
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
