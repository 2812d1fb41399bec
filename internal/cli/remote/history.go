package remote

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
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
	Account string `placeholder:"NAME" help:"The account, where several spaces have had the number."`
	Space   string `placeholder:"ID" help:"The space's id, where several spaces have had the number."`
	Limit   int    `default:"50" help:"At most this many events, up to 1000."`
	Before  uint64 `placeholder:"N" help:"Only events before this one, to page through a long history."`
	Number  string `arg:"" help:"The phone number, as numwatch numbers lists it."`
}

// Run lists what happened to a number, newest first.
func (c *HistoryCommand) Run(ctx context.Context, p *command.Program) error {
	where, err := c.find(ctx, p)
	if err != nil {
		return err
	}
	path := "/api/v1/numbers/" + url.PathEscape(where.Account) + "/" + url.PathEscape(where.ID) + "/" + url.PathEscape(c.Number) +
		"/history?limit=" + strconv.Itoa(c.Limit) + "&before=" + strconv.FormatUint(c.Before, 10)
	var h api.History
	return c.ask(ctx, p, http.MethodGet, path, nil, &h, func() { c.print(p, where, &h) })
}

func (c *HistoryCommand) print(p *command.Program, where phone.SpaceKey, h *api.History) {
	switch {
	case len(h.Events) == 0 && c.Before > 0:
		p.Printf("no event is known from before %d\n", c.Before)
		return
	case len(h.Events) == 0:
		p.Printf("no event is known of %s in %s\n", alert.Plain(c.Number), alert.Plain(where.String()))
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
		kind = "first sight"
	}
	return []string{
		e.Time.Local().Format(time.DateTime), command.Cell(kind, 12), command.Cell(what, 22),
		command.Cell(cmp.Or(e.Old, "-"), 18), command.Cell(cmp.Or(e.New, "-"), 18),
	}
}

// find finds the space of the number: the one that is named, or the only one
// that lists it or has an alert about it.
func (c *HistoryCommand) find(ctx context.Context, p *command.Program) (phone.SpaceKey, error) {
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
		return phone.SpaceKey{}, fmt.Errorf("no space lists %s now: name the one that did with --account and --space, or look with: numwatch numbers", alert.Plain(c.Number))
	default:
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.String()
		}
		return phone.SpaceKey{}, fmt.Errorf("several spaces have had %s: %s; name one with --account and --space", alert.Plain(c.Number), alert.Plain(strings.Join(names, ", ")))
	}
}
