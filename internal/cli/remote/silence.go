package remote

import (
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

type SilenceCommand struct {
	List silenceListCommand `cmd:"" default:"1" help:"List the silences, in force or planned."`
	Add  silenceAddCommand  `cmd:"" help:"Silence matching alerts for a time."`
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
		covers := strconv.Itoa(s.Covers)
		if s.Planned {
			covers = "begins in " + phone.Span(time.Until(s.From))
		}
		rows = append(rows, []string{s.ID, s.Until.Local().Format(command.Minutes), covers, s.By, s.Match.String(), s.Reason})
	}
	p.PrintTable([]string{"SILENCE", "UNTIL", "MATCHES", "BY", "MATCHERS", "REASON"}, rows)
}

type silenceAddCommand struct {
	asking
	person
	For     time.Duration `placeholder:"TIME" help:"Duration, such as 30m, 2h or 1d."`
	From    string        `placeholder:"TIME" help:"Start of a planned silence: 2026-11-24T07:00 (local time), or RFC 3339 with a zone; --for counts from it."`
	Until   string        `placeholder:"TIME" help:"End time instead of a duration: 2026-11-24T07:00 (local time), or RFC 3339 with a zone."`
	Reason  string        `placeholder:"TEXT" help:"Reason, shown to others."`
	Preview bool          `help:"Only show which open alerts it would match."`
	Yes     bool          `help:"Allow more than 30 days."`
	What    []string      `arg:"" name:"what" complete:"matchers" help:"A number, a rule, the id of an alert or incident (or the start of one), or name=value with account, space (id or name), number, part, rule, severity or label.NAME. An alert must match every name, and one of the values of each; each id becomes a separate silence."`
}

// Run starts silences, or shows what they would match.
func (c *silenceAddCommand) Run(ctx context.Context, p *command.Program) error {
	q := api.SilenceRequest{For: api.Seconds(c.For), Reason: c.Reason}
	var err error
	if q.From, err = moment(c.From); err != nil {
		return err
	}
	if q.Until, err = moment(c.Until); err != nil {
		return err
	}
	if !c.Preview {
		if q.By, err = c.name(p); err != nil {
			return err
		}
		if q.Until.IsZero() == (q.For == 0) {
			return command.UsageError("give a duration, such as --for 2h, or an end: --until TIME")
		}
	}
	if lasts := max(c.For, q.Until.Sub(alert.Begin(q.From, time.Now()))); lasts > alert.LongSilence && !c.Yes {
		return command.UsageError(fmt.Sprintf("this silence would last %s: add --yes to allow it", phone.Span(lasts)))
	}
	matches, err := c.matchers(ctx, p)
	if err != nil {
		return err
	}
	if c.Preview {
		return c.preview(ctx, p, matches)
	}
	return c.start(ctx, p, q, matches)
}

// start makes the silences, and prints them: a single one by itself.
func (c *silenceAddCommand) start(ctx context.Context, p *command.Program, q api.SilenceRequest, matches []alert.Matcher) error {
	list := api.SilenceList{Total: len(matches)}
	for _, q.Match = range matches {
		var made api.Silence
		if err := c.call(ctx, p, http.MethodPost, "/api/v1/silences", q, &made); err != nil {
			return err
		}
		list.Silences = append(list.Silences, made)
	}
	var answer any = list
	if len(list.Silences) == 1 {
		answer = list.Silences[0]
	}
	c.Print(p, answer, func() {
		for _, made := range list.Silences {
			until, match := made.Until.Local().Format(command.Minutes+" MST"), alert.Plain(made.Match.String())
			if made.Planned {
				p.Printf("%s from %s until %s: %s\nbegins in %s; end it with: numwatch silence end %[1]s\n",
					made.ID, made.From.Local().Format(command.Minutes), until, match, phone.Span(time.Until(made.From)))
				continue
			}
			p.Printf("%s until %s: %s\nmatches %s now; end it with: numwatch silence end %[1]s\n", made.ID, until, match, phone.Count(made.Covers, "open alert"))
		}
	})
	return nil
}

func (c *silenceAddCommand) preview(ctx context.Context, p *command.Program, matches []alert.Matcher) error {
	for _, match := range matches {
		var list api.AlertList
		err := c.ask(ctx, p, http.MethodPost, "/api/v1/silences/preview", api.PreviewRequest{Match: match}, &list, func() {
			p.Printf("%s would match %s now\n", alert.Plain(match.String()), phone.Count(list.Total, "open alert"))
			if list.Total > 0 {
				p.Printf("\n")
				printAlerts(p, list.Alerts)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// matchers reads the arguments: one matcher for each id, or one for all the others.
func (c *silenceAddCommand) matchers(ctx context.Context, p *command.Program) ([]alert.Matcher, error) {
	d := directory{Client: c.Client, p: p}
	var ids []string
	values := map[string][]string{}
	for _, arg := range c.What {
		name, value, named := strings.Cut(arg, "=")
		switch {
		case named && (name == "" || value == ""):
			return nil, command.UsageError(fmt.Sprintf("%q is not a matcher: want name=value, such as rule=quality-red or label.tier=gold", alert.Plain(arg)))
		case strings.HasPrefix(name, "label."): // whose value may hold a comma
			values[name] = append(values[name], value)
		case named:
			values[name] = append(values[name], strings.Split(value, ",")...)
		case isID(arg):
			ids = append(ids, arg)
		case isNumber(arg):
			values["number"] = append(values["number"], arg)
		default:
			values["rule"] = append(values["rule"], arg)
		}
	}
	if len(ids) > 0 && len(values) > 0 {
		return nil, command.UsageError("an id cannot be combined with other matchers")
	}
	if len(ids) > 0 {
		return d.matchIDs(ctx, ids)
	}
	m, err := d.match(ctx, values)
	return []alert.Matcher{m}, err
}

// matchIDs returns a matcher for each alert or incident.
func (d *directory) matchIDs(ctx context.Context, ids []string) (matches []alert.Matcher, err error) {
	open, err := openAlerts(ctx, d.Client, d.p)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		f, err := byID(open, id)
		if err != nil {
			return nil, err
		}
		first := &f.Alerts[0]
		m := alert.Matcher{Account: first.Account, Component: first.Part}
		if first.Space != nil {
			m.Space = first.Space.ID
		}
		if first.Number != nil {
			m.PhoneNumber = first.Number.PhoneNumber
		}
		m.Rule = strings.Join(namesOf(f.Alerts, func(a *api.Alert) string { return a.Alert.Rule }), ",")
		matches = append(matches, m)
	}
	return matches, nil
}

// match returns the matcher of some values by name, each of which must exist.
func (d *directory) match(ctx context.Context, values map[string][]string) (m alert.Matcher, err error) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all := values[name]
		if label, ok := strings.CutPrefix(name, "label."); ok && len(all) > 1 {
			return m, command.UsageError("a label has only one value: give " + alert.Plain(label) + " once")
		}
		if err := m.Set(name, strings.Join(all, ",")); err != nil {
			return m, command.UsageError(alert.Plain(err.Error()))
		}
	}
	return d.named(ctx, m)
}

// moment reads a time; "" is none.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			if t.Format(layout) != text {
				return t, skipped(text, t)
			}
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, command.UsageError(fmt.Sprintf("%q is not a time: want 2026-11-24T07:00 or 2026-11-24T07:00:00+08:00", alert.Plain(text)))
	}
	return t, nil
}

// skipped is the error for a local time that clocks skip, of which t is what the package
// time makes: an hour off.
func skipped(text string, t time.Time) error {
	change, next := t.ZoneBounds()
	if change.IsZero() || !next.IsZero() && next.Sub(t) < t.Sub(change) {
		change = next
	}
	_, offset := change.Add(-time.Second).Zone()
	return command.UsageError(fmt.Sprintf("there is no %q in local time: clocks go from %s to %s then; name a time up to the first, or from the second",
		alert.Plain(text), change.In(time.FixedZone("", offset)).Format(command.Minutes), change.Format(command.Minutes)))
}

type silenceEndCommand struct {
	Client
	person
	IDs []string `arg:"" name:"id" complete:"silences" help:"The silences' ids, such as s-k3v9q2abcd, or the start of an id; numwatch silence lists them."`
}

// Run ends silences.
func (c *silenceEndCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	var list api.SilenceList
	if err := c.GetJSON(ctx, p, "/api/v1/silences", &list); err != nil {
		return err
	}
	known := namesOf(list.Silences, func(s *api.Silence) string { return s.ID })
	for _, word := range c.IDs {
		id, err := beginning("silence", word, known)
		if err != nil {
			return err
		}
		var nothing struct{}
		if err := c.call(ctx, p, http.MethodDelete, "/api/v1/silences/"+url.PathEscape(id), api.ByRequest{By: by}, &nothing); err != nil {
			return err
		}
		p.Printf("%s has ended: alerts that it held back and that still fire are shown now\n", alert.Plain(id))
	}
	return nil
}
