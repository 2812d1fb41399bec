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
	List  deadLettersListCommand  `cmd:"" default:"1" help:"List messages that Slack has permanently rejected."`
	Retry deadLettersRetryCommand `cmd:"" help:"Post the alerts of dead letters again, in new messages."`
}

type deadLettersListCommand struct{ asking }

func lettersPath(offset int) string {
	return fmt.Sprintf("/api/v1/deadletters?limit=%d&offset=%d", maxLimit, offset)
}

// Run lists the dead letters, oldest first.
func (c *deadLettersListCommand) Run(ctx context.Context, p *command.Program) error {
	var list api.DeadLetterList
	return c.ask(ctx, p, http.MethodGet, lettersPath(0), nil, &list, func() { printLetters(p, &list) })
}

func printLetters(p *command.Program, list *api.DeadLetterList) {
	if list.Total == 0 {
		p.Printf("no dead letters\n")
		return
	}
	var rows [][]string
	for _, d := range list.DeadLetters {
		shows := phone.Count(len(d.Alerts), "alert")
		if len(d.Alerts) == 1 {
			shows = cmp.Or(d.Alerts[0].Rule, d.Alerts[0].ID)
		}
		rows = append(rows, []string{d.ID, command.Cell(d.Channel, 12), d.At.Local().Format(command.Minutes), command.Cell(shows, 20), command.Cell(d.Reason, 30)})
	}
	p.PrintTable([]string{"LETTER", "CHANNEL", "SINCE", "SHOWS", "REASON"}, rows)
	p.Printf("\nfix the cause, then: numwatch deadletters retry --all\n")
}

type deadLettersRetryCommand struct {
	Client
	All bool     `help:"Retry all of them."`
	IDs []string `arg:"" optional:"" name:"id" help:"Ids of dead letters, as numwatch deadletters lists them."`
}

// allLetters returns the ids of all dead letters, which may take several pages.
func (c *deadLettersRetryCommand) allLetters(ctx context.Context, p *command.Program) (ids []string, err error) {
	for {
		var page api.DeadLetterList
		if err := c.GetJSON(ctx, p, lettersPath(len(ids)), &page); err != nil {
			return nil, err
		}
		for _, d := range page.DeadLetters {
			ids = append(ids, d.ID)
		}
		if len(page.DeadLetters) == 0 || len(ids) >= page.Total {
			return ids, nil
		}
	}
}

// Run retries dead letters.
func (c *deadLettersRetryCommand) Run(ctx context.Context, p *command.Program) error {
	ids := c.IDs
	switch {
	case c.All == (len(ids) > 0):
		return command.UsageError("give the ids of dead letters, or --all")
	case c.All:
		var err error
		if ids, err = c.allLetters(ctx, p); err != nil {
			return err
		}
	}
	for _, id := range ids {
		var nothing struct{}
		if err := c.call(ctx, p, http.MethodPost, "/api/v1/deadletters/"+url.PathEscape(id)+"/retry", nil, &nothing); err != nil {
			return fmt.Errorf("%s: %w", alert.Plain(id), err)
		}
	}
	p.Printf("%s being posted again\n", phone.Count(len(ids), "dead letter"))
	return nil
}
