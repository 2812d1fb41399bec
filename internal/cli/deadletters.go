package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"numwatch/alert"
	"numwatch/web"
)

type deadLettersCommand struct {
	List  deadLettersListCommand  `cmd:"" default:"1" help:"List the messages that Slack refuses for good."`
	Retry deadLettersRetryCommand `cmd:"" help:"Post the alerts of dead letters again, in new messages."`
}

type deadLettersListCommand struct {
	client
	output
}

// letters asks for the dead letters.
func (b client) letters(ctx context.Context, p *Program) (list web.DeadLetterList, err error) {
	return list, b.getJSON(ctx, p, "/api/v1/deadletters?limit=1000", &list)
}

// Run lists the dead letters, oldest first.
func (c *deadLettersListCommand) Run(ctx context.Context, p *Program) error {
	list, err := c.letters(ctx, p)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(p.Stdout, list)
	}
	if list.Total == 0 {
		fmt.Fprintln(p.Stdout, "no dead letter")
		return nil
	}
	var rows [][]string
	for _, d := range list.DeadLetters {
		shows := count(len(d.Alerts), "alert")
		if len(d.Alerts) == 1 {
			shows = cmp.Or(d.Alerts[0].Rule, d.Alerts[0].ID)
		}
		rows = append(rows, []string{d.ID, cell(d.Channel, 12), d.At.Local().Format(minutes), cell(shows, 20), cell(d.Reason, 30)})
	}
	if err := printTable(p.Stdout, []string{"LETTER", "CHANNEL", "SINCE", "SHOWS", "REASON"}, rows); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, "\nmend the reason, then: numwatch deadletters retry --all")
	return err
}

type deadLettersRetryCommand struct {
	client
	All bool     `help:"All of them."`
	IDs []string `arg:"" optional:"" name:"id" help:"Dead letters: numwatch deadletters."`
}

// Run has dead letters posted again.
func (c *deadLettersRetryCommand) Run(ctx context.Context, p *Program) error {
	ids := c.IDs
	switch {
	case c.All == (len(ids) > 0):
		return &usageError{"name dead letters, or --all"}
	case c.All:
		list, err := c.letters(ctx, p)
		if err != nil {
			return err
		}
		for _, d := range list.DeadLetters {
			ids = append(ids, d.ID)
		}
	}
	for _, id := range ids {
		var nothing struct{}
		if err := c.call(ctx, p, http.MethodPost, "/api/v1/deadletters/"+url.PathEscape(id)+"/retry", nil, &nothing); err != nil {
			return fmt.Errorf("%s: %w", alert.Plain(id), err)
		}
	}
	_, err := fmt.Fprintf(p.Stdout, "%s being posted again\n", count(len(ids), "dead letter"))
	return err
}
