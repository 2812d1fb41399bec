// Package rulescmd holds the commands that check, try out and explain rules. Only cli
// imports it.
package rulescmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/phone"
	"numwatch/rules/lint"
	"numwatch/store"
)

type Command struct {
	Lint     LintCommand     `cmd:"" help:"Check the rules for errors, rules without effect, and duplicates."`
	Coverage CoverageCommand `cmd:"" help:"Show which rules fire for which values, and which values no rule covers."`
	Explain  ExplainCommand  `cmd:"" help:"Explain why a change, an alert or a number caused a notification, or did not."`
	Render   RenderCommand   `cmd:"" help:"Show the Slack message and the NATS event that a rule produces."`
	Test     TestCommand     `cmd:"" help:"Run unit tests of the rules."`
	Backtest BacktestCommand `cmd:"" help:"Replay the log through the rules and count the messages."`
}

// rulesFile is the argument of the commands that read a rules file.
type rulesFile struct {
	File string `arg:"" optional:"" default:"rules.yaml" help:"The rules (default: rules.yaml)."`
}

// history is where the commands that look back find the log: a store that no
// bot has open, a backup, or a copy that a running bot hands out.
type history struct {
	remote.Client
	DB string `name:"db" placeholder:"FILE" help:"A backup, or the store of a stopped bot (default: a copy from the running bot)."`
}

// open opens the history. The store must not be written to; done closes it.
func (h history) open(ctx context.Context, p *command.Program) (s *store.Store, done func(), err error) {
	path, remove := h.DB, func() {}
	if path == "" {
		dir, err := os.MkdirTemp("", "numwatch-*")
		if err != nil {
			return nil, nil, fmt.Errorf("creating a folder for a copy of the store: %w", err)
		}
		path, remove = filepath.Join(dir, "copy.db"), func() { os.RemoveAll(dir) }
		if _, err := h.Backup(ctx, p, path); err != nil {
			remove()
			return nil, nil, fmt.Errorf("%w; --db reads a backup instead", err)
		}
	}
	_, err = os.Stat(path) // opening would make a store where there is none
	if err == nil {
		s, err = store.Open(path, store.Options{})
	}
	if err != nil {
		remove()
		return nil, nil, fmt.Errorf("opening the history: %w", err)
	}
	return s, func() { s.Close(); remove() }, nil
}

// eachPage visits the whole log, a page at a time.
func eachPage(ctx context.Context, s *store.Store, visit func([]alert.Event)) error {
	const page = 2000
	for from := s.FirstSeq(); ctx.Err() == nil; {
		events, err := s.ReadLog(from, page)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if len(events) == 0 {
			break
		}
		visit(events)
		from = events[len(events)-1].Seq + 1
	}
	return ctx.Err()
}

type CoverageCommand struct {
	rulesFile
	command.Output
	Strict bool `help:"Exit with 1 if a value is not covered."`
}

// Run prints the matrix of values and rules.
func (c *CoverageCommand) Run(p *command.Program) error {
	set, err := bot.LoadRules(c.File, p.Samples)
	if err != nil {
		return err
	}
	coverage := lint.Cover(set)
	c.Print(p, coverage, func() { printCoverage(p, coverage) })
	if c.Strict && len(coverage.Holes()) > 0 {
		return command.ErrReported
	}
	return nil
}

func printCoverage(p *command.Program, coverage lint.Coverage) {
	holes := 0
	for _, f := range coverage.Fields {
		p.Printf("%s\n", f.Field)
		for _, v := range f.Values {
			text := strings.Join(covers(v), ", ")
			if v.Hole {
				text = "GAP: no rule covers it"
				holes++
			}
			p.Printf("%s\n", strings.TrimRight(p.Hanging(fmt.Sprintf("  %-26s  ", alert.Plain(cmp.Or(v.Value, "(empty)"))), text), " "))
		}
	}
	p.Printf("\n%s. Beside each value are the rules that may open an alert for it, and\n"+
		"the clauses on which that depends. A value without a rule that is not a gap\nis the best one, or has no meaning of its own.\n", phone.Count(holes, "gap"))
}

func covers(v lint.ValueCoverage) []string {
	texts := make([]string, len(v.Rules))
	for i, r := range v.Rules {
		texts[i] = r.Rule
		if len(r.Limits) > 0 {
			texts[i] += " (" + strings.Join(r.Limits, ", ") + ")"
		}
	}
	return texts
}
