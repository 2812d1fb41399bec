package rulescmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/diagnostic"
	"numwatch/internal/rulelab/explain"
	"numwatch/notify/card"
	"numwatch/notify/jetstream"
	"numwatch/phone"
	"numwatch/rules"
)

type RenderCommand struct {
	Rule  string            `arg:"" complete:"rules in file" help:"The rule's name."`
	Rules string            `short:"r" default:"rules.yaml" placeholder:"FILE" help:"The rules (default: rules.yaml)."`
	Field string            `placeholder:"FIELD" help:"Which of the rule's fields changes (default: the first)."`
	Old   *string           `help:"The value before (default: one for which the rule opens)."`
	New   *string           `help:"The value after (default: one for which the rule opens)."`
	Set   map[string]string `placeholder:"FIELD=VALUE" help:"Set a field of the number, or PhoneNumber, Account, Space, SpaceId, MovedFrom, Code, Reason, Part."`
	Label map[string]string `placeholder:"KEY=VALUE" help:"A label of the space."`
	command.Output
}

// rendered is what a rule makes of a change, for programs.
type rendered struct {
	Alert alert.Alert       `json:"alert"`
	Slack []renderedMessage `json:"slack"`
	NATS  renderedEvent     `json:"nats"`
}

type renderedMessage struct {
	Channel string          `json:"channel"`
	Slack   string          `json:"slack"`
	Message json.RawMessage `json:"message"`
}

type renderedEvent struct {
	Subject string          `json:"subject"`
	Event   json.RawMessage `json:"event"`
}

// Run shows what the rule says of a change. The exit code is 1 if it says
// nothing, which is then explained.
func (c *RenderCommand) Run(p *command.Program) error {
	set, err := bot.LoadRules(c.Rules, p.Samples)
	if err != nil {
		return err
	}
	in, err := c.input(set)
	if err != nil {
		return err
	}
	now := time.Now()
	a, why := opening(set, c.Rule, in, now)
	if change := &in.Changes[0]; a == nil && change.Field == phone.Poll && c.Set["SpaceId"] == "" {
		change.Subject.Space = "" // a rule on whole accounts
		a, _ = opening(set, c.Rule, in, now)
	}
	if a == nil {
		fmt.Fprintf(p.Stderr, "numwatch: %s does not fire for this change: %s\n", c.Rule, alert.Plain(why))
		return command.ErrReported
	}
	return c.render(p, set, a, in.Space, now)
}

// input makes up the change, the subject and the space.
func (c *RenderCommand) input(set *rules.Set) (in rules.Seen, err error) {
	all := set.Rules()
	i := slices.IndexFunc(all, func(r rules.Rule) bool { return r.Name == c.Rule })
	if i < 0 {
		return in, command.UsageError(fmt.Sprintf("there is no rule %q: %s", alert.Plain(c.Rule), diagnostic.DidYouMean(c.Rule, ruleNames(set))))
	}
	f := all[i].On[0]
	if c.Field != "" {
		var ok bool
		if f, ok = phone.ParseField(c.Field); !ok || !slices.Contains(all[i].On, f) {
			var watched []string
			for _, f := range all[i].On {
				watched = append(watched, f.String())
			}
			return in, command.UsageError(fmt.Sprintf("rule %s does not watch %s: %s", c.Rule, alert.Plain(c.Field), diagnostic.DidYouMean(c.Field, watched)))
		}
	}
	old, now := set.Example(c.Rule, f, c.Old, c.New)
	in.Space = phone.Space{
		SpaceKey: phone.SpaceKey{Account: cmp.Or(c.Set["Account"], "main"), ID: cmp.Or(c.Set["SpaceId"], "293483938849493")},
		Name:     cmp.Or(c.Set["Space"], "Acme"), Labels: c.Label,
	}
	change := phone.Change{
		Field: f, Old: old, New: now, Direction: f.Direction(old, now),
		SeenAfter: time.Now().Add(-3 * time.Minute), SeenAt: time.Now(), RequestId: "90E6A2B1-0000-0000-0000-000000000000",
		MovedFrom: c.Set["MovedFrom"],
	}
	err = c.subject(&change, in.Space)
	in.Changes = []phone.Change{change}
	return in, err
}

func ruleNames(set *rules.Set) (names []string) {
	for _, r := range set.Rules() {
		names = append(names, r.Name)
	}
	return names
}

// RuleNames returns the names of a file's rules, none if it has mistakes.
func RuleNames(file string) []string {
	set, err := bot.LoadRules(file, nil)
	if err != nil {
		return nil
	}
	return ruleNames(set)
}

// subject puts a number, a space or a part of the bot into the change.
func (c *RenderCommand) subject(change *phone.Change, space phone.Space) error {
	switch {
	case change.Field.OfBot():
		change.Subject = phone.Subject{Component: cmp.Or(c.Set["Part"], "slack:ops")}
	case change.Field == phone.Poll:
		change.Subject = phone.Subject{Account: space.Account, Space: space.ID}
	default:
		n, err := c.number(change)
		change.Subject, change.Number = phone.SubjectOf(space.SpaceKey, n.PhoneNumber), &n
		return err
	}
	change.Code, change.Reason = cmp.Or(c.Set["Code"], "Forbidden.RAM"), cmp.Or(c.Set["Reason"], "The key lacks the permission.")
	return nil
}

// number is one that is well, but for what is set and what changed.
func (c *RenderCommand) number(change *phone.Change) (phone.Number, error) {
	n := rules.ExampleNumber(cmp.Or(c.Set["PhoneNumber"], "8613800001111"), "Acme Shop", change.Field, change.New)
	for name, v := range c.Set {
		f, ok := phone.ParseField(name)
		switch {
		case ok && f == change.Field: // --new says what that becomes
		case ok && f.OfNumber():
			n.Set(f, v)
		case !slices.Contains([]string{"PhoneNumber", "Account", "Space", "SpaceId", "MovedFrom", "Code", "Reason", "Part"}, name):
			return n, command.UsageError("--set has no " + name)
		}
	}
	return n, nil
}

// opening judges the change, and lets time pass where the rule waits. It returns
// nil and why, if the rule does not open.
func opening(set *rules.Set, rule string, in rules.Seen, now time.Time) (*alert.Alert, string) {
	state := rules.NewState(nil)
	alerts, decisions := explain.Decide(set, state, in, now)
	for i := range alerts {
		a := &alerts[i]
		if a.Rule != rule {
			continue
		}
		if a.State != alert.Pending {
			return a, ""
		}
		state.Apply(*a)
		for _, fired := range set.Step(state, rules.Tick{}, now.Add(10*365*24*time.Hour)) {
			fired.Since, fired.Changed = now, now
			return &fired, ""
		}
	}
	for _, d := range decisions {
		if d.Rule == rule && d.Field == in.Changes[0].Field {
			return nil, d.Text
		}
	}
	return nil, "it does not watch the field"
}

// seenBy is a message with the channels that get it, which speak one language.
type seenBy struct {
	card     *card.Card
	channels []string
}

func (s *seenBy) add(c rules.Channel) {
	name := "#" + strings.TrimPrefix(c.Target, "#")
	if c.Kind != rules.Slack {
		name = string(c.Kind) + ":" + c.Target
	}
	s.channels = append(s.channels, name)
	s.card.Mention = append(s.card.Mention, c.Mention...)
}

func (c *RenderCommand) render(p *command.Program, set *rules.Set, a *alert.Alert, space phone.Space, now time.Time) error {
	describe := func(phone.SpaceKey) phone.Space { return space }
	event := alert.Event{Seq: 1, Time: now, Kind: alert.KindAlert, Change: a.Change, Alert: a}
	raw := (&jetstream.Renderer{Epoch: "sample", Space: describe}).Render(&event, now)
	out := rendered{Alert: *a, Slack: []renderedMessage{}, NATS: renderedEvent{jetstream.Subject(&event), raw}}
	shown := map[phone.Language]*seenBy{}
	var digests []string
	for _, ch := range set.Channels() {
		if !slices.Contains(a.Channels, ch.Name) || !ch.Kind.Mentions() {
			continue
		}
		if ch.Digest != nil {
			digests = append(digests, ch.Name+" ("+ch.Digest.Text+")")
			continue
		}
		maker := card.Maker{Space: describe, Language: ch.Language}
		message := maker.Message([]alert.Alert{*a}, now)
		message.Mention = ch.Mention
		raw, err := message.BlockKit()
		if err != nil {
			return err
		}
		if shown[ch.Language] == nil {
			shown[ch.Language] = &seenBy{card: maker.Message([]alert.Alert{*a}, now)}
		}
		shown[ch.Language].add(ch)
		if ch.Kind == rules.Slack {
			out.Slack = append(out.Slack, renderedMessage{ch.Name, ch.Target, raw})
		}
	}
	printer := card.NewPrinter(p.Stdout, p.Coloured(p.Stdout))
	for _, l := range slices.Sorted(maps.Keys(shown)) {
		if c.JSON() {
			break
		}
		if err := printer.Message(shown[l].channels, "1", shown[l].card); err != nil {
			return err
		}
	}
	c.Print(p, out, func() {
		if len(a.Channels) == 0 {
			p.Printf("No channel gets it: it is only on NATS and the pages.\n")
		}
		if len(digests) > 0 {
			p.Printf("In digests: %s\n", strings.Join(digests, ", "))
		}
		if len(a.HeldBy) > 0 {
			later := "alerts that are still open when that ends are shown then"
			if a.IsNotice() {
				later = "a notice is not shown later"
			}
			p.Printf("Held back now by %s: %s.\n", strings.Join(a.HeldBy, ", "), later)
		}
		p.Printf("\n%s\n", out.NATS.Subject)
		p.PrintJSON(out.NATS.Event)
	})
	return nil
}
