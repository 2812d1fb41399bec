package remote

import (
	"context"
	"net/http"
	"net/url"

	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

type SpacesCommand struct {
	Accept spacesAcceptCommand `cmd:"" help:"Stop watching the spaces that are missing from an account's lists (numwatch status shows them)."`
}

type spacesAcceptCommand struct {
	asking
	person
	Account string `arg:"" complete:"accounts" help:"The account's name."`
}

// Run accepts that the missing spaces of an account are gone.
func (c *spacesAcceptCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	d := directory{Client: c.Client, p: p}
	if err := d.place(ctx, &c.Account, new(string)); err != nil {
		return err
	}
	var accepted api.AcceptedSpaces
	return c.ask(ctx, p, http.MethodPost, "/api/v1/spaces/"+url.PathEscape(c.Account)+"/accept", api.ByRequest{By: by}, &accepted, func() {
		p.Printf("%s of account %s no longer watched\n", phone.Count(accepted.Dropped, "space"), accepted.Account)
	})
}
