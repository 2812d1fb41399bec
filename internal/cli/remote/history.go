package remote

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/phone"
	"numwatch/web/api"
)

type HistoryCommand struct {
	asking
	Account string `placeholder:"NAME" complete:"accounts" help:"The account, if several spaces have had the number."`
	Space   string `placeholder:"ID" complete:"spaces" help:"The space's id or name, if several spaces have had the number."`
	Limit   int    `default:"50" help:"At most this many events, up to 1000."`
	Before  uint64 `placeholder:"N" help:"Only events before this one, to page through a long history."`
	Number  string `arg:"" complete:"numbers" help:"The phone number, as numwatch numbers lists it."`
}

// Run lists what happened to a number, newest first.
func (c *HistoryCommand) Run(ctx context.Context, p *command.Program) error {
	c.Number = phone.Digits(c.Number)
	d := directory{Client: c.Client, p: p}
	if c.Account == "" || c.Space == "" { // both may name a space that is configured no longer
		if err := d.place(ctx, &c.Account, &c.Space); err != nil {
			return err
		}
	}
	where, err := c.find(ctx, p, &d)
	if err != nil {
		return err
	}
	path := "/api/v1/numbers/" + url.PathEscape(where.Account) + "/" + url.PathEscape(where.ID) + "/" + url.PathEscape(c.Number) +
		"/history?limit=" + strconv.Itoa(c.Limit) + "&before=" + strconv.FormatUint(c.Before, 10)
	var h api.History
	if err := c.GetJSON(ctx, p, path, &h); err != nil {
		return err
	}
	if len(h.Events) == 0 && c.Before == 0 {
		if err := d.place(ctx, &where.Account, &where.ID); err != nil {
			return err
		}
	}
	c.Print(p, h, func() { c.print(p, where, &h) })
	return nil
}

func (c *HistoryCommand) print(p *command.Program, where phone.SpaceKey, h *api.History) {
	switch {
	case len(h.Events) == 0 && c.Before > 0:
		p.Printf("no events before %d\n", c.Before)
		return
	case len(h.Events) == 0:
		p.Printf("no events of %s in %s\n", alert.Plain(c.Number), alert.Plain(where.String()))
		return
	}
	var rows [][]string
	for i := range h.Events {
		rows = append(rows, eventRow(&h.Events[i]))
	}
	p.PrintTable([]string{"TIME", "EVENT", "WHAT", "WAS", "IS"}, rows)
	switch {
	case h.Before == 0:
	case c.Before > 0 || c.Limit >= maxLimit:
		p.Printf("\nthere may be more: --before %d shows it\n", h.Before)
	default:
		p.Printf("\nthere may be more: --limit %d shows it\n", maxLimit)
	}
}

// eventRow is an event in a row.
func eventRow(e *api.Event) []string {
	kind, what := e.Kind, e.Field.String()
	if e.Alert != nil {
		kind, what = e.Alert.Transition.String(), e.Alert.Rule
	} else if e.Baseline {
		kind = "first seen"
	}
	return []string{
		e.Time.Local().Format(time.DateTime), kind, what,
		cmp.Or(e.Old, "-"), cmp.Or(e.New, "-"),
	}
}

// find finds the space of the number: the one that is named, or the only one
// that lists it or has an alert about it.
func (c *HistoryCommand) find(ctx context.Context, p *command.Program, d *directory) (phone.SpaceKey, error) {
	if c.Account != "" && c.Space != "" {
		return phone.SpaceKey{Account: c.Account, ID: c.Space}, nil
	}
	found := map[phone.SpaceKey]bool{}
	note := func(account string, space *api.Space, n *phone.Number) {
		if space == nil || n == nil || n.PhoneNumber != c.Number ||
			c.Account != "" && account != c.Account || c.Space != "" && space.ID != c.Space {
			return
		}
		found[phone.SpaceKey{Account: account, ID: space.ID}] = true
	}
	var numbers api.NumberList
	if err := c.GetJSON(ctx, p, "/api/v1/numbers?limit=1000&"+url.Values{"q": {c.Number}}.Encode(), &numbers); err != nil {
		return phone.SpaceKey{}, err
	}
	for i := range numbers.Numbers {
		note(numbers.Numbers[i].Account, &numbers.Numbers[i].Space, numbers.Numbers[i].Number)
	}
	var alerts api.AlertList
	if err := c.GetJSON(ctx, p, "/api/v1/alerts?state=all&limit=1000&"+url.Values{"number": {c.Number}}.Encode(), &alerts); err != nil {
		return phone.SpaceKey{}, err
	}
	for i := range alerts.Alerts {
		note(alerts.Alerts[i].Account, alerts.Alerts[i].Space, alerts.Alerts[i].Number)
	}
	keys := slices.SortedFunc(maps.Keys(found), phone.SpaceKey.Compare)
	switch len(keys) {
	case 1:
		return keys[0], nil
	case 0:
		if _, err := d.number(ctx, c.Number); err != nil {
			return phone.SpaceKey{}, fmt.Errorf("%w; if a space had it once, name that with --account and --space", err)
		}
		return phone.SpaceKey{}, fmt.Errorf("%s is not in that space: numwatch numbers %[1]s shows where it is", alert.Plain(c.Number))
	default:
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.String()
		}
		return phone.SpaceKey{}, fmt.Errorf("several spaces have had %s: %s; name one with --account and --space", alert.Plain(c.Number), alert.Plain(strings.Join(names, ", ")))
	}
}
