package remote

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

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
	ID   string `arg:"" help:"The alert's id, such as a-7f31c0de00112233, as numwatch alerts lists it."`
}

// Run acknowledges an alert.
func (c *AckCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	method, did := http.MethodPost, "acknowledged by "
	if c.Undo {
		method, did = http.MethodDelete, "acknowledgement withdrawn by "
	}
	var a api.Alert
	return c.ask(ctx, p, method, "/api/v1/alerts/"+url.PathEscape(c.ID)+"/ack", api.ByRequest{By: by}, &a, func() {
		p.Printf("%s%s\n%s\n", did, alert.Plain(by), command.Hanging(a.Alert.ID+"  ", alert.Plain(a.Alert.Rule+": "+a.Alert.Summary)))
	})
}
