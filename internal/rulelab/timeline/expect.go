package timeline

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
	"numwatch/rules"
)

// expectations is exactly what the rules must report at a step. The zero value is
// nothing.
type expectations struct {
	any  bool // whatever it is
	list []expectation
}

// expectation is one thing that an alert is to do.
type expectation struct {
	at         yamldoc.Position
	rule       *node
	transition *node
	checks     []check
}

// check is one member of an expectation.
type check struct {
	aspect
	want  string
	nodes []*node // that want is made of
}

// aspect is a property of an alert that an expectation may name.
type aspect struct {
	name  string
	kind  aspectKind
	words []string // that it may be; nil: any
	got   func(*alert.Alert) string
}

type aspectKind uint8

const (
	value aspectKind = iota // the same
	set                     // the same members in any order
	part                    // texts that it contains
)

func aspects() []aspect {
	flags := []string{"true", "false"}
	list := func(of []string) string { return "[" + strings.Join(of, ", ") + "]" }
	return []aspect{
		{"severity", value, alert.Severities(), func(a *alert.Alert) string { return a.Severity.String() }},
		{"field", value, phone.FieldNames(phone.Fields()), func(a *alert.Alert) string { return a.Field.String() }},
		{"space", value, nil, func(a *alert.Alert) string { return a.Subject.Space }},
		{"number", value, nil, func(a *alert.Alert) string { return a.Subject.PhoneNumber }},
		{"part", value, nil, func(a *alert.Alert) string { return a.Subject.Component }},
		{"channels", set, nil, func(a *alert.Alert) string { return list(a.Channels) }},
		{"held_by", set, nil, func(a *alert.Alert) string { return list(a.HeldBy) }},
		{"title", part, nil, said(func(t alert.Texts) alert.Text { return t.Title })},
		{"text", part, nil, said(func(t alert.Texts) alert.Text { return t.Summary })},
		{"action", part, nil, said(func(t alert.Texts) alert.Text { return t.Action })},
		{"closing", part, nil, func(a *alert.Alert) string { return a.Closing }},
		{"told", value, flags, func(a *alert.Alert) string { return strconv.FormatBool(a.Notified == a.Revision) }},
		{"baseline", value, flags, func(a *alert.Alert) string { return strconv.FormatBool(a.Baseline) }},
	}
}

// said is what the rule says, in every language that channels speak.
func said(of func(alert.Texts) alert.Text) func(*alert.Alert) string {
	return func(a *alert.Alert) string {
		text := of(alert.Texts{Title: a.Title, Summary: a.Summary, Action: a.Action}).Plain()
		for _, l := range slices.Sorted(maps.Keys(a.Translations)) {
			if t := of(a.Texts(l)).Plain(); t != text {
				text += " / " + t
			}
		}
		return text
	}
}

// transitions are the words for what happens to an alert.
func transitions() (names []string) {
	for t := alert.Opened; t <= alert.Settled; t++ {
		names = append(names, t.String())
	}
	return append(names, pending, held, released, escalated)
}

func (r reader) expectations(n *node) (e expectations) {
	if n.Text == "any" {
		return expectations{any: true}
	}
	r.List(n, "expectations", func(n *node) { e.list = append(e.list, r.expectation(n)) })
	return e
}

func (r reader) expectation(n *node) expectation {
	e := expectation{at: n.At}
	keys := []yamldoc.Key{
		yamldoc.Required("rule", r.scalar("rule", &e.rule)),
		yamldoc.Required("transition", r.scalar("transition", &e.transition)),
	}
	for _, a := range aspects() {
		keys = append(keys, yamldoc.Optional(a.name, func(n *node) { e.checks = append(e.checks, r.checks(a, n)...) }))
	}
	r.Object(n, "an expectation", keys...)
	r.known(e.transition, "transition", transitions())
	return e
}

func (r reader) checks(a aspect, n *node) (checks []check) {
	switch a.kind {
	case set:
		nodes := r.scalars(a.name, n)
		var texts []string
		for _, member := range nodes {
			texts = append(texts, member.Text)
		}
		slices.Sort(texts)
		return []check{{aspect: a, want: "[" + strings.Join(texts, ", ") + "]", nodes: nodes}}
	case part:
		for _, member := range r.scalars(a.name, n) {
			checks = append(checks, check{aspect: a, want: member.Text})
		}
		return checks
	default:
		var one *node
		r.scalar(a.name, &one)(n)
		if a.words != nil {
			r.known(one, a.name, a.words)
		}
		return []check{{aspect: a, want: one.String()}}
	}
}

// known reports an unknown word.
func (r reader) known(n *node, what string, words []string) {
	if n != nil && !slices.Contains(words, n.Text) {
		r.FailAt(n, diagnostic.DidYouMean(n.Text, words), "unknown %s %q", what, n.Text)
	}
}

// unknownNames reports what the tests name and the rules, or the tests' own
// spaces, do not have.
func (f *File) unknownNames(set *rules.Set) diagnostic.Problems {
	source := *f.source // whose problems are those of these rules
	r := reader{&source}
	var names, channels []string
	for _, rule := range set.Rules() {
		names = append(names, rule.Name)
	}
	for _, c := range set.Channels() {
		channels = append(channels, c.Name)
	}
	for _, t := range f.tests {
		spaces := []string{everySpace}
		for _, s := range t.spaces {
			spaces = append(spaces, s.ID)
		}
		all := slices.Clone(t.baseline.list)
		for _, s := range t.steps {
			all = append(all, s.expect.list...)
			r.known(s.space, "space", spaces)
			if s.slack != nil {
				for _, n := range s.slack.nodes {
					r.known(n, "channel", channels)
				}
			}
		}
		for _, e := range all {
			r.known(e.rule, "rule", names)
			for _, c := range e.checks {
				for _, n := range c.nodes {
					if c.name == "channels" {
						r.known(n, "channel", channels)
					}
				}
			}
		}
	}
	return r.Problems()
}

func (c *check) holds(a *alert.Alert) bool {
	if c.kind == part {
		return strings.Contains(c.got(a), c.want)
	}
	return c.got(a) == c.want
}

// String is the expectation, for people.
func (c *check) String() string {
	if c.kind == part {
		return c.name + ": …" + c.want + "…"
	}
	return c.name + ": " + c.want
}

// about reports whether the event is of the rule and the kind expected.
func (e *expectation) about(v *event) bool {
	return e.rule.Text == v.alert.Rule && e.transition.Text == v.what
}

func (e *expectation) matches(v *event) bool {
	return e.about(v) && !slices.ContainsFunc(e.checks, func(c check) bool { return !c.holds(&v.alert) })
}
