// Package rulescmd holds the commands that check, try out and explain rules. Only cli
// imports it.
package rulescmd

import (
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
	Explain  ExplainCommand  `cmd:"" help:"Explain why a change, an alert or a number was notified, or was not."`
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
	if h.DB != "" {
		return openHistory(h.DB, func() {})
	}
	dir, err := os.MkdirTemp("", "numwatch-*")
	if err != nil {
		return nil, nil, fmt.Errorf("making room for a copy of the store: %w", err)
	}
	remove := func() { os.RemoveAll(dir) }
	path := filepath.Join(dir, "copy.db")
	if _, err := h.Backup(ctx, p, path); err != nil {
		remove()
		return nil, nil, fmt.Errorf("%w; --db reads a backup instead", err)
	}
	s, done, err = openHistory(path, remove)
	if err != nil {
		remove()
	}
	return s, done, err
}

func openHistory(path string, then func()) (*store.Store, func(), error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, fmt.Errorf("looking for the store: %w", err)
	}
	s, err := store.Open(path, store.Options{})
	if err != nil {
		return nil, nil, err
	}
	return s, func() { s.Close(); then() }, nil
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
	set, err := bot.LoadRules(c.File)
	if err != nil {
		return err
	}
	coverage := lint.Cover(set)
	if c.JSON() {
		err = command.PrintJSON(p.Stdout, coverage)
	} else {
		err = printCoverage(p, coverage)
	}
	if err == nil && c.Strict && len(coverage.Holes()) > 0 {
		return command.ErrReported
	}
	return err
}

func printCoverage(p *command.Program, coverage lint.Coverage) error {
	holes := 0
	for _, f := range coverage.Fields {
		fmt.Fprintln(p.Stdout, f.Field)
		for _, v := range f.Values {
			text := strings.Join(covers(v), ", ")
			if v.Hole {
				text = "HOLE: no rule covers it"
				holes++
			}
			fmt.Fprintln(p.Stdout, strings.TrimRight(command.Hanging(fmt.Sprintf("  %-26s  ", alert.Plain(shownCovered(v.Value))), text), " "))
		}
	}
	_, err := fmt.Fprintf(p.Stdout, "\n%s. Beside each value are the rules that may open an alert for it, and\n"+
		"the clauses on which that depends. A value without a rule that is not a hole\nis the best one, or has no meaning of its own.\n", phone.Count(holes, "hole"))
	return err
}

func shownCovered(v string) string {
	if v == "" {
		return "(empty)"
	}
	return v
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
