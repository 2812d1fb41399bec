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

// Result is the result of one test.
type Result struct {
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Line     int      `json:"line"` // of the test's name
	Passed   bool     `json:"passed"`
	Failures []string `json:"failures,omitempty"` // the steps that did not go as expected, several lines each
	Seconds  float64  `json:"seconds"`
	Steps    int      `json:"-"`
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
		r.Passed, r.Seconds = len(r.Failures) == 0, time.Since(began).Seconds()
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
	check := func(step string, at yamldoc.Position, want expectations, slack *sent) {
		got, messages := sim.events.take()
		if text := compare(want, got) + slack.compare(messages); text != "" {
			now := sim.now.UTC().Format("Mon 2006-01-02 15:04:05")
			r.Failures = append(r.Failures, fmt.Sprintf("%s:%d: %s, at %s:\n%s", f.name, at.Line, step, now, text))
		}
	}
	if err := sim.baseline(ctx); err != nil {
		return r, err
	}
	check("the baseline", t.name.At, t.baseline, nil)
	for i := range t.steps {
		if err := sim.play(ctx, &t.steps[i]); err != nil {
			return r, err
		}
		check(fmt.Sprintf("step %d", i+1), t.steps[i].at, t.steps[i].expect, t.steps[i].slack)
	}
	return r, nil
}
