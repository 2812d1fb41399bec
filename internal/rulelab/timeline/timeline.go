// Package timeline runs tests of rules: files in YAML that say how a simulated
// cloud's numbers change, step by step in virtual time, and what the rules must
// say of it at each step, and nothing else. `numwatch rules test` calls it.
//
// Each test drives a real watch.Loop, with a store in memory and a time that is
// set, through the methods that pollers and sinks call. So what passes here
// happens in a running bot. It imports the loop and the peers that it drives.
package timeline

import (
	"context"
	"fmt"
	"time"

	"numwatch/internal/yamldoc"
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
	Step int       // from 1; 0 is the baseline
	At   time.Time // virtual
	Text string    // what differs; several lines
}

// Error returns the place, the time and what differs.
func (f Failure) Error() string {
	step := fmt.Sprintf("step %d", f.Step)
	if f.Step == 0 {
		step = "the baseline"
	}
	return fmt.Sprintf("%s:%d: %s, at %s:\n%s", f.File, f.Line, step, f.At.UTC().Format("Mon 2006-01-02 15:04:05"), f.Text)
}

// Run runs the tests whose names wanted accepts against the rules, in order.
// The error is diagnostic.Problems where a test names what the rules do not have,
// or that of ctx.
func (f *File) Run(ctx context.Context, set *rules.Set, wanted func(name string) bool) ([]Result, error) {
	if problems := f.unknownNames(set); len(problems) > 0 {
		return nil, problems
	}
	var results []Result
	for i := range f.tests {
		t := &f.tests[i]
		if !wanted(t.name.Text) {
			continue
		}
		began := time.Now()
		r, err := f.runTest(ctx, set, t)
		if err != nil {
			return results, fmt.Errorf("%s:%d: %s: %w", f.name, t.name.At.Line, t.name.Text, err)
		}
		r.Took = time.Since(began)
		results = append(results, r)
	}
	return results, nil
}

func (f *File) runTest(ctx context.Context, set *rules.Set, t *test) (Result, error) {
	r := Result{Name: t.name.Text, File: f.name, Line: t.name.At.Line, Steps: len(t.steps)}
	sim, err := newSimulation(set, f, t)
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- sim.loop.Run(ctx) }()
	defer func() {
		cancel()
		<-ended // its error went to the input that failed
	}()
	check := func(step int, at yamldoc.Position, want expectations) {
		if text := compare(want, sim.events.take()); text != "" {
			r.Failures = append(r.Failures, Failure{File: f.name, Line: at.Line, Step: step, At: sim.now, Text: text})
		}
	}
	if err := sim.baseline(ctx); err != nil {
		return r, err
	}
	check(0, t.name.At, t.baseline)
	for i := range t.steps {
		if err := sim.play(ctx, &t.steps[i]); err != nil {
			return r, err
		}
		check(i+1, t.steps[i].at, t.steps[i].expect)
	}
	return r, nil
}
