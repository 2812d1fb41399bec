package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"numwatch/alert"
	"numwatch/phone"
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
	Channels []Hearing `json:"channels,omitempty"`
}

// Hearing is whether a channel hears of an alert.
type Hearing struct {
	Channel string `json:"channel"`
	Told    bool   `json:"told"`
	Text    string `json:"text,omitempty"` // why it is not
}

// Results of a Decision that are no transition.
const (
	Silent    = "silent"
	Unchanged = "unchanged"
)

// Explain judges an input as Step does, and tells how every rule decided for
// every field that it looks at, by rule.
func (s *Set) Explain(st *State, in Seen, now time.Time) ([]alert.Alert, []Decision) {
	b := batch{set: s, st: st, now: now, trace: &trace{decisions: map[ruleField]*Decision{}}}
	if len(in.Changes) > 0 {
		b.trace.subject = in.Changes[0].Subject
	}
	b.step(in)
	return b.out, b.explained()
}

// Waited brings decisions up to date whose alerts were pending, and have opened
// by now because their conditions held for long enough. The state must have
// these alerts.
func (s *Set) Waited(st *State, decisions []Decision, now time.Time) {
	for _, a := range s.Step(st, Tick{}, now) {
		i := slices.IndexFunc(decisions, func(d Decision) bool {
			return d.Rule == a.Rule && d.Field == a.Field && d.Alert != nil && d.Alert.State == alert.Pending
		})
		if i < 0 || a.State != alert.Firing {
			continue // such as one that goes on in the message of another
		}
		d := &decisions[i]
		d.Text = fmt.Sprintf("%s is %s: the condition has held for %s", a.Field, shownValue(a.Field, a.Change.New), brief(now.Sub(d.Alert.Since).Truncate(time.Second)))
		d.Result, d.Alert = a.Transition.String(), &a
	}
}

// clause is what decided over a rule.
type clause uint8

const (
	byNothing   clause = iota // nothing kept it from opening, or closed it
	byOn                      // the field did not change
	byMove                    // it opens on a change only
	byValue                   // the value is not known, or says nothing
	byLife                    // the number's life here is over
	byTo                      // the value is not one that it is about
	byFrom                    // the value before
	byDirection               // the way it went
	byWhere                   // sight.failed
)

var clauseNames = [...]string{"", "on", "on", "value", "life", "to", "from", "direction", "where"}

// trace collects how rules decide, while they do.
type trace struct {
	subject   phone.Subject
	decisions map[ruleField]*Decision
}

func (t *trace) of(w *watch) *Decision {
	k := ruleField{w.name, w.field}
	if t.decisions[k] == nil {
		t.decisions[k] = &Decision{Rule: w.name, Field: w.field}
	}
	return t.decisions[k]
}

// tellTrace notes which clause decided, if somebody wants to know.
func (s *sight) tellTrace(w *watch, by clause, v string) {
	if s.trace == nil {
		return
	}
	d := s.trace.of(w)
	d.Clause, d.Text = clauseNames[by], s.because(w, by, v)
}

// traceOthers notes why the index passed over the rules that it did.
func (s *sight) traceOthers(judged []int) {
	for i := range s.set.watches {
		if slices.Contains(judged, i) {
			continue
		}
		w := &s.set.watches[i]
		v, ok := s.value(w.field)
		by := byOn
		if c := s.change(w.field); ok && (c != nil || s.first && w.field.OfNumber()) {
			by = s.refuses(w, c, v)
		}
		s.tellTrace(w, by, v)
	}
}

func (t *trace) channel(s *sight, w *watch, ch *channel, told bool) {
	h := Hearing{Channel: ch.Name, Told: told}
	if !told {
		h.Text = s.falseText(ch.where, w.field)
	}
	d := t.of(w)
	d.Channels = append(d.Channels, h)
}

// because says why a clause decided as it did.
func (s *sight) because(w *watch, by clause, v string) string {
	f := w.field
	a := s.st.openOf(w.name, s.subject, f)
	switch by {
	case byOn:
		return fmt.Sprintf("%s did not change", f)
	case byMove:
		return fmt.Sprintf("%s is %s, but did not change to it now", f, shownValue(f, v))
	case byValue:
		if v == "" {
			return fmt.Sprintf("%s has no value", f)
		}
		return fmt.Sprintf("%s is %s, which says nothing: it neither opens nor closes", f, shownValue(f, v))
	case byLife:
		return "the number's life here is over, and the rule is not about that"
	case byTo:
		if w.to == nil && a != nil {
			return fmt.Sprintf("%s is %s, and was %s before the alert opened", f, shownValue(f, v), shownValue(f, a.Before))
		}
		if w.to == nil {
			return fmt.Sprintf("%s is %s, which says nothing: a rule without to opens on known values", f, shownValue(f, v))
		}
		return fmt.Sprintf("%s is %s, and to is %s", f, shownValue(f, v), w.to.text(f))
	case byFrom:
		return fmt.Sprintf("%s was %s, and from is %s", f, shownValue(f, s.change(f).Old), w.from.text(f))
	case byDirection:
		c := s.change(f)
		return fmt.Sprintf("the way from %s to %s is %s, and direction is %s", shownValue(f, c.Old), shownValue(f, c.New), c.Direction, w.direction)
	case byWhere:
		return s.falseText(s.failed, f)
	default:
		return fmt.Sprintf("%s is %s", f, shownValue(f, v))
	}
}

func (m *matcher) text(f phone.Field) string {
	var all []string
	for _, v := range m.named {
		all = append(all, shownValue(f, v))
	}
	for _, v := range m.except {
		all = append(all, "!"+shownValue(f, v))
	}
	if m.unlisted {
		all = append(all, unlisted)
	}
	return strings.Join(all, ", ")
}

// falseText shows a condition with the values of what it names.
func (s *sight) falseText(c *condition, f phone.Field) string {
	seen := shown(&s.env, f)
	var values []string
	for _, name := range c.names() {
		v := ""
		if key, ok := strings.CutPrefix(name, "Labels."); ok {
			v = seen.Labels[key]
		} else if name == "Baseline" {
			v = fmt.Sprint(seen.Baseline)
		} else if text := at(seen, name); text != nil {
			v = *text
		} else {
			continue
		}
		if v == "" {
			v = "empty"
		}
		values = append(values, name+" is "+v)
	}
	if len(values) == 0 {
		return c.source + " is false"
	}
	return c.source + " is false: " + strings.Join(values, ", ")
}

// names lists what a condition looks at, sorted; labels as Labels.key.
func (c *condition) names() []string {
	finder := nameFinder{}
	root := c.program.Node()
	ast.Walk(&root, finder)
	return sortedKeys(finder)
}

type nameFinder map[string]bool

// Visit is called for each node, children first.
func (f nameFinder) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok && id.Value != "Labels" {
		f[id.Value] = true
	}
	if key, ok := labelOf(*n); ok {
		f["Labels."+key] = true
	}
}

// explained brings together what the rules noted and what came of it.
func (b *batch) explained() []Decision {
	for i := range b.out {
		b.outcome(&b.out[i])
	}
	keys := make([]ruleField, 0, len(b.trace.decisions))
	for k := range b.trace.decisions {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y ruleField) int {
		if x.rule != y.rule {
			return strings.Compare(x.rule, y.rule)
		}
		return int(x.field) - int(y.field)
	})
	list := make([]Decision, len(keys))
	for i, k := range keys {
		d := b.trace.decisions[k]
		if d.Result == "" {
			b.stayed(d)
		}
		list[i] = *d
	}
	return list
}

// outcome adds an alert that moved to the decision of its rule.
func (b *batch) outcome(a *alert.Alert) {
	k := ruleField{a.Rule, a.Field}
	d := b.trace.decisions[k]
	if d == nil {
		d = &Decision{Rule: a.Rule, Field: a.Field, Text: a.Closing}
		b.trace.decisions[k] = d
	}
	old, known := b.st.Get(a.ID)
	switch {
	case Unsaid(a):
		d.Result = Silent
		d.Text = "it was waiting for " + brief(b.set.byName[a.Rule].delay) + ", and the condition went: " + d.Text
		return
	case a.State == alert.Pending:
		d.Result, d.Clause = "pending", "for"
		d.Text += ": told if it is still so in " + brief(max(b.set.byName[a.Rule].delay-b.now.Sub(a.Since), 0))
	case known && old.Revision == a.Revision:
		d.Result = Unchanged
	default:
		d.Result = a.Transition.String()
		b.reopening(d, a)
	}
	moved := *a
	d.Alert = &moved
}

// reopening says of an alert that opened why it is a new one or not.
func (b *batch) reopening(d *Decision, a *alert.Alert) {
	switch last := b.st.closed[a.Key()]; {
	case a.Transition == alert.Reopened:
		d.Clause = "reopen_within"
		d.Text += fmt.Sprintf(": it closed %s before, so it goes on in its old message", brief(b.now.Sub(last.Changed).Truncate(time.Second)))
		if a.Notified != a.Revision {
			d.Text += ", and is not told anew, because it is no worse"
		}
	case a.Transition == alert.Opened && last != nil && last.ID != a.ID:
		d.Text += fmt.Sprintf(": the last one closed %s before, longer than reopen_within", brief(b.now.Sub(last.Changed).Truncate(time.Second)))
	}
}

// stayed tells what a decision without a move came to.
func (b *batch) stayed(d *Decision) {
	d.Result = Silent
	if a := b.st.openOf(d.Rule, b.trace.subject, d.Field); a != nil {
		d.Result = Unchanged
		kept := *a
		d.Alert = &kept
	}
}
