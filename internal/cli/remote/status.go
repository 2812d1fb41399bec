package remote

import (
	"context"
	"fmt"
	"slices"
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
		c.Print(p, s, func() {
			var critical api.AlertList
			_ = c.GetJSON(ctx, p, fmt.Sprintf("/api/v1/alerts?state=firing&severity=critical&limit=%d", maxCritical), &critical) // the counts are there without it
			printStatus(p, &s, &critical)
		})
	}
	if !s.Ready {
		return command.ErrReported
	}
	return nil
}

// maxCritical is how many critical alerts are printed.
const maxCritical = 5

// printCritical prints what is worst, before what is wrong with the bot's own work.
func printCritical(p *command.Program, list *api.AlertList) {
	for i := range list.Alerts {
		a := &list.Alerts[i]
		p.Printf("%s\n", p.Hanging(p.Severity(alert.Critical.String())+"  ", alert.Plain(a.Alert.Summary)+" (for "+phone.Span(time.Since(a.Alert.Since))+taken(a)+")"))
	}
	if more := list.Total - len(list.Alerts); more > 0 {
		p.Printf("and %d more: numwatch alerts --severity critical\n", more)
	}
	if len(list.Alerts) > 0 {
		p.Printf("\n")
	}
}

// taken says who has an alert.
func taken(a *api.Alert) string {
	if a.Alert.Ack == nil {
		return ""
	}
	return ", acknowledged by " + alert.Plain(a.Alert.Ack.By)
}

func printStatus(p *command.Program, s *api.Status, critical *api.AlertList) {
	state := "ready"
	if !s.Ready {
		state = "NOT READY: " + alert.Plain(s.NotReady)
	}
	p.Printf("%s, up %s, %s\n", alert.Plain(s.Version), phone.Span(time.Since(s.Started)), state)
	p.Printf("firing:")
	for _, name := range alert.Severities() {
		said := name
		if s.Alerts[name] > 0 {
			said = p.Severity(name)
		}
		p.Printf("  %d %s", s.Alerts[name], said)
	}
	alerts, incidents := sum(s.Alerts), sum(s.Incidents)
	if incidents < alerts {
		p.Printf("  (%s in %s)", phone.Count(alerts, "alert"), phone.Count(incidents, "incident"))
	}
	p.Printf("\nstore:   %s, %.1f MB\n\n", phone.Count(int(s.Store.Seq), "event"), float64(s.Store.Size)/1e6)
	printCritical(p, critical)
	if s.Store.Problem != "" {
		p.Printf("%s\n\n", p.Hanging("store:   ", alert.Plain(s.Store.Problem)))
	}
	if seen := s.Fleet.Seen; seen < s.Fleet.Spaces {
		p.Printf("seen:    %d of %s; nothing is known about the others yet\n\n", seen, phone.Count(s.Fleet.Spaces, "space"))
	}
	if r := s.RulesRefused; r != nil {
		first, _, _ := strings.Cut(r.Text, "\n") // the excerpt of the file and other mistakes follow
		p.Printf("%s\n\n", p.Hanging("rules:   ", "the file is rejected, the last good rules stay in force: "+alert.Plain(first)))
	}
	printAccounts(p, s.Accounts)
	printHints(p, s.Hints)
	printSinks(p, s.Sinks)
	if len(s.Replicas) > 0 {
		p.Printf("\n")
		printReplicas(p, &api.Replicas{Replicas: s.Replicas})
	}
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

func printAccounts(p *command.Program, accounts []api.AccountStatus) {
	var rows [][]string
	for i := range accounts {
		a := &accounts[i]
		detects, worst := phone.Span(time.Duration(a.Expected)), phone.Span(time.Duration(a.Worst))
		if !a.Blind.IsZero() { // then no time is promised
			detects, worst = "-", "-"
		}
		rows = append(rows, []string{
			a.Name, strconv.Itoa(a.Spaces), fmt.Sprintf("%.1f of %.1f/s", a.Rate, a.Limit),
			fmt.Sprintf("%.2f%%", 100*a.Throttled), ago(a.Oldest), detects, worst,
		})
	}
	p.PrintTable([]string{"ACCOUNT", "SPACES", "REQUESTS", "THROTTLED", "OLDEST POLL", "DETECTS IN", "AT MOST"}, rows)
	for i := range accounts {
		printAccount(p, &accounts[i])
	}
}

// printAccount says what the limit can do for the account's spaces, and what
// is wrong with them.
func printAccount(p *command.Program, a *api.AccountStatus) {
	name := alert.Plain(a.Name) + "  "
	sight := a.Plan
	if !a.Blind.IsZero() {
		sight = "blind for " + phone.Span(time.Since(a.Blind))
	}
	p.Printf("\n%s\n", p.Hanging(name, alert.Plain(sight)))
	if d := a.Discovery; d != nil && d.Error != "" {
		p.Printf("\n%s\n", p.Hanging(name, "discovery failed, the last list stays in use ("+discovered(d)+"): "+alert.Plain(d.Error)))
	} else if d != nil {
		p.Printf("%s\n", p.Hanging(name, "discovery: "+discovered(d)))
	}
	if m := a.Missing; m != nil {
		fmt.Fprintf(p.Stdout, "\n%s\n", p.Hanging(name, fmt.Sprintf("the list of spaces lacks %s that are watched until %s; if they are really gone: numwatch spaces accept %s",
			phone.Count(len(m.Spaces), "space"), m.Until.Local().Format(command.Minutes), alert.Plain(a.Name))))
	}
	for _, w := range a.Warnings {
		fmt.Fprintf(p.Stdout, "\n%s\n", p.Hanging(name, "warning: "+alert.Plain(w)))
	}
	for _, group := range failures(a.Failing) {
		printFailing(p, a.Name, group)
	}
}

// failures puts the spaces together that fail in the same way: an outage is one thing,
// however many spaces it concerns. The largest group is first, and in each the longest
// failure.
func failures(failing []api.FailingSpace) (groups [][]api.FailingSpace) {
	type kind struct {
		whole       bool
		class, code string
	}
	at := map[kind]int{}
	for _, f := range failing {
		alike := func(o api.FailingSpace) bool { return o.Space != "" && o.Class == f.Class && o.Code == f.Code }
		if f.Space == "" && slices.ContainsFunc(failing, alike) {
			continue // its spaces say so
		}
		k := kind{f.Space == "", f.Class, f.Code}
		i, ok := at[k]
		if !ok {
			i, at[k] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b api.FailingSpace) int { return a.Since.Compare(b.Since) })
	}
	slices.SortStableFunc(groups, func(a, b []api.FailingSpace) int { return len(b) - len(a) })
	return groups
}

// printHints says how useful hints were, once there are any.
func printHints(p *command.Program, h *api.HintsStatus) {
	if text := h.String(); text != "" {
		p.Printf("\n%s\n", p.Hanging("hints  ", text))
	}
}

func discovered(d *api.DiscoveryStatus) string {
	return phone.Count(d.Spaces, "space") + ", listed " + ago(d.At)
}

// maxNamed is how many of several spaces that fail alike are named.
const maxNamed = 3

// printFailing says what is wrong with a space, with several that fail alike, or with a
// whole account.
func printFailing(p *command.Program, account string, alike []api.FailingSpace) {
	f, where, what := &alike[0], account, ""
	switch {
	case len(alike) > 1:
		ids := namesOf(alike[:min(len(alike), maxNamed)], func(f *api.FailingSpace) string { return f.Space })
		what = phone.Count(len(alike), "space") + " (" + strings.Join(ids, ", ")
		if len(alike) > maxNamed {
			what += ", …"
		}
		what += "): "
	case f.Space != "":
		where += "/" + f.Space
	}
	what += strings.ReplaceAll(f.Class, "_", " ")
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
	p.Printf("\n%s\n", p.Hanging(alert.Plain(where)+"  ", alert.Plain(what)))
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
			p.Printf("\n%s\n", p.Hanging(alert.Plain(k.Name)+"  ", alert.Plain(k.LastError)))
		}
		for _, w := range k.Warnings {
			p.Printf("\n%s\n", p.Hanging(alert.Plain(k.Name)+"  ", "warning: "+alert.Plain(w)))
		}
	}
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return phone.Span(time.Since(t)) + " ago"
}
