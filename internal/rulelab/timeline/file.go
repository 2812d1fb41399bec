package timeline

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/diff"
	"numwatch/internal/diagnostic"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
)

// File is a file of tests.
type File struct {
	// Rules is the rules file that the tests name, relative to their own folder;
	// "" where they name none.
	Rules string

	name    string
	source  *yamldoc.Reader
	polling polling
	usual   phone.Number // the values of numbers for which a test gives none
	tests   []test
}

// polling is how the simulated bot polls and compares.
type polling struct {
	every      time.Duration
	blindAfter time.Duration
	diff       diff.Options
}

// test is one timeline.
type test struct {
	name     *node
	start    time.Time
	spaces   []space
	baseline expectations
	steps    []step
}

// space is a space of the simulated cloud, as it is at the first poll.
type space struct {
	phone.Space
	numbers []number
}

// number is a number as a test gives it.
type number struct {
	name   string
	fields fields
}

// fields are the values of a number; nil takes a field out of the answers.
type fields map[phone.Field]*string

// step is what happens at one time, and what the rules must have said since the
// step before.
type step struct {
	at     yamldoc.Position
	after  time.Duration
	space  *node    // nil: the first; everySpace: all
	number string   // "": the first of the space
	set    fields   // of the number
	add    []number // to the space
	remove []*node  // from the space
	fail   *failure
	heal   bool
	leave  bool
	report *phone.Condition // of a part of the bot
	expect expectations
	slack  *sent // nil: not looked at
}

// failure is the error with which the space's polls are answered.
type failure struct {
	code, message string
	status        int
}

// everySpace stands for all spaces of a test.
const everySpace = "all"

// Parse reads a file of tests; name is for messages. The error is
// diagnostic.Problems: everything that is wrong.
func Parse(name string, data []byte) (*File, error) {
	r := reader{yamldoc.Parse(name, data, yamldoc.Options{})}
	f := &File{name: name, source: r.Reader, usual: usualNumber(), polling: polling{
		every: time.Minute, blindAfter: 15 * time.Minute,
		diff: diff.Options{MissingAfter: diff.DefaultMissingAfter, MissingFor: diff.DefaultMissingFor},
	}}
	if root := r.Root(); root != nil {
		r.file(root, f)
	}
	if problems := r.Problems(); len(problems) > 0 {
		return nil, problems
	}
	return f, nil
}

func (r reader) file(n *node, f *File) {
	spaces := []space{usualSpace()}
	var tests *node // read last, because they build on the rest, wherever it stands
	r.Object(n, "the file",
		yamldoc.Required("version", r.version),
		yamldoc.Optional("rules", r.word("rules", &f.Rules)),
		yamldoc.Optional("poll", func(n *node) { r.polling(n, &f.polling) }),
		yamldoc.Optional("number", func(n *node) { f.usual = r.fields(n).over(f.usual) }),
		yamldoc.Optional("spaces", func(n *node) { spaces = r.spaces(n) }),
		yamldoc.Required("tests", func(n *node) { tests = n }),
	)
	if tests == nil {
		return
	}
	names := map[string]bool{}
	r.List(tests, "tests", func(n *node) {
		t := r.test(n, spaces)
		if t.name != nil && names[t.name.Text] {
			r.FailAt(t.name, "", "another test has this name")
		}
		names[t.name.String()] = true
		f.tests = append(f.tests, t)
	})
}

func (r reader) version(n *node) {
	if n.Text != "1" {
		r.FailAt(n, "", "version must be 1")
	}
}

func (r reader) polling(n *node, p *polling) {
	r.Object(n, "poll",
		yamldoc.Optional("every", r.Duration("every", &p.every)),
		yamldoc.Optional("blind_after", r.Duration("blind_after", &p.blindAfter)),
		yamldoc.Optional("missing_for", r.Duration("missing_for", &p.diff.MissingFor)),
		yamldoc.Optional("missing_after", r.whole("missing_after", 1, 1000, &p.diff.MissingAfter)),
	)
	if p.every < time.Second {
		r.FailAt(n, "", "every must be at least 1s")
	}
}

// monday is when a test without a start begins.
var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func (r reader) test(n *node, spaces []space) test {
	t := test{start: monday, spaces: spaces}
	r.Object(n, "a test",
		yamldoc.Required("name", r.scalar("name", &t.name)),
		yamldoc.Optional("start", func(n *node) {
			var err error
			if t.start, err = time.Parse(time.RFC3339, n.Text); err != nil {
				r.FailAt(n, "", "start must be a time like 2026-11-23T08:00:00Z")
			}
		}),
		yamldoc.Optional("spaces", func(n *node) { t.spaces = r.spaces(n) }),
		yamldoc.Optional("baseline", func(n *node) { t.baseline = r.expectations(n) }),
		yamldoc.Required("steps", func(n *node) { r.List(n, "steps", func(n *node) { t.steps = append(t.steps, r.step(n)) }) }),
	)
	return t
}

func (r reader) spaces(n *node) (spaces []space) {
	ids := map[string]bool{}
	r.List(n, "spaces", func(n *node) {
		s := space{Space: phone.Space{SpaceKey: phone.SpaceKey{Account: "main"}, Labels: map[string]string{}}}
		r.Object(n, "a space",
			yamldoc.Optional("account", r.word("account", &s.Account)),
			yamldoc.Required("id", r.word("id", &s.ID)),
			yamldoc.Optional("name", r.word("name", &s.Name)),
			yamldoc.Optional("labels", func(n *node) {
				r.Named(n, "labels", func(key, value *node) {
					var label string
					r.word("a label", &label)(value)
					s.Labels[key.Text] = label
				})
			}),
			yamldoc.Required("numbers", func(n *node) { s.numbers = r.numbers(n) }),
		)
		if ids[s.ID] {
			r.FailAt(n, "", "another space has the id %q", s.ID)
		}
		ids[s.ID] = true
		spaces = append(spaces, s)
	})
	if len(spaces) == 0 {
		r.FailAt(n, "", "name at least one space")
	}
	return spaces
}

// numbers reads a mapping from numbers to their fields.
func (r reader) numbers(n *node) (numbers []number) {
	r.Named(n, "numbers", func(name, value *node) {
		one := number{name: name.Text}
		if value.Kind != yamldoc.Null {
			one.fields = r.fields(value)
		}
		numbers = append(numbers, one)
	})
	return numbers
}

// fields reads a mapping from fields of a number to values.
func (r reader) fields(n *node) fields {
	out := fields{}
	r.Named(n, "fields", func(name, value *node) {
		f, ok := phone.ParseField(name.Text)
		switch {
		case !ok || !f.OfNumber():
			r.Fail(name.At, diagnostic.DidYouMean(name.Text, phone.FieldNames(phone.FieldsOfNumber())), "%q is not a field of a number", name.Text)
		case value.Kind == yamldoc.Null:
			out[f] = nil
		default:
			var text string
			r.word(f.String(), &text)(value)
			out[f] = &text
		}
	})
	return out
}

// maxPass bounds how much time a step may let pass: it passes by the second.
const maxPass = 60 * 24 * time.Hour

func (r reader) step(n *node) step {
	s := step{at: n.At, after: time.Minute}
	r.Object(n, "a step",
		yamldoc.Optional("after", r.Duration("after", &s.after)),
		yamldoc.Optional("space", r.scalar("space", &s.space)),
		yamldoc.Optional("number", r.word("number", &s.number)),
		yamldoc.Optional("set", func(n *node) { s.set = r.fields(n) }),
		yamldoc.Optional("add", func(n *node) { s.add = r.numbers(n) }),
		yamldoc.Optional("remove", func(n *node) { s.remove = r.scalars("remove", n) }),
		yamldoc.Optional("fail", func(n *node) { s.fail = r.failure(n) }),
		yamldoc.Optional("heal", r.Flag("heal", &s.heal)),
		yamldoc.Optional("leave", r.Flag("leave", &s.leave)),
		yamldoc.Optional("sink", func(n *node) { s.report = r.condition(n, phone.Sink) }),
		yamldoc.Optional("rules", func(n *node) { s.report = r.condition(n, phone.Rules) }),
		yamldoc.Optional("silence", func(n *node) { s.report = r.condition(n, phone.Silence) }),
		yamldoc.Optional("listing", func(n *node) { s.report = r.condition(n, phone.Spaces) }),
		yamldoc.Optional("expect", func(n *node) { s.expect = r.expectations(n) }),
		yamldoc.Optional("slack", func(n *node) { s.slack = r.sent(n) }),
	)
	if s.after > maxPass {
		r.FailAt(n, "", "a step may cover at most 60 days")
	}
	return s
}

// failure reads a code, or a mapping with more.
func (r reader) failure(n *node) *failure {
	out := &failure{status: 503}
	if n.IsScalar() {
		r.word("fail", &out.code)(n)
		return out
	}
	r.Object(n, "fail",
		yamldoc.Required("code", r.word("code", &out.code)),
		yamldoc.Optional("status", r.whole("status", 200, 599, &out.status)),
		yamldoc.Optional("message", r.word("message", &out.message)),
	)
	return out
}

// condition reads the condition of a component.
func (r reader) condition(n *node, f phone.Field) *phone.Condition {
	c := &phone.Condition{Field: f}
	values := slices.DeleteFunc(f.Values(), func(v string) bool { return v == "" })
	r.Object(n, "a condition",
		yamldoc.Required("part", r.word("part", &c.Subject.Component)),
		yamldoc.Required("value", func(n *node) {
			if c.Value = f.Canonical(n.Text); !slices.Contains(values, c.Value) {
				r.FailAt(n, "", "%s is %s", f, strings.Join(values, " or "))
			}
		}),
		yamldoc.Optional("code", r.word("code", &c.Code)),
		yamldoc.Optional("reason", r.word("reason", &c.Reason)),
	)
	return c
}

// node is a piece of the file.
type node = yamldoc.Node

// reader reads values as the cloud's answers have them: a number or a lone true
// is a text here, without quotes.
type reader struct{ *yamldoc.Reader }

// scalar reads a single value.
func (r reader) scalar(what string, to **node) func(*node) {
	return func(n *node) {
		if !n.IsScalar() || n.Kind == yamldoc.Null {
			r.FailAt(n, "", "%s must be a single value, not %s", what, n.Kind)
			return
		}
		*to = n
	}
}

// word reads a single value whose place does not matter.
func (r reader) word(what string, to *string) func(*node) {
	return func(n *node) {
		var one *node
		r.scalar(what, &one)(n)
		*to = one.String()
	}
}

// scalars reads one single value or a list of them.
func (r reader) scalars(what string, n *node) (list []*node) {
	items := []*node{n}
	if n.Kind == yamldoc.List {
		items = n.Items
	}
	for _, item := range items {
		var one *node
		if r.scalar("a member of "+what, &one)(item); one != nil {
			list = append(list, one)
		}
	}
	return list
}

func (r reader) whole(what string, from, to int, value *int) func(*node) {
	return func(n *node) {
		v, err := strconv.Atoi(n.Text)
		if err != nil || v < from || v > to {
			r.FailAt(n, "", "%s must be a number from %d to %d", what, from, to)
			return
		}
		*value = v
	}
}
