package remote

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

type DeadLettersCommand struct {
	List  deadLettersListCommand  `cmd:"" default:"1" help:"List messages that Slack has rejected for good."`
	Retry deadLettersRetryCommand `cmd:"" help:"Post the alerts of dead letters again, in new messages."`
}

type deadLettersListCommand struct {
	Client
	command.Output
}

// letters asks for the dead letters.
func (b Client) letters(ctx context.Context, p *command.Program) (list api.DeadLetterList, err error) {
	return list, b.GetJSON(ctx, p, "/api/v1/deadletters?limit=1000", &list)
}

// Run lists the dead letters, oldest first.
func (c *deadLettersListCommand) Run(ctx context.Context, p *command.Program) error {
	list, err := c.letters(ctx, p)
	if err != nil {
		return err
	}
	if c.JSON() {
		return command.PrintJSON(p.Stdout, list)
	}
	if list.Total == 0 {
		fmt.Fprintln(p.Stdout, "no dead letters")
		return nil
	}
	var rows [][]string
	for _, d := range list.DeadLetters {
		shows := phone.Count(len(d.Alerts), "alert")
		if len(d.Alerts) == 1 {
			shows = cmp.Or(d.Alerts[0].Rule, d.Alerts[0].ID)
		}
		rows = append(rows, []string{d.ID, command.Cell(d.Channel, 12), d.At.Local().Format(command.Minutes), command.Cell(shows, 20), command.Cell(d.Reason, 30)})
	}
	if err := command.PrintTable(p.Stdout, []string{"LETTER", "CHANNEL", "SINCE", "SHOWS", "REASON"}, rows); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, "\nfix the cause, then: numwatch deadletters retry --all")
	return err
}

type deadLettersRetryCommand struct {
	Client
	All bool     `help:"Retry all of them."`
	IDs []string `arg:"" optional:"" name:"id" help:"Dead letters: numwatch deadletters."`
}

// Run retries dead letters.
func (c *deadLettersRetryCommand) Run(ctx context.Context, p *command.Program) error {
	ids := c.IDs
	switch {
	case c.All == (len(ids) > 0):
		return command.UsageError("give the ids of dead letters, or --all")
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
	_, err := fmt.Fprintf(p.Stdout, "%s being posted again\n", phone.Count(len(ids), "dead letter"))
	return err
}
