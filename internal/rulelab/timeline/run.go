// Package timeline runs unit tests of rules: files in YAML that say how a
// simulated cloud's numbers change, step by step in virtual time, and what the
// rules must say of it at each step, and nothing else.
//
// The judging is not modelled: each test drives a real watch.Loop, with a store
// in memory and a time that is set, through the very methods that pollers and
// sinks call. So what passes here happens in a running bot.
package timeline

import (
	"context"
	"fmt"
	"time"

	"numwatch/rules"
)

// Result is what came of one test.
type Result struct {
	Name     string
	File     string
	Line     int // of the test's name
	Steps    int
	Failures []Failure // none: it passed
	Took     time.Duration
}

// Passed reports whether everything happened as expected.
func (r *Result) Passed() bool { return len(r.Failures) == 0 }

// Failure is a step that did not go as expected.
type Failure struct {
	File string
	Line int       // of the step
	Step int       // from 1; 0 is the first look
	At   time.Time // virtual
	Text string    // expected and got, side by side; several lines
}

// Error returns the place, the time and what differs.
func (f Failure) Error() string {
	step := fmt.Sprintf("step %d", f.Step)
	if f.Step == 0 {
		step = "the first look"
	}
	return fmt.Sprintf("%s:%d: %s, at %s:\n%s", f.File, f.Line, step, f.At.UTC().Format("Mon 2006-01-02 15:04:05"), f.Text)
}

// Run runs the tests whose names wanted accepts against the rules, in order.
// The error is Problems where a test names what the rules do not have, or that
// of ctx.
func (f *File) Run(ctx context.Context, set *rules.Set, wanted func(name string) bool) ([]Result, error) {
	if problems := f.check(set); len(problems) > 0 {
		return nil, problems
	}
	var results []Result
	for i := range f.tests {
		t := &f.tests[i]
		if !wanted(t.name.text) {
			continue
		}
		start := time.Now()
		r, err := f.runTest(ctx, set, t)
		if err != nil {
			return results, fmt.Errorf("%s:%d: %s: %w", f.name, t.name.at.line, t.name.text, err)
		}
		r.Took = time.Since(start)
		results = append(results, r)
	}
	return results, nil
}

func (f *File) runTest(ctx context.Context, set *rules.Set, t *test) (Result, error) {
	r := Result{Name: t.name.text, File: f.name, Line: t.name.at.line, Steps: len(t.steps)}
	st, err := newStage(ctx, set, f.polling, t)
	if err != nil {
		return r, err
	}
	defer st.close()
	fail := func(step int, at position, want expectations) {
		if text := compare(want, st.heard()); text != "" {
			r.Failures = append(r.Failures, Failure{File: f.name, Line: at.line, Step: step, At: st.now, Text: text})
		}
	}
	if err := st.begin(); err != nil {
		return r, err
	}
	fail(0, t.name.at, t.baseline)
	for i := range t.steps {
		if err := st.play(&t.steps[i]); err != nil {
			return r, err
		}
		fail(i+1, t.steps[i].at, t.steps[i].expect)
	}
	return r, nil
}
