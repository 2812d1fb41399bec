package timeline

import (
	"strconv"
	"strings"
	"time"

	"numwatch/diff"
	"numwatch/phone"
)

// File is a file of tests.
type File struct {
	report
	name    string
	rules   *node // where the rules are, nil: not said
	polling polling
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

// space is a space of the simulated cloud, as it is at the first look.
type space struct {
	at      position
	config  phone.Space
	numbers []number
}

// number is a number as a test gives it; what it does not say is as usual.
type number struct {
	phoneNumber *node
	fields      []field
}

// field is a field with its value; null takes it out of the answers.
type field struct {
	field phone.Field
	value string
	null  bool
}

// step is what happens at one time, and what the rules must have said since the
// step before.
type step struct {
	at     position
	after  time.Duration
	space  *node    // nil: the first; text "all": every one
	number *node    // nil: the first of the space
	set    []field  // of the number
	add    []number // to the space
	remove []*node  // from the space
	fail   *failure
	heal   bool
	leave  bool
	sink   *sink
	expect expectations
}

// failure is the error with which the space's polls are answered.
type failure struct {
	code, message string
	status        int
}

// sink is what a sink reports.
type sink struct{ part, value, code, reason string }

// Rules is the file of rules that the tests name, relative to their own folder;
// "" where they name none.
func (f *File) Rules() string {
	if f.rules == nil {
		return ""
	}
	return f.rules.text
}

// Parse reads a file of tests; name is for messages. The error is Problems:
// everything that is wrong, each with its place.
func Parse(name string, data []byte) (*File, error) {
	f := &File{name: name, polling: polling{
		every: time.Minute, blindAfter: 15 * time.Minute,
		diff: diff.Options{MissingAfter: 3, MissingFor: 10 * time.Minute},
	}}
	f.report = report{file: name, lines: strings.Split(string(data), "\n")}
	if tree := f.parseTree(data); tree != nil {
		f.read(tree)
	}
	if len(f.problems) > 0 {
		return nil, f.sorted()
	}
	return f, nil
}

func (f *File) read(n *node) {
	usual := usualFields()
	spaces := []space{usualSpace()}
	// What tests build on is read first, wherever it stands.
	var tests *node
	f.object(n, "the file",
		key{"version", true, f.version},
		key{"rules", false, f.text("rules", &f.rules)},
		key{"poll", false, f.readPolling},
		key{"number", false, func(n *node) { usual = merge(usual, f.fields(n)) }},
		key{"spaces", false, func(n *node) { spaces = f.readSpaces(n) }},
		key{"tests", true, func(n *node) { tests = n }},
	)
	if tests == nil {
		return
	}
	names := map[string]bool{}
	f.list(tests, "tests", func(n *node) {
		t := f.readTest(n, spaces)
		if t.name == nil {
			return
		}
		if names[t.name.text] {
			f.fail(t.name.at, "another test has this name")
		}
		names[t.name.text] = true
		for i := range t.spaces {
			t.spaces[i] = t.spaces[i].over(usual)
		}
		for i := range t.steps {
			t.steps[i].add = over(t.steps[i].add, usual)
		}
		f.tests = append(f.tests, t)
	})
}

func (f *File) version(n *node) {
	if n.kind != aScalar || n.text != "1" {
		f.fail(n.at, "version must be 1")
	}
}

func (f *File) readPolling(n *node) {
	p := &f.polling
	f.object(n, "poll",
		key{"every", false, f.duration("every", &p.every)},
		key{"blind_after", false, f.duration("blind_after", &p.blindAfter)},
		key{"missing_for", false, f.duration("missing_for", &p.diff.MissingFor)},
		key{"missing_after", false, func(n *node) {
			v, err := strconv.Atoi(n.text)
			if err != nil || v < 1 {
				f.fail(n.at, "missing_after must be a number from 1 on")
			}
			p.diff.MissingAfter = v
		}},
	)
	if p.every < time.Second {
		f.fail(n.at, "every must be at least 1s")
		p.every = time.Second
	}
}

// start is when a test begins that says nothing else: a Monday.
var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func (f *File) readTest(n *node, spaces []space) test {
	t := test{start: start, spaces: append([]space{}, spaces...)}
	f.object(n, "a test",
		key{"name", true, f.text("name", &t.name)},
		key{"start", false, func(n *node) {
			at, err := time.Parse(time.RFC3339, n.text)
			if err != nil {
				f.fail(n.at, "start must be a time like 2026-11-23T08:00:00Z")
				return
			}
			t.start = at
		}},
		key{"spaces", false, func(n *node) { t.spaces = f.readSpaces(n) }},
		key{"baseline", false, func(n *node) { t.baseline = f.expectations(n) }},
		key{"steps", true, func(n *node) { f.list(n, "steps", func(n *node) { t.steps = append(t.steps, f.readStep(n)) }) }},
	)
	return t
}

// longest bounds how much time a step may let pass: it passes by the second.
const longest = 60 * 24 * time.Hour

func (f *File) readStep(n *node) step {
	s := step{at: n.at, after: time.Minute}
	var heal, leave *bool
	f.object(n, "a step",
		key{"after", false, f.duration("after", &s.after)},
		key{"space", false, f.text("space", &s.space)},
		key{"number", false, f.text("number", &s.number)},
		key{"set", false, func(n *node) { s.set = f.fields(n) }},
		key{"add", false, func(n *node) { s.add = f.numbers(n) }},
		key{"remove", false, f.texts("remove", &s.remove)},
		key{"fail", false, func(n *node) { s.fail = f.failure(n) }},
		key{"heal", false, f.flag("heal", &heal)},
		key{"leave", false, f.flag("leave", &leave)},
		key{"sink", false, func(n *node) { s.sink = f.sink(n) }},
		key{"expect", false, func(n *node) { s.expect = f.expectations(n) }},
	)
	s.heal, s.leave = heal != nil && *heal, leave != nil && *leave
	if s.after > longest {
		f.fail(n.at, "a step may let at most 60 days pass")
	}
	return s
}

// failure reads a code, or a mapping with more.
func (f *File) failure(n *node) *failure {
	out := &failure{status: 503}
	if n.kind == aScalar {
		out.code = n.text
		return out
	}
	var code, message, status *node
	f.object(n, "fail",
		key{"code", true, f.text("code", &code)},
		key{"status", false, f.text("status", &status)},
		key{"message", false, f.text("message", &message)},
	)
	out.code, out.message = textOf(code), textOf(message)
	if status != nil {
		v, err := strconv.Atoi(status.text)
		if err != nil || v < 200 || v > 599 {
			f.fail(status.at, "status must be that of HTTP")
		}
		out.status = v
	}
	return out
}

func (f *File) sink(n *node) *sink {
	var part, value, code, reason *node
	f.object(n, "sink",
		key{"part", true, f.text("part", &part)},
		key{"value", true, f.text("value", &value)},
		key{"code", false, f.text("code", &code)},
		key{"reason", false, f.text("reason", &reason)},
	)
	s := &sink{textOf(part), phone.Sink.Canonical(textOf(value)), textOf(code), textOf(reason)}
	if value != nil && s.value != phone.OK && s.value != phone.Parked {
		f.fail(value.at, "a sink is OK or PARKED")
	}
	return s
}

func textOf(n *node) string {
	if n == nil {
		return ""
	}
	return n.text
}

// parseDuration reads what time.ParseDuration reads, and days.
func parseDuration(s string) (time.Duration, error) {
	var days time.Duration
	if n, rest, ok := strings.Cut(s, "d"); ok {
		whole, err := strconv.ParseUint(n, 10, 15)
		if err != nil || rest == "" {
			return time.Duration(whole) * 24 * time.Hour, err
		}
		days, s = time.Duration(whole)*24*time.Hour, rest
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	return days + d, err
}
