package timeline

import (
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// expectations is what the rules are to say at a step: this, all of it, and
// nothing else. The zero value is nothing.
type expectations struct {
	any  bool // whatever it is
	list []expectation
}

// expectation is one thing that an alert is to do. Members that are nil are of
// no matter.
type expectation struct {
	at         position
	rule       *node
	transition *node
	severity   *node
	field      *node
	space      *node
	number     *node
	part       *node
	channels   []*node // all of them
	heldBy     []*node // all of them
	text       []*node // each contained in the summary
	action     []*node // each contained in the action
	closing    []*node // each contained in what is said of the end
	told       *bool   // whether people hear of it anew
	baseline   *bool
}

// transitions are the words for what happens to an alert.
func transitions() []string {
	var names []string
	for t := alert.Opened; t <= alert.Reopened; t++ {
		names = append(names, t.String())
	}
	return append(names, pending, held, released, escalated)
}

func (f *File) expectations(n *node) (e expectations) {
	if n.kind == aScalar && n.text == "any" {
		return expectations{any: true}
	}
	if n.kind != aList {
		f.fail(n.at, "expectations must be a list (empty: nothing fires), or the word any")
		return e
	}
	for _, item := range n.items {
		e.list = append(e.list, f.expectation(item))
	}
	return e
}

func (f *File) expectation(n *node) expectation {
	e := expectation{at: n.at}
	f.object(n, "an expectation",
		key{"rule", true, f.text("rule", &e.rule)},
		key{"transition", true, f.text("transition", &e.transition)},
		key{"severity", false, f.text("severity", &e.severity)},
		key{"field", false, f.text("field", &e.field)},
		key{"space", false, f.text("space", &e.space)},
		key{"number", false, f.text("number", &e.number)},
		key{"part", false, f.text("part", &e.part)},
		key{"channels", false, f.texts("channels", &e.channels)},
		key{"held_by", false, f.texts("held_by", &e.heldBy)},
		key{"text", false, f.texts("text", &e.text)},
		key{"action", false, f.texts("action", &e.action)},
		key{"closing", false, f.texts("closing", &e.closing)},
		key{"told", false, f.flag("told", &e.told)},
		key{"baseline", false, f.flag("baseline", &e.baseline)},
	)
	f.known(e.transition, "transition", transitions())
	f.known(e.severity, "severity", alert.Severities())
	var fields []string
	for field := range phone.Fields() {
		fields = append(fields, field.String())
	}
	f.known(e.field, "field", fields)
	return e
}

// known reports a word that is none of those that there are.
func (r *report) known(n *node, what string, words []string) {
	if n != nil && !slices.Contains(words, n.text) {
		r.fail(n.at, "unknown %s %q%s", what, n.text, oneOf(words))
	}
}

// check reports what the tests name and the rules, or the tests' own spaces, do
// not have.
func (f *File) check(set *rules.Set) Problems {
	r := report{file: f.name, lines: f.lines}
	var names, channels []string
	for _, rule := range set.Rules() {
		names = append(names, rule.Name)
	}
	for _, c := range set.Channels() {
		channels = append(channels, c.Name)
	}
	for i := range f.tests {
		t := &f.tests[i]
		var spaces []string
		for _, s := range t.spaces {
			spaces = append(spaces, s.config.ID)
		}
		all := slices.Clone(t.baseline.list)
		for _, s := range t.steps {
			all = append(all, s.expect.list...)
			r.known(s.space, "space", append(slices.Clone(spaces), everySpace))
		}
		for _, e := range all {
			r.known(e.rule, "rule", names)
			for _, c := range e.channels {
				r.known(c, "channel", channels)
			}
		}
	}
	return r.sorted()
}

// claim is one member of an expectation beside what happened.
type claim struct {
	name      string
	want, got string
	holds     bool
}

// claims lists what an expectation says of a happening.
func (e *expectation) claims(h *happening) []claim {
	a := &h.alert
	var out []claim
	one := func(name string, want *node, got string) {
		if want != nil {
			out = append(out, claim{name, want.text, got, want.text == got})
		}
	}
	set := func(name string, want []*node, got []string) {
		if want == nil {
			return
		}
		w := textsOf(want)
		slices.Sort(w)
		out = append(out, claim{name, "[" + strings.Join(w, ", ") + "]", "[" + strings.Join(got, ", ") + "]", slices.Equal(w, got)})
	}
	parts := func(name string, want []*node, got string) {
		for _, w := range want {
			out = append(out, claim{name, `…` + w.text + `…`, got, strings.Contains(got, w.text)})
		}
	}
	flag := func(name string, want *bool, got bool) {
		if want != nil {
			out = append(out, claim{name, yes(*want), yes(got), *want == got})
		}
	}
	one("severity", e.severity, a.Severity.String())
	one("field", e.field, a.Field.String())
	one("space", e.space, a.Subject.Space)
	one("number", e.number, a.Subject.PhoneNumber)
	one("part", e.part, a.Subject.Component)
	set("channels", e.channels, a.Channels)
	set("held_by", e.heldBy, a.HeldBy)
	parts("text", e.text, a.Summary.Plain())
	parts("action", e.action, a.Action.Plain())
	parts("closing", e.closing, a.Closing)
	flag("told", e.told, a.Notified == a.Revision)
	flag("baseline", e.baseline, a.Baseline)
	return out
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func textsOf(nodes []*node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.text
	}
	return out
}

// about reports whether the happening is of the rule and the kind expected.
func (e *expectation) about(h *happening) bool {
	return e.rule.text == h.alert.Rule && e.transition.text == h.what
}

func (e *expectation) matches(h *happening) bool {
	return e.about(h) && !slices.ContainsFunc(e.claims(h), func(c claim) bool { return !c.holds })
}
