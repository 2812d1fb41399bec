package rulescmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/rulelab/backtest"
	"numwatch/phone"
	"numwatch/store"
)

type BacktestCommand struct {
	history
	command.Output
	Since  time.Duration `default:"30d" help:"How far to look back (default: 30d)."`
	Rules  string        `short:"r" default:"rules.yaml" placeholder:"FILE" help:"The rules (default: rules.yaml)."`
	With   string        `placeholder:"FILE" help:"Other rules to compare with."`
	Config string        `short:"c" placeholder:"FILE" help:"The configuration, for names and labels of spaces (default: the running bot's; with --db, config.yaml beside the rules, if it exists)."`
	HTML   string        `name:"html" type:"path" placeholder:"FILE" help:"Write the report as an HTML file."`
}

// Help says what is counted.
func (c *BacktestCommand) Help() string {
	return `The log is replayed through the rules as the bot judges, and messages are
planned as for Slack: an incident is one message in each channel, incidents that
begin in one poll of one space share a message, what gets worse or comes back is
a reply that the whole channel sees, and what gets better or ends a quiet one;
what waits for a full channel is combined into one message. Acknowledgements,
silences and rejections by Slack are not replayed. Live state is not touched: a
running bot provides a copy of its store, which is removed afterwards.`
}

// Run replays the log and prints what the rules would have said.
func (c *BacktestCommand) Run(ctx context.Context, p *command.Program) error {
	if c.Since == 0 {
		return command.UsageError("--since must be above 0")
	}
	files := []string{c.Rules}
	if c.With != "" {
		files = append(files, c.With)
	}
	options := make([]backtest.Options, len(files))
	for i, name := range files {
		set, err := bot.LoadRules(name, p.Samples)
		if err != nil {
			return err
		}
		options[i] = backtest.Options{Name: name, Rules: set}
	}
	s, done, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer done()
	space, err := c.spaces(ctx, p, c.Config, c.Rules)
	if err != nil {
		return err
	}
	until, err := c.until(s)
	if err != nil {
		return err
	}
	for i := range options {
		options[i].Since, options[i].Space = until.Add(-c.Since), space
	}
	reports, err := replay(ctx, s, options, until)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if err := writeReport(c.HTML, reports); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
		fmt.Fprintf(p.Stderr, "wrote %s\n", c.HTML)
	}
	c.print(p, reports)
	return nil
}

// until is when the replay ends: with the log of a bot that is stopped, else now.
func (c *BacktestCommand) until(s *store.Store) (time.Time, error) {
	if c.DB == "" {
		return time.Now(), nil
	}
	last, err := s.ReadLog(s.LastSeq(), 1)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the end of the log: %w", err)
	}
	if len(last) == 0 {
		return time.Time{}, fmt.Errorf("%s has an empty log: there is nothing to replay", c.DB)
	}
	return last[0].Time, nil
}

// replay reads the log once, for all rules.
func replay(ctx context.Context, s *store.Store, options []backtest.Options, until time.Time) ([]*backtest.Report, error) {
	replays := make([]*backtest.Replay, len(options))
	for i := range options {
		replays[i] = backtest.New(options[i])
	}
	err := eachPage(ctx, s, func(events []alert.Event) {
		for _, r := range replays {
			r.Feed(events)
		}
	})
	if err != nil {
		return nil, err
	}
	reports := make([]*backtest.Report, len(replays))
	for i, r := range replays {
		reports[i] = r.Report(until)
	}
	return reports, nil
}

// print prints the reports, and where there are two what differs.
func (c *BacktestCommand) print(p *command.Program, reports []*backtest.Report) {
	answer := struct {
		Reports    []*backtest.Report   `json:"reports"`
		Difference *backtest.Difference `json:"difference,omitempty"` // of two reports
	}{Reports: reports}
	last := reports[len(reports)-1]
	if len(reports) > 1 {
		d := backtest.Differ(reports[0], last)
		answer.Difference = &d
	}
	c.Print(p, answer, func() {
		const minute = "2006-01-02 15:04"
		p.Printf("%s to %s UTC: %s in %s of the log\n", last.Since.Format(minute), last.Until.Format(minute),
			phone.Count(last.Changes, "change"), phone.Count(last.Events, "event"))
		for _, t := range backtest.Tables(reports...) {
			p.Printf("\n%s\n", t.Title)
			p.PrintTable(t.Header, t.Rows)
		}
		if answer.Difference != nil {
			p.Printf("\n%s\n", p.Hanging("", answer.Difference.String()))
		}
	})
}

func writeReport(path string, reports []*backtest.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(backtest.WriteHTML(f, reports...), f.Close())
}
