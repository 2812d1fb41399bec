package remote

import (
	"cmp"
	"context"
	"net/http"
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
	Severity []string `placeholder:"NAME" help:"Only these: critical, high, warning, info."`
	Incident string   `placeholder:"ID" help:"Only of this incident: all that is wrong with one number, space, account or part of the bot."`
	Rule     string   `placeholder:"NAME" help:"Only of this rule."`
	Account  string   `placeholder:"NAME" help:"Only of this account."`
	Space    string   `placeholder:"ID" help:"Only of this space."`
	Number   string   `placeholder:"NUMBER" help:"Only of this number."`
	paged
	Search string `arg:"" optional:"" help:"Part of a number, a name, a rule or a text."`
}

// Run lists alerts, the worst first.
func (c *AlertsCommand) Run(ctx context.Context, p *command.Program) error {
	q := c.query()
	set(q, "state", c.State, "severity", strings.Join(c.Severity, ","), "incident", c.Incident, "rule", c.Rule, "account", c.Account, "space", c.Space, "number", c.Number, "q", c.Search)
	var list api.AlertList
	return c.ask(ctx, p, http.MethodGet, "/api/v1/alerts?"+q.Encode(), nil, &list, func() {
		if len(list.Alerts) > 0 {
			printAlerts(p, list.Alerts)
		}
		c.printRest(p, len(list.Alerts), list.Total, "alert")
	})
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
	header := []string{"ALERT", "SEVERITY", "FOR", "RULE", "ABOUT", "IS NOW", "NOTE"}
	shared := shareIncidents(alerts)
	if shared {
		header = append(header, "INCIDENT")
	}
	var rows [][]string
	for i := range alerts {
		a := &alerts[i]
		row := []string{
			a.Alert.ID, a.Alert.Severity.String(), phone.Span(time.Since(a.Alert.Since)), command.Cell(a.Alert.Rule, 18), command.Cell(about(a), 16),
			command.Cell(cmp.Or(a.New, "(empty)"), 14), command.Cell(marks(a), 12),
		}
		if shared {
			row = append(row, a.Alert.Incident)
		}
		rows = append(rows, row)
	}
	p.PrintTable(header, rows)
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

// marks says in a word or two what else is known of an alert.
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
