package remote

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

type StatusCommand struct {
	Client
	command.Output
	Quiet bool `short:"q" help:"Print nothing; the exit code says whether the bot is ready."`
}

// Run prints the state of a running bot. The exit code is 1 if it is not ready.
func (c *StatusCommand) Run(ctx context.Context, p *command.Program) error {
	var s api.Status
	if err := c.GetJSON(ctx, p, "/api/v1/status", &s); err != nil {
		if c.Quiet {
			return command.ErrReported
		}
		return err
	}
	if !c.Quiet {
		if err := c.print(p, &s); err != nil {
			return err
		}
	}
	if !s.Ready {
		return command.ErrReported
	}
	return nil
}

func (c *StatusCommand) print(p *command.Program, s *api.Status) error {
	if c.JSON() {
		return command.PrintJSON(p.Stdout, s)
	}
	state := "ready"
	if !s.Ready {
		state = "NOT READY: " + alert.Plain(s.NotReady)
	}
	fmt.Fprintf(p.Stdout, "%s, up %s, %s\n", alert.Plain(s.Version), phone.Span(time.Since(s.Started)), state)
	fmt.Fprint(p.Stdout, "firing:")
	for _, name := range alert.Severities() {
		fmt.Fprintf(p.Stdout, "  %d %s", s.Alerts[name], name)
	}
	fmt.Fprintf(p.Stdout, "\nstore:   %s, %.1f MB\n\n", phone.Count(int(s.Store.Seq), "event"), float64(s.Store.Size)/1e6)
	if s.Store.Problem != "" {
		fmt.Fprintf(p.Stdout, "%s\n\n", command.Hanging("store:   ", alert.Plain(s.Store.Problem)))
	}
	if err := printAccounts(p, s.Accounts); err != nil {
		return err
	}
	return printSinks(p, s.Sinks)
}

func printAccounts(p *command.Program, accounts []api.AccountStatus) error {
	var rows [][]string
	for _, a := range accounts {
		rows = append(rows, []string{
			a.Name, strconv.Itoa(a.Spaces), fmt.Sprintf("%.1f of %.1f/s", a.Rate, a.Limit),
			fmt.Sprintf("%.2f%%", 100*a.Throttled), ago(a.Oldest), phone.Span(time.Duration(a.Expected)), phone.Span(time.Duration(a.Worst)),
		})
	}
	err := command.PrintTable(p.Stdout, []string{"ACCOUNT", "SPACES", "REQUESTS", "THROTTLED", "OLDEST POLL", "DETECTS IN", "AT MOST"}, rows)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		printAccount(p, &a)
	}
	return nil
}

// maxFailing is how many failing spaces of an account are printed.
const maxFailing = 20

// printAccount says what the limit can do for the account's spaces, and what
// is wrong with them.
func printAccount(p *command.Program, a *api.AccountStatus) {
	name := alert.Plain(a.Name) + "  "
	fmt.Fprintf(p.Stdout, "\n%s\n", command.Hanging(name, alert.Plain(a.Plan)))
	if d := a.Discovery; d != nil && d.Error != "" {
		fmt.Fprintf(p.Stdout, "\n%s\n", command.Hanging(name, "discovery failed, the last list stays in use ("+discovered(d)+"): "+alert.Plain(d.Error)))
	} else if d != nil {
		fmt.Fprintln(p.Stdout, command.Hanging(name, "discovery: "+discovered(d)))
	}
	if m := a.Missing; m != nil {
		fmt.Fprintf(p.Stdout, "\n%s\n", command.Hanging(name, fmt.Sprintf("the list of spaces lacks %s that are watched until %s; if they are really gone: numwatch spaces accept %s",
			phone.Count(len(m.Spaces), "space"), m.Until.Local().Format(command.Minutes), alert.Plain(a.Name))))
	}
	for _, w := range a.Warnings {
		fmt.Fprintf(p.Stdout, "\n%s\n", command.Hanging(name, "warning: "+alert.Plain(w)))
	}
	for i := range a.Failing[:min(len(a.Failing), maxFailing)] {
		printFailing(p, a.Name, &a.Failing[i])
	}
	if more := len(a.Failing) - maxFailing; more > 0 {
		fmt.Fprintf(p.Stdout, "\n%sand %d more: numwatch status -o json\n", name, more)
	}
}

func discovered(d *api.DiscoveryStatus) string {
	return phone.Count(d.Spaces, "space") + ", listed " + ago(d.At)
}

// printFailing says what is wrong with a space, or with a whole account.
func printFailing(p *command.Program, account string, f *api.FailingSpace) {
	where := account
	if f.Space != "" {
		where += "/" + f.Space
	}
	what := strings.ReplaceAll(f.Class, "_", " ")
	for _, part := range []string{f.Code, strings.TrimSuffix(f.Message, ".")} {
		if part != "" {
			what += ": " + part
		}
	}
	if f.Advice != "" {
		what += "; " + f.Advice
	}
	if !f.Since.IsZero() {
		what += " (for " + phone.Span(time.Since(f.Since)) + ")"
	}
	fmt.Fprintf(p.Stdout, "\n%s\n", command.Hanging(alert.Plain(where)+"  ", alert.Plain(what)))
}

func printSinks(p *command.Program, sinks []api.SinkStatus) error {
	var rows [][]string
	for _, k := range sinks {
		rows = append(rows, []string{k.Name, k.State, strconv.FormatUint(k.Lag, 10)})
	}
	fmt.Fprintln(p.Stdout)
	if err := command.PrintTable(p.Stdout, []string{"SINK", "STATE", "WAITING"}, rows); err != nil {
		return err
	}
	for _, k := range sinks {
		if k.LastError != "" {
			fmt.Fprintf(p.Stdout, "\n%s\n", command.Hanging(alert.Plain(k.Name)+"  ", alert.Plain(k.LastError)))
		}
	}
	return nil
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return phone.Span(time.Since(t)) + " ago"
}
