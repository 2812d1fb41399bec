package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"numwatch/alert"
	"numwatch/web"
)

type statusCommand struct {
	bot
	output
	Quiet bool `short:"q" help:"Print nothing; the exit code says whether the bot is ready."`
}

// Run asks a running bot how it is. The exit code is 1 if it is not ready.
func (c *statusCommand) Run(ctx context.Context, p *Program) error {
	var s web.Status
	if err := c.getJSON(ctx, p, "/api/v1/status", &s); err != nil {
		if c.Quiet {
			return errSaid
		}
		return err
	}
	if !c.Quiet {
		if err := c.print(p, &s); err != nil {
			return err
		}
	}
	if !s.Ready {
		return errSaid
	}
	return nil
}

func (c *statusCommand) print(p *Program, s *web.Status) error {
	if c.json() {
		return printJSON(p.Stdout, s)
	}
	state := "ready"
	if !s.Ready {
		state = "NOT READY: " + alert.Plain(s.NotReady)
	}
	fmt.Fprintf(p.Stdout, "%s, up %s, %s\n", alert.Plain(s.Version), time.Since(s.Started).Round(time.Second), state)
	fmt.Fprint(p.Stdout, "firing:")
	for _, name := range alert.Severities() {
		fmt.Fprintf(p.Stdout, "  %d %s", s.Alerts[name], name)
	}
	fmt.Fprintf(p.Stdout, "\nstore:   %d events, %.1f MB\n\n", s.Store.Seq, float64(s.Store.Size)/1e6)
	return printAccounts(p, s)
}

func printAccounts(p *Program, s *web.Status) error {
	var accounts, failing, sinks [][]string
	for _, a := range s.Accounts {
		accounts = append(accounts, []string{
			a.Name, strconv.Itoa(a.Spaces), fmt.Sprintf("%.1f of %.1f/s", a.Rate, a.Limit),
			fmt.Sprintf("%.2f%%", 100*a.Throttled), ago(a.Oldest),
			brief(a.Expected), brief(a.Worst), strconv.Itoa(len(a.Failing)),
		})
		for _, f := range a.Failing {
			failing = append(failing, []string{a.Name, f.Space, f.Class, f.Code, ago(f.Since), f.Advice})
		}
	}
	if err := printTable(p.Stdout, []string{"ACCOUNT", "SPACES", "REQUESTS", "THROTTLED", "OLDEST POLL", "EXPECTED TO DETECT", "WORST", "FAILING"}, accounts); err != nil {
		return err
	}
	if len(failing) > 0 {
		fmt.Fprintln(p.Stdout)
		if err := printTable(p.Stdout, []string{"ACCOUNT", "SPACE", "CLASS", "CODE", "SINCE", "WHAT TO DO"}, failing); err != nil {
			return err
		}
	}
	for _, k := range s.Sinks {
		sinks = append(sinks, []string{k.Name, k.State, strconv.FormatUint(k.Lag, 10), k.LastError})
	}
	fmt.Fprintln(p.Stdout)
	return printTable(p.Stdout, []string{"SINK", "STATE", "WAITING", "LAST ERROR"}, sinks)
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return time.Since(t).Round(time.Second).String() + " ago"
}

func brief(s web.Seconds) string { return time.Duration(s).Round(time.Second).String() }
