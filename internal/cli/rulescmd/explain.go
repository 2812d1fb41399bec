package rulescmd

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/rulelab/explain"
	"numwatch/phone"
)

type ExplainCommand struct {
	What  string `arg:"" name:"id" complete:"explained" help:"An alert (a-…), an event (its id or sequence) or a phone number."`
	Rules string `short:"r" default:"rules.yaml" placeholder:"FILE" help:"The rules (default: rules.yaml)."`
	history
	command.Output
	Config string `short:"c" placeholder:"FILE" help:"The configuration, for names and labels of spaces (default: the running bot's; with --db, config.yaml beside the rules, if it exists)."`
	All    bool   `help:"Include rules that do not watch the changed field."`

	languages map[string]phone.Language // of the channels
}

// Run explains one thing from the log of a running bot or of a backup.
func (c *ExplainCommand) Run(ctx context.Context, p *command.Program) error {
	set, err := bot.LoadRules(c.Rules, p.Samples)
	if err != nil {
		return err
	}
	s, done, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer done()
	space, err := c.spaces(ctx, p, c.Config, c.Rules)
	if err != nil {
		return err
	}
	c.languages = map[string]phone.Language{}
	for _, ch := range set.Channels() {
		c.languages[ch.Name] = ch.Language
	}
	return c.explain(p, &explain.Explainer{History: s, Rules: set, Space: space})
}

// shortestNumber is how many digits may be meant as a phone number.
const shortestNumber = 7

func (c *ExplainCommand) explain(p *command.Program, x *explain.Explainer) error {
	if strings.HasPrefix(c.What, "a-") {
		a, err := x.AlertByID(c.What)
		if err != nil {
			return err
		}
		return c.print(p, a, func(w *report) { w.alert(a) })
	}
	numbers, err := x.Numbers(strings.TrimPrefix(c.What, "+"))
	if err != nil {
		return err
	}
	if len(numbers) > 0 {
		return c.print(p, numbers, func(w *report) {
			for i := range numbers {
				w.number(&numbers[i])
			}
		})
	}
	change, err := x.Event(c.What)
	if err != nil && len(c.What) >= shortestNumber && !strings.Contains(c.What, "-") {
		return fmt.Errorf("%w; no space has such a number either", err)
	}
	if err != nil {
		return err
	}
	return c.print(p, change, func(w *report) { w.change(change) })
}

func (c *ExplainCommand) print(p *command.Program, v any, write func(*report)) error {
	c.Print(p, v, func() { write(&report{p: p, all: c.All, languages: c.languages}) })
	return nil
}

// report prints explanations for people.
type report struct {
	p         *command.Program
	all       bool
	languages map[string]phone.Language // of the channels
}

func (w *report) line(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = alert.Plain(s)
		}
	}
	w.p.Printf(format+"\n", args...)
}

// text prints a sentence from outside beside its head, which is not.
func (w *report) text(head, sentence string) {
	w.p.Printf("%s\n", w.p.Hanging(head, alert.Plain(sentence)))
}

func (w *report) change(c *explain.Change) {
	w.line("%s  %s", c.Event, c.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	w.line("  %s", c.Subject.String())
	for _, change := range c.Changes {
		w.line("  %s: %s → %s", change.Field.String(), cmp.Or(change.Old, "(empty)"), cmp.Or(change.New, "(empty)"))
	}
	w.line("\nWith the current rules:")
	w.decisions(c.Decisions)
	w.records("What was done at the time:", c.Log)
	for _, d := range c.Differences {
		w.text("differs: ", d)
	}
}

// decisions prints what rules said first, and then why others did not.
func (w *report) decisions(decisions []explain.Decision) {
	var silent []explain.Decision
	others := 0
	for _, d := range decisions {
		switch {
		case d.Result != explain.Silent:
			w.decision(&d)
		case d.Clause == "on" && !w.all:
			others++
		default:
			silent = append(silent, d)
		}
	}
	for _, d := range silent {
		w.decision(&d)
	}
	if others > 0 {
		w.line("  and %d for which nothing changed (--all lists them)", others)
	}
}

func (w *report) decision(d *explain.Decision) {
	by := ""
	if d.Clause != "" {
		by = " (" + d.Clause + ")"
	}
	w.line("  %-9s  %s on %s%s", d.Result, d.Rule, d.Field.String(), by)
	w.text("             ", d.Text)
	if d.Result == explain.Silent {
		return
	}
	for _, h := range d.Channels {
		if h.Notified {
			w.line("             sent to %s", h.Channel)
			if l := w.languages[h.Channel]; l != phone.English && d.Alert != nil {
				w.text("               in "+string(l)+": ", d.Alert.Texts(l).Summary.Plain())
			}
		} else {
			w.text("             not sent to "+h.Channel+": ", h.Text)
		}
	}
	if d.Alert != nil && len(d.Alert.HeldBy) > 0 {
		w.line("             held back by %s", strings.Join(d.Alert.HeldBy, ", "))
	}
}

func (w *report) records(title string, records []explain.Record) {
	w.line("\n%s", title)
	if len(records) == 0 {
		w.line("  nothing")
	}
	for _, r := range records {
		sent := "sent to " + strings.Join(r.Channels, ", ")
		switch {
		case len(r.Channels) == 0:
			sent = "sent to no channel"
		case len(r.HeldBy) > 0:
			sent = "held back by " + strings.Join(r.HeldBy, ", ")
		case !r.Notified:
			sent = "shown in place, without a notification"
		}
		w.line("  %s  %s", r.At.UTC().Format("2006-01-02 15:04:05 UTC"), r.Event)
		w.text("      ", fmt.Sprintf("%s %s: %s went from %s to %s", r.Rule, r.Transition, r.Field, cmp.Or(r.Old, "(empty)"), cmp.Or(r.New, "(empty)")))
		if r.Closing != "" {
			sent = r.Closing + "; " + sent
		}
		w.text("      ", sent)
	}
}

func (w *report) alert(a *explain.Alert) {
	x := &a.Alert
	w.line("%s  %s, %s", x.ID, x.Severity.String(), x.State.String())
	w.text("  ", fmt.Sprintf("%s on %s of %s", x.Rule, x.Field, x.Subject))
	w.text("  ", x.Summary.Plain())
	if x.Incident != "" {
		w.line("  incident %s", x.Incident)
	}
	if x.Ack != nil {
		w.line("  acknowledged by %s at %s: no reminders, no escalation", x.Ack.By, x.Ack.At.UTC().Format("2006-01-02 15:04 UTC"))
	}
	w.records("What happened:", a.Log)
	w.line("\nWhere it is shown:")
	for _, s := range a.Shown {
		text := fmt.Sprintf("%s: message of %s, %s", alert.Plain(s.Channel), s.At.UTC().Format("2006-01-02 15:04 UTC"), s.State)
		if s.Others > 0 {
			text += ", combined with " + phone.Count(s.Others, "other alert")
		}
		if !s.Current {
			text += ", about to be updated"
		}
		w.text("  ", text+strings.TrimRight(". "+s.Reason, ". "))
	}
	for _, s := range a.Silent {
		head := "  not sent: "
		if s.Channel != "" {
			head = "  not sent to " + alert.Plain(s.Channel) + ": "
		}
		w.text(head, s.Text)
	}
	if a.Opening != nil {
		w.line("\nThe change that opened it, and the decision of every rule:")
		w.change(a.Opening)
	}
}

func (w *report) number(n *explain.Number) {
	w.line("%s in %s", n.Number.PhoneNumber, n.Space.String())
	if n.Missed > 0 {
		w.line("  missing from the last %s", phone.Count(n.Missed, "list"))
	}
	for f, v := range n.Number.All() {
		w.line("  %-22s  %s", f.String(), cmp.Or(v, "(empty)"))
	}
	w.line("\nThe decision of every rule, as if its state were seen for the first time:")
	w.decisions(n.Decisions)
	w.records("Its last alerts:", n.Log)
}
