package remote

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/internal/yamldoc"
	"numwatch/phone"
	"numwatch/web/api"
)

type SilenceCommand struct {
	List silenceListCommand `cmd:"" default:"1" help:"List the silences in force."`
	Add  silenceAddCommand  `cmd:"" help:"Keep matching alerts out of Slack for a time."`
	End  silenceEndCommand  `cmd:"" help:"End a silence early."`
}

type silenceListCommand struct{ asking }

// Run lists the silences.
func (c *silenceListCommand) Run(ctx context.Context, p *command.Program) error {
	var list api.SilenceList
	return c.ask(ctx, p, http.MethodGet, "/api/v1/silences", nil, &list, func() { printSilences(p, &list) })
}

func printSilences(p *command.Program, list *api.SilenceList) {
	if len(list.Silences) == 0 {
		p.Printf("no silences\n")
		return
	}
	var rows [][]string
	for i := range list.Silences {
		s := &list.Silences[i]
		rows = append(rows, []string{
			s.ID, s.Until.Local().Format(command.Minutes), strconv.Itoa(s.Covers), command.Cell(s.By, 12), command.Cell(s.Match.String(), 28), command.Cell(s.Reason, 18),
		})
	}
	p.PrintTable([]string{"SILENCE", "UNTIL", "MATCHES", "BY", "MATCHERS", "REASON"}, rows)
}

// period is a length of time as config.yaml has it: 30m, 2h, 1d.
type period time.Duration

// UnmarshalText reads a length.
func (d *period) UnmarshalText(b []byte) error {
	v, err := yamldoc.ParseDuration(string(b))
	*d = period(v)
	return err
}

type silenceAddCommand struct {
	asking
	person
	For     period   `placeholder:"TIME" help:"Duration, such as 30m, 2h or 1d."`
	Until   string   `placeholder:"TIME" help:"End time instead of a duration: 2026-11-24T07:00 (local time), or RFC 3339 with a zone."`
	Reason  string   `placeholder:"TEXT" help:"Reason, shown to others."`
	Preview bool     `help:"Only show which open alerts it would match."`
	Match   []string `arg:"" name:"name=value" help:"Matchers: account, space (id), number, part, rule, severity or label.NAME. An alert must match all of them; separate several values of one with commas."`
}

// Run starts a silence, or shows what it would match.
func (c *silenceAddCommand) Run(ctx context.Context, p *command.Program) error {
	match, err := matcher(c.Match)
	if err != nil {
		return err
	}
	if c.Preview {
		return c.preview(ctx, p, match)
	}
	q := api.SilenceRequest{Match: match, For: api.Seconds(c.For), Reason: c.Reason}
	if q.Until, err = moment(c.Until); err != nil {
		return err
	}
	if q.Until.IsZero() == (q.For == 0) {
		return command.UsageError("give a duration, such as --for 2h, or an end: --until TIME")
	}
	if q.By, err = c.name(p); err != nil {
		return err
	}
	var made api.Silence
	return c.ask(ctx, p, http.MethodPost, "/api/v1/silences", q, &made, func() {
		p.Printf("%s until %s: %s\nmatches %s now; end it with: numwatch silence end %[1]s\n",
			made.ID, made.Until.Local().Format(command.Minutes+" MST"), alert.Plain(made.Match.String()), phone.Count(made.Covers, "open alert"))
	})
}

func (c *silenceAddCommand) preview(ctx context.Context, p *command.Program, match alert.Matcher) error {
	var list api.AlertList
	return c.ask(ctx, p, http.MethodPost, "/api/v1/silences/preview", api.PreviewRequest{Match: match}, &list, func() {
		p.Printf("%s would match %s now\n", alert.Plain(match.String()), phone.Count(list.Total, "open alert"))
		if list.Total > 0 {
			p.Printf("\n")
			printAlerts(p, list.Alerts)
		}
	})
}

// matcher reads name=value arguments.
func matcher(args []string) (m alert.Matcher, err error) {
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || value == "" {
			return m, command.UsageError(fmt.Sprintf("%q is not a matcher: want name=value, such as rule=quality-red or label.tier=gold", alert.Plain(arg)))
		}
		if err := m.Set(name, value); err != nil {
			return m, command.UsageError(alert.Plain(err.Error()))
		}
	}
	return m, nil
}

// moment reads a time; "" is none.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, command.UsageError(fmt.Sprintf("%q is not a time: want 2026-11-24T07:00 or 2026-11-24T07:00:00+08:00", alert.Plain(text)))
	}
	return t, nil
}

type silenceEndCommand struct {
	Client
	person
	ID string `arg:"" help:"The silence's id, such as s-k3v9q2abcd, as numwatch silence lists it."`
}

// Run ends a silence.
func (c *silenceEndCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	var nothing struct{}
	if err := c.call(ctx, p, http.MethodDelete, "/api/v1/silences/"+url.PathEscape(c.ID), api.ByRequest{By: by}, &nothing); err != nil {
		return err
	}
	p.Printf("%s has ended: alerts that it held back and that still fire are shown now\n", alert.Plain(c.ID))
	return nil
}
