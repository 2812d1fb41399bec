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
	asking
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
		c.Print(p, s, func() { printStatus(p, &s) })
	}
	if !s.Ready {
		return command.ErrReported
	}
	return nil
}

func printStatus(p *command.Program, s *api.Status) {
	state := "ready"
	if !s.Ready {
		state = "NOT READY: " + alert.Plain(s.NotReady)
	}
	p.Printf("%s, up %s, %s\n", alert.Plain(s.Version), phone.Span(time.Since(s.Started)), state)
	p.Printf("firing:")
	for _, name := range alert.Severities() {
		p.Printf("  %d %s", s.Alerts[name], name)
	}
	alerts, incidents := sum(s.Alerts), sum(s.Incidents)
	if incidents < alerts {
		p.Printf("  (%s in %s)", phone.Count(alerts, "alert"), phone.Count(incidents, "incident"))
	}
	p.Printf("\nstore:   %s, %.1f MB\n\n", phone.Count(int(s.Store.Seq), "event"), float64(s.Store.Size)/1e6)
	if s.Store.Problem != "" {
		p.Printf("%s\n\n", command.Hanging("store:   ", alert.Plain(s.Store.Problem)))
	}
	printAccounts(p, s.Accounts)
	printSinks(p, s.Sinks)
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

func printAccounts(p *command.Program, accounts []api.AccountStatus) {
	var rows [][]string
	for _, a := range accounts {
		rows = append(rows, []string{
			a.Name, strconv.Itoa(a.Spaces), fmt.Sprintf("%.1f of %.1f/s", a.Rate, a.Limit),
			fmt.Sprintf("%.2f%%", 100*a.Throttled), ago(a.Oldest), phone.Span(time.Duration(a.Expected)), phone.Span(time.Duration(a.Worst)),
		})
	}
	p.PrintTable([]string{"ACCOUNT", "SPACES", "REQUESTS", "THROTTLED", "OLDEST POLL", "DETECTS IN", "AT MOST"}, rows)
	for i := range accounts {
		printAccount(p, &accounts[i])
	}
}

// maxFailing is how many failing spaces of an account are printed.
const maxFailing = 20

// printAccount says what the limit can do for the account's spaces, and what
// is wrong with them.
func printAccount(p *command.Program, a *api.AccountStatus) {
	name := alert.Plain(a.Name) + "  "
	p.Printf("\n%s\n", command.Hanging(name, alert.Plain(a.Plan)))
	if d := a.Discovery; d != nil && d.Error != "" {
		p.Printf("\n%s\n", command.Hanging(name, "discovery failed, the last list stays in use ("+discovered(d)+"): "+alert.Plain(d.Error)))
	} else if d != nil {
		p.Printf("%s\n", command.Hanging(name, "discovery: "+discovered(d)))
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
		p.Printf("\n%sand %d more: numwatch status -o json\n", name, more)
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
	p.Printf("\n%s\n", command.Hanging(alert.Plain(where)+"  ", alert.Plain(what)))
}

func printSinks(p *command.Program, sinks []api.SinkStatus) {
	var rows [][]string
	for _, k := range sinks {
		rows = append(rows, []string{k.Name, k.State, strconv.FormatUint(k.Lag, 10)})
	}
	p.Printf("\n")
	p.PrintTable([]string{"SINK", "STATE", "WAITING"}, rows)
	for _, k := range sinks {
		if k.LastError != "" {
			p.Printf("\n%s\n", command.Hanging(alert.Plain(k.Name)+"  ", alert.Plain(k.LastError)))
		}
	}
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return phone.Span(time.Since(t)) + " ago"
}
