package remote

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

type AlertsCommand struct {
	asking
	State    string   `enum:"open,firing,closed,all" default:"open" help:"Which alerts: open, firing, closed (recently) or all."`
	Severity []string `placeholder:"NAME" enum:"critical,high,warning,info" help:"Only these: critical, high, warning, info."`
	Incident string   `placeholder:"ID" complete:"incidents" help:"Only of this incident: everything wrong with one number, space, account or part of the bot. The start of its id is enough."`
	Rule     string   `placeholder:"NAME" complete:"rules" help:"Only of this rule."`
	Account  string   `placeholder:"NAME" complete:"accounts" help:"Only of this account."`
	Space    string   `placeholder:"ID" complete:"spaces" help:"Only of this space, by its id or name."`
	Number   string   `placeholder:"NUMBER" complete:"numbers" help:"Only of this number."`
	paged
	Search string `arg:"" optional:"" help:"Part of a number, a name, a rule or a text."`
}

// Run lists alerts, the worst first.
func (c *AlertsCommand) Run(ctx context.Context, p *command.Program) error {
	c.Number = phone.Digits(c.Number)
	list, err := c.list(ctx, p)
	if err == nil && list.Total == 0 {
		if err = c.check(ctx, p); err == nil {
			list, err = c.list(ctx, p)
		}
	}
	if err != nil {
		return err
	}
	c.Print(p, list, func() {
		if len(list.Alerts) > 0 {
			printAlerts(p, list.Alerts)
		}
		c.printRest(p, len(list.Alerts), list.Total, "alert")
	})
	return nil
}

func (c *AlertsCommand) list(ctx context.Context, p *command.Program) (list api.AlertList, err error) {
	q := c.query()
	set(q, "state", c.State, "severity", strings.Join(c.Severity, ","), "incident", c.Incident, "rule", c.Rule, "account", c.Account, "space", c.Space, "number", c.Number, "q", c.Search)
	return list, c.GetJSON(ctx, p, "/api/v1/alerts?"+q.Encode(), &list)
}

// check reports names that do not exist, and resolves the space's name and the start of an incident's id.
func (c *AlertsCommand) check(ctx context.Context, p *command.Program) error {
	d := directory{Client: c.Client, p: p}
	m, err := d.named(ctx, alert.Matcher{Rule: c.Rule, PhoneNumber: c.Number, Account: c.Account, Space: c.Space})
	c.Account, c.Space = m.Account, m.Space
	if err != nil || c.Incident == "" {
		return err
	}
	all, err := everyAlert(ctx, c.Client, p, "all")
	if err == nil {
		c.Incident, err = beginning("incident", c.Incident, namesOf(all, incidentOf))
	}
	return err
}

// set puts those values into a query that are not empty.
func set(q url.Values, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
}

// printAlerts prints a table. It has the incidents where several alerts share one:
// elsewhere they would say no more than the alerts.
func printAlerts(p *command.Program, alerts []api.Alert) {
	header := []string{"ALERT", "SEVERITY", "FOR", "CUSTOMER", "ABOUT", "RULE", "IS NOW", "NOTE"}
	shared := shareIncidents(alerts)
	if shared {
		header = append(header, "INCIDENT")
	}
	var rows [][]string
	for i := range alerts {
		a := &alerts[i]
		row := []string{
			a.Alert.ID, a.Alert.Severity.String(), phone.Span(time.Since(a.Alert.Since)), customer(a), about(a),
			a.Alert.Rule, cmp.Or(a.New, "(empty)"), marks(a),
		}
		if shared {
			row = append(row, a.Alert.Incident)
		}
		rows = append(rows, append(row, a.Alert.Summary))
	}
	p.PrintTableOfTexts(append(header, "SUMMARY"), rows)
}

// shareIncidents reports whether several of the alerts are of one incident.
func shareIncidents(alerts []api.Alert) bool {
	seen := map[string]bool{"": false} // those that are pending share none
	for i := range alerts {
		id := alerts[i].Alert.Incident
		if seen[id] {
			return true
		}
		seen[id] = id != ""
	}
	return false
}

// customer names the space of an alert, "" if it has none.
func customer(a *api.Alert) string {
	if a.Space == nil {
		return ""
	}
	return cmp.Or(a.Space.Name, a.Space.ID)
}

// about names an alert's subject.
func about(a *api.Alert) string {
	switch {
	case a.Number != nil:
		return a.Number.PhoneNumber
	case a.Space != nil:
		return a.Account + "/" + a.Space.ID
	default:
		return cmp.Or(a.Part, a.Account)
	}
}

// marks says briefly what else is known about an alert.
func marks(a *api.Alert) string {
	var words []string
	if a.Drill {
		words = append(words, "drill")
	}
	if a.Alert.State != alert.Firing {
		words = append(words, a.Alert.State.String())
	}
	if a.Alert.Flapping {
		words = append(words, "flapping")
	}
	if a.Alert.Ack != nil {
		words = append(words, "ack "+a.Alert.Ack.By)
	}
	if len(a.Alert.HeldBy) > 0 {
		words = append(words, "held")
	}
	return strings.Join(words, " ")
}
