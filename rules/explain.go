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

// Clause is the part of a rule that decides about an alert.
type Clause uint8

// The clauses. None: nothing keeps the rule from opening, or closes its alert.
const (
	None      Clause = iota
	On               // the field did not change
	Move             // the field has such a value, but did not change to it now
	Value            // the value is not known, or says nothing
	Life             // the number has left the space
	To               // the value is not one that the rule is about
	From             // the value before
	Direction        // the way it went
	Where            // a condition is false
)

var clauseNames = [...]string{"", "on", "on", "value", "life", "to", "from", "direction", "where"}

// String returns the key of the rule that the clause is under; value and life
// have none, and None is empty.
func (c Clause) String() string { return clauseNames[c] }

// Verdict is what a rule makes of one of its fields, for people who ask why.
type Verdict struct {
	Rule     Rule
	Field    phone.Field
	Clause   Clause
	Value    string           // of the field, now
	Change   *phone.Change    // of the field; nil if it did not change
	Open     *alert.Alert     // before; nil if none was
	False    string           // of Where: the condition, with the values of what it names
	Channels []ChannelVerdict // of None
}

// ChannelVerdict is whether a channel takes an alert.
type ChannelVerdict struct {
	Channel  string `json:"channel"`
	Notified bool   `json:"told"`
	Text     string `json:"text,omitempty"` // why it is not
}

// Verdicts returns what every rule makes of an input for every field that it
// looks at, by rule and field. It decides as Step does.
func (s *Set) Verdicts(state *State, in Seen, now time.Time) []Verdict {
	if len(in.Changes) == 0 {
		return nil
	}
	e := (&step{set: s, state: state, now: now}).newEvaluation(in)
	list := make([]Verdict, len(s.fieldRules))
	for i := range s.fieldRules {
		list[i] = e.verdict(&s.fieldRules[i])
	}
	return list
}

func (e *evaluation) verdict(r *fieldRule) Verdict {
	v := Verdict{Rule: r.Rule, Field: r.field, Open: e.state.openOf(r.Name, e.subject, r.field), Change: e.change(r.field)}
	v.Value, _ = e.value(r.field)
	var failed *condition
	if v.Clause, failed = e.decide(r, v.Open); v.Clause == Where {
		v.False = e.falseText(failed, r.field)
	}
	if v.Clause != None {
		return v
	}
	c := e.changeOf(r.field, v.Value)
	e.fill()
	e.env.setChange(&e.in, &c, r.Severity, e.now)
	for _, ch := range r.channels {
		h := ChannelVerdict{Channel: ch.Name, Notified: ch.where == nil || ch.where.isTrue(&e.state.vm, e.env)}
		if !h.Notified {
			h.Text = e.falseText(ch.where, r.field)
		} else if m := ch.mutedAt(e.now); m != nil {
			h.Notified, h.Text = false, "the channel is muted then, by "+m.Name.Value+": it gets what is still open when that ends"
		}
		v.Channels = append(v.Channels, h)
	}
	v.Channels = append(v.Channels, r.withheld...)
	return v
}

// falseText shows a condition with the values of its names.
func (e *evaluation) falseText(c *condition, f phone.Field) string {
	shown := e.env.shown(f)
	var values []string
	for _, name := range c.names() {
		v := ""
		if key, ok := strings.CutPrefix(name, "Labels."); ok {
			v = shown.Labels[key]
		} else if member := shown.member(name); member.IsValid() {
			v = fmt.Sprint(member.Interface())
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
	var finder nameFinder
	root := c.program.Node()
	ast.Walk(&root, &finder)
	slices.Sort(finder)
	return slices.Compact(finder)
}

type nameFinder []string

// Visit is called for each node, children first.
func (f *nameFinder) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok && id.Value != "Labels" {
		*f = append(*f, id.Value)
	}
	if key, ok := labelOf(*n); ok {
		*f = append(*f, "Labels."+key)
	}
}
