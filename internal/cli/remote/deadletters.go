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
	List  deadLettersListCommand  `cmd:"" default:"1" help:"List messages that Slack, or another chat, has permanently rejected."`
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
		rows = append(rows, []string{d.ID, d.Channel, d.At.Local().Format(command.Minutes), shows, d.Reason})
	}
	p.PrintTable([]string{"LETTER", "CHANNEL", "SINCE", "SHOWS", "REASON"}, rows)
	p.Printf("\nfix the cause, then: numwatch deadletters retry --all\n")
}

type deadLettersRetryCommand struct {
	Client
	All bool     `help:"Retry all of them."`
	IDs []string `arg:"" optional:"" name:"id" complete:"letters" help:"Ids of dead letters, or the start of an id; numwatch deadletters lists them."`
}

// letterIDs returns the ids of all dead letters.
func letterIDs(ctx context.Context, c Client, p *command.Program) ([]string, error) {
	all, err := everyPage(func(offset int) ([]api.DeadLetter, int, error) {
		var page api.DeadLetterList
		err := c.GetJSON(ctx, p, lettersPath(offset), &page)
		return page.DeadLetters, page.Total, err
	})
	return namesOf(all, func(d *api.DeadLetter) string { return d.ID }), err
}

// Run retries dead letters.
func (c *deadLettersRetryCommand) Run(ctx context.Context, p *command.Program) error {
	if c.All == (len(c.IDs) > 0) {
		return command.UsageError("give the ids of dead letters, or --all")
	}
	ids, err := letterIDs(ctx, c.Client, p)
	if err != nil {
		return err
	}
	for i, word := range c.IDs {
		if c.IDs[i], err = beginning("dead letter", word, ids); err != nil {
			return err
		}
	}
	if !c.All {
		ids = c.IDs
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
