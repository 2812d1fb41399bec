package remote

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/web/api"
)

// person is the flag of the commands that change something in the name of somebody.
type person struct {
	By string `placeholder:"NAME" help:"Your name, shown to others (default: $$USER)."`
}

func (w person) name(p *command.Program) (string, error) {
	name := cmp.Or(w.By, p.Getenv("USER"))
	if name == "" {
		return "", command.UsageError("who are you? Give --by NAME")
	}
	return name, nil
}

type AckCommand struct {
	asking
	person
	Undo bool   `help:"Withdraw the acknowledgement."`
	ID   string `arg:"" help:"The id of an alert, such as a-7f31c0de00112233, or of an incident, such as i-7f31c0de00112233, for all of its open alerts; numwatch alerts lists them."`
}

// Run acknowledges an alert, or those of an incident.
func (c *AckCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	method, did := http.MethodPost, "acknowledged by "
	if c.Undo {
		method, did = http.MethodDelete, "acknowledgement withdrawn by "
	}
	path, asked := "/api/v1/alerts/"+url.PathEscape(c.ID)+"/ack", api.ByRequest{By: by}
	said := func(alerts ...api.Alert) {
		p.Printf("%s%s\n", did, alert.Plain(by))
		for _, a := range alerts {
			p.Printf("%s\n", command.Hanging(a.Alert.ID+"  ", alert.Plain(a.Alert.Rule+": "+a.Alert.Summary)))
		}
	}
	if strings.HasPrefix(c.ID, alert.IncidentPrefix) {
		var list api.AlertList
		return c.ask(ctx, p, method, path, asked, &list, func() { said(list.Alerts...) })
	}
	var a api.Alert
	return c.ask(ctx, p, method, path, asked, &a, func() { said(a) })
}
