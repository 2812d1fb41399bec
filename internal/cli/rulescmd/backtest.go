package rulescmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/rulelab/backtest"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
	"numwatch/store"
)

type BacktestCommand struct {
	history
	command.Output
	Since  string `default:"30d" placeholder:"30d" help:"How far to look back (default: 30d)."`
	Rules  string `short:"r" default:"rules.yaml" placeholder:"FILE" help:"The rules (default: rules.yaml)."`
	With   string `placeholder:"FILE" help:"Other rules to compare with."`
	Config string `short:"c" placeholder:"FILE" help:"The configuration, for names and labels of spaces (default: the running bot's; with --db, config.yaml if it exists)."`
	HTML   string `name:"html" type:"path" placeholder:"FILE" help:"Write a report with charts as an HTML file."`
}

// Help says what is counted.
func (c *BacktestCommand) Help() string {
	return `The log is replayed through the rules as the bot judges, and messages are
planned as for Slack: alerts of one rule on one space from one poll share a
message; an alert that reopens soon continues in its old message; the end of an
alert is a reply in its thread; alerts that wait for a full channel are combined
into one message. Acknowledgements, silences and rejections by Slack are not
replayed. Live state is not touched: a running bot provides a copy of its store,
which is removed afterwards.`
}

// Run replays the log and prints what the rules would have said.
func (c *BacktestCommand) Run(ctx context.Context, p *command.Program) error {
	span, err := yamldoc.ParseDuration(c.Since)
	if err != nil || span <= 0 {
		return command.UsageError("--since must be a duration like 30d, 12h or 90m, not " + strconv.Quote(c.Since))
	}
	files := []string{c.Rules}
	if c.With != "" {
		files = append(files, c.With)
	}
	options := make([]backtest.Options, len(files))
	for i, name := range files {
		set, err := bot.LoadRules(name)
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
	space, err := c.describe(ctx, p)
	if err != nil {
		return err
	}
	until, err := c.until(s)
	if err != nil {
		return err
	}
	for i := range options {
		options[i].Since, options[i].Space = until.Add(-span), space
	}
	reports, err := replay(ctx, s, options, until)
	if err != nil {
		return err
	}
	return c.write(p, reports)
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

func (c *BacktestCommand) write(p *command.Program, reports []*backtest.Report) error {
	if c.HTML != "" {
		if err := writeReport(c.HTML, reports); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
		fmt.Fprintf(p.Stderr, "wrote %s\n", c.HTML)
	}
	if !c.JSON() {
		return printBacktest(p.Stdout, reports)
	}
	out := struct {
		Reports    []*backtest.Report   `json:"reports"`
		Difference *backtest.Difference `json:"difference,omitempty"` // of two reports
	}{Reports: reports}
	if len(reports) > 1 {
		d := backtest.Differ(reports[0], reports[1])
		out.Difference = &d
	}
	return command.PrintJSON(p.Stdout, out)
}

func writeReport(path string, reports []*backtest.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(backtest.WriteHTML(f, reports...), f.Close())
}

// printBacktest prints the reports, side by side where there are two.
func printBacktest(w io.Writer, reports []*backtest.Report) error {
	last := reports[len(reports)-1]
	fmt.Fprintf(w, "%s to %s UTC: %s in %s of the log\n\n", minute(last.Since), minute(last.Until), phone.Count(last.Changes, "change"), phone.Count(last.Events, "event"))
	for _, table := range []func(*backtest.Report) ([]string, [][]string){rulesTable, channelsTable, daysTable} {
		header, rows := beside(reports, table)
		if err := command.PrintTable(w, header, rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, r := range reports {
		if err := printNoise(w, r); err != nil {
			return err
		}
	}
	if len(reports) == 1 {
		return nil
	}
	d := backtest.Differ(reports[0], last)
	_, err := fmt.Fprintln(w, command.Hanging("", d.String()))
	return err
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// beside joins the tables of all reports by their first column: cells that
// differ read "3 → 412", and "-" stands for a row that a report does not have.
func beside(reports []*backtest.Report, table func(*backtest.Report) ([]string, [][]string)) (header []string, rows [][]string) {
	header, rows = table(reports[0])
	for _, r := range reports[1:] {
		_, more := table(r)
		for _, row := range rows {
			i := slices.IndexFunc(more, func(other []string) bool { return other[0] == row[0] })
			join(row, func(j int) string {
				if i < 0 {
					return "-"
				}
				return more[i][j]
			})
		}
		for _, other := range more {
			if slices.ContainsFunc(rows, func(row []string) bool { return row[0] == other[0] }) {
				continue
			}
			row := slices.Repeat([]string{"-"}, len(other))
			row[0] = other[0]
			join(row, func(j int) string { return other[j] })
			rows = append(rows, row)
		}
	}
	return header, rows
}

// join puts the cells of another report into a row. Words that only one of them
// has stand for themselves.
func join(row []string, other func(int) string) {
	for j := 1; j < len(row); j++ {
		v, was := other(j), row[j]
		switch {
		case v == was:
		case was == "-" && !isCount(v):
			row[j] = v
		case v == "-" && !isCount(was):
		default:
			row[j] = was + " → " + v
		}
	}
}

func isCount(cell string) bool {
	_, err := strconv.Atoi(cell)
	return err == nil
}

func rulesTable(r *backtest.Report) (header []string, rows [][]string) {
	open := 0
	for _, c := range r.Rules {
		open += c.Open
		rows = append(rows, append([]string{c.Rule, c.Severity.String()}, numbers(c.Opened+c.Reopened, c.Open, c.Messages, c.Replies, c.Reminds)...))
	}
	rows = append(rows, append([]string{"(all)", ""}, numbers(r.Alerts, open, r.Messages, r.Replies, r.Reminds)...))
	return []string{"RULE", "SEVERITY", "ALERTS", "OPEN", "MESSAGES", "REPLIES", "REMIND"}, rows
}

func channelsTable(r *backtest.Report) (header []string, rows [][]string) {
	for i := range r.Channels {
		c := &r.Channels[i]
		rows = append(rows, append([]string{c.Title()}, append(numbers(c.Messages, c.Replies, c.Reminds, c.Most), c.MostOn)...))
	}
	return []string{"CHANNEL", "MESSAGES", "REPLIES", "REMIND", "BUSIEST", "DAY"}, rows
}

func daysTable(r *backtest.Report) (header []string, rows [][]string) {
	for _, d := range r.Days {
		alerts := 0
		for _, n := range d.Alerts {
			alerts += n
		}
		if alerts+d.Messages+d.Replies > 0 {
			rows = append(rows, append([]string{d.Day}, numbers(alerts, d.Messages, d.Replies)...))
		}
	}
	return []string{"DAY", "ALERTS", "MESSAGES", "REPLIES"}, rows
}

func numbers(values ...int) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strconv.Itoa(v)
	}
	return out
}

// printNoise lists who is loud and what flaps.
func printNoise(w io.Writer, r *backtest.Report) error {
	var rows [][]string
	for _, n := range r.Noisiest[:min(len(r.Noisiest), 10)] {
		rows = append(rows, append([]string{n.Subject.String(), n.Name}, append(numbers(n.Alerts, n.Messages), strings.Join(n.Rules, ", "))...))
	}
	if len(rows) > 0 {
		fmt.Fprintf(w, "The noisiest under %s\n", r.Name)
		if err := command.PrintTable(w, []string{"WHAT", "NAME", "ALERTS", "MESSAGES", "RULES"}, rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	rows = nil
	for _, f := range r.Flapping {
		rows = append(rows, append([]string{f.Rule, f.Subject.String(), f.Field.String()}, append(numbers(f.Most, f.Openings), minute(f.From))...))
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintf(w, "Flapping under %s: opened three times or more within a day\n", r.Name)
	err := command.PrintTable(w, []string{"RULE", "WHAT", "FIELD", "A DAY", "IN ALL", "FROM"}, rows)
	fmt.Fprintln(w)
	return err
}
