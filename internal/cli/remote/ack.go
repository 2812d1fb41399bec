package remote

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"os/user"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

// person is the flag of the commands that act in somebody's name.
type person struct {
	By string `placeholder:"NAME" help:"Your name, shown to others (default: $$USER, or your login)."`
}

func (w person) name(p *command.Program) (string, error) {
	name := cmp.Or(w.By, p.Getenv("USER"))
	if login, err := user.Current(); name == "" && err == nil { // a shell in a container has no $USER
		name = login.Username
	}
	if name == "" {
		return "", command.UsageError("who are you? Give your name with --by NAME")
	}
	return name, nil
}

type AckCommand struct {
	asking
	person
	Undo   bool     `help:"Withdraw the acknowledgement."`
	Alerts []string `arg:"" name:"what" complete:"alerts" help:"Which open alerts: a number, a rule, or the id of an alert (a-7f31c0de00112233) or an incident (i-7f31c0de00112233), or the start of an id; numwatch alerts lists them."`
}

// Run acknowledges alerts.
func (c *AckCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	open, err := openAlerts(ctx, c.Client, p)
	if err != nil {
		return err
	}
	d := directory{Client: c.Client, p: p}
	var chosen []api.Alert
	left := 0 // that need no change: acknowledged already, or not at all
	for _, word := range c.Alerts {
		f, err := d.resolve(ctx, open, word)
		if err != nil {
			return err
		}
		for _, a := range f.Alerts {
			switch {
			case slices.ContainsFunc(chosen, func(o api.Alert) bool { return o.Alert.ID == a.Alert.ID }):
			case f.ID == "" && (a.Alert.Ack != nil) != c.Undo:
				left++
			default:
				chosen = append(chosen, a)
			}
		}
	}
	return c.decide(ctx, p, by, chosen, left)
}

// decide acknowledges the chosen alerts, one after the other, and prints them: a single one
// by itself.
func (c *AckCommand) decide(ctx context.Context, p *command.Program, by string, chosen []api.Alert, left int) error {
	method := http.MethodPost
	if c.Undo {
		method = http.MethodDelete
	}
	list := api.AlertList{Total: len(chosen), Alerts: []api.Alert{}}
	for _, a := range chosen {
		var decided api.Alert
		path := "/api/v1/alerts/" + url.PathEscape(a.Alert.ID) + "/ack"
		if err := c.call(ctx, p, method, path, api.ByRequest{By: by}, &decided); err != nil {
			return err
		}
		list.Alerts = append(list.Alerts, decided)
	}
	var answer any = list
	if len(c.Alerts) == 1 && strings.HasPrefix(c.Alerts[0], alertPrefix) {
		answer = list.Alerts[0]
	}
	c.Print(p, answer, func() { c.print(p, by, list.Alerts, left) })
	return nil
}

func (c *AckCommand) print(p *command.Program, by string, decided []api.Alert, left int) {
	did, already := "acknowledged by ", "acknowledged already"
	if c.Undo {
		did, already = "acknowledgement withdrawn by ", "not acknowledged"
	}
	if len(decided) > 0 {
		if name := decided[0].Alert.Ack; name != nil {
			by = name.By // a token may prove another name
		}
		p.Printf("%s%s\n", did, alert.Plain(by))
	}
	for _, a := range decided {
		p.Printf("%s\n", p.Hanging(a.Alert.ID+"  ", alert.Plain(a.Alert.Rule+": "+a.Alert.Summary)))
	}
	if left > 0 {
		p.Printf("%s %s\n", phone.Count(left, "alert"), already)
	}
}
