package rulescmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/rulelab/timeline"
	"numwatch/phone"
	"numwatch/rules"
)

type TestCommand struct {
	command.Output
	Files []string `arg:"" optional:"" type:"path" help:"The tests (default: rules_test.yaml)."`
	Rules string   `short:"r" placeholder:"FILE" help:"The rules to test (default: those that the test file names, or rules.yaml beside it)."`
	Match string   `name:"run" placeholder:"REGEXP" help:"Run only the tests whose names match."`
	JUnit string   `name:"junit" placeholder:"FILE" help:"Also write the results as JUnit XML."`
	All   bool     `short:"v" name:"verbose" help:"Also list the tests that pass."`
}

// Run runs the tests. A test that fails gives exit code 1, and so does a file
// that cannot be read.
func (c *TestCommand) Run(ctx context.Context, p *command.Program) error {
	match, err := regexp.Compile(c.Match)
	if err != nil {
		return command.UsageError("--run: " + err.Error())
	}
	if len(c.Files) == 0 {
		c.Files = []string{"rules_test.yaml"}
	}
	var all, unread []timeline.Result
	var broken []error
	for _, name := range c.Files {
		results, err := c.runFile(ctx, p, name, match)
		all = append(all, results...)
		if err != nil {
			broken = append(broken, err)
			unread = append(unread, timeline.Result{Name: "the file can be read and run", File: shortPath(name), Line: 1, Failures: []string{err.Error()}})
		}
	}
	if c.JUnit != "" {
		if err := writeJUnit(c.JUnit, append(all, unread...)); err != nil {
			return err
		}
	}
	if len(all)+len(broken) == 0 {
		return fmt.Errorf("no test matches %q", c.Match)
	}
	c.print(p, all, unread)
	if err := errors.Join(broken...); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(r timeline.Result) bool { return !r.Passed }) {
		return command.ErrReported
	}
	return nil
}

func (c *TestCommand) runFile(ctx context.Context, p *command.Program, name string, match *regexp.Regexp) ([]timeline.Result, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the tests: %w", err)
	}
	name = shortPath(name)
	file, err := timeline.Parse(name, data)
	if err != nil {
		return nil, err
	}
	path := c.Rules
	if path == "" {
		path = file.Rules
		if path == "" {
			path = "rules.yaml"
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
	}
	var set *rules.Set
	if set, err = bot.LoadRules(path, p.Samples); err != nil {
		return nil, err
	}
	return file.Run(ctx, set, match.MatchString)
}

// shortPath is a path as people would write it here.
func shortPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	short, err := filepath.Rel(here, path)
	if err != nil || strings.HasPrefix(short, "..") {
		return path
	}
	return short
}

func writeJUnit(path string, results []timeline.Result) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	if err := errors.Join(timeline.WriteJUnit(f, results), f.Close()); err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}

// print leaves the failures of unread files to the error that follows.
func (c *TestCommand) print(p *command.Program, results, unread []timeline.Result) {
	c.Print(p, slices.Concat(results, unread), func() {
		failed := 0
		for _, r := range results {
			switch {
			case !r.Passed:
				failed++
				p.Printf("FAIL  %s (%s:%d)\n", r.Name, r.File, r.Line)
				for _, text := range r.Failures {
					p.Printf("  %s\n\n", strings.ReplaceAll(text, "\n", "\n  "))
				}
			case c.All:
				p.Printf("ok    %s (%s)\n", r.Name, phone.Count(r.Steps, "step"))
			}
		}
		verdict := "all pass"
		switch {
		case failed > 0:
			verdict = fmt.Sprintf("%d failed", failed)
		case len(unread) > 0:
			verdict = phone.Count(len(unread), "file") + " not run"
		}
		p.Printf("%s, %s\n", phone.Count(len(results), "test"), verdict)
	})
}
