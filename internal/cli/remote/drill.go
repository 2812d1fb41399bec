package remote

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/cli/command"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/web/api"
)

type DrillCommand struct {
	asking
	person
	Space string        `placeholder:"ID" complete:"spaces" help:"Use the name and labels of this space (default: an invented one); ACCOUNT/ID if several accounts have it."`
	Wait  time.Duration `default:"20s" help:"How long to wait for the sinks."`
	Rule  string        `arg:"" complete:"rules" help:"The rule's name."`
}

// drilled is the result of a drill.
type drilled struct {
	Alert api.AlertDetail `json:"alert"`
	Sinks []drilledSink   `json:"sinks"`
}

type drilledSink struct {
	Name  string `json:"name"`
	State string `json:"state"`
	done  bool
}

// Run sends a drill through the real sinks and prints the result. The exit
// code is 1 if not every sink has it in time.
func (c *DrillCommand) Run(ctx context.Context, p *command.Program) error {
	by, err := c.name(p)
	if err != nil {
		return err
	}
	if err := c.check(ctx, p); err != nil {
		return err
	}
	var d drilled
	if err := c.call(ctx, p, http.MethodPost, "/api/v1/drill", api.DrillRequest{Rule: c.Rule, Space: c.Space, By: by}, &d.Alert); err != nil {
		return err
	}
	arrived, err := c.follow(ctx, p, &d)
	if err != nil {
		return err
	}
	c.Print(p, d, func() { c.print(p, &d) })
	if !arrived {
		return errors.New("some sinks have not received the drill yet: see numwatch status")
	}
	return nil
}

// check reports names that do not exist, and resolves the space's name.
func (c *DrillCommand) check(ctx context.Context, p *command.Program) error {
	d := directory{Client: c.Client, p: p}
	m, err := d.named(ctx, alert.Matcher{Rule: c.Rule, Space: c.Space})
	if c.Space = m.Space; m.Account != "" {
		c.Space = phone.SpaceKey{Account: m.Account, ID: m.Space}.String()
	}
	return err
}

// follow waits until every sink has the drill, or time is up.
func (c *DrillCommand) follow(ctx context.Context, p *command.Program, d *drilled) (arrived bool, err error) {
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(c.Wait); ; {
		if err := c.look(ctx, p, d); err != nil {
			return false, err
		}
		arrived = !slices.ContainsFunc(d.Sinks, func(s drilledSink) bool { return !s.done })
		if arrived || time.Now().After(deadline) {
			return arrived, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-look.C:
		}
	}
}

// look asks how far the drill is.
func (c *DrillCommand) look(ctx context.Context, p *command.Program, d *drilled) error {
	if err := c.GetJSON(ctx, p, "/api/v1/alerts/"+url.PathEscape(d.Alert.Alert.Alert.ID), &d.Alert); err != nil {
		return err
	}
	var s api.Status
	if err := c.GetJSON(ctx, p, "/api/v1/status", &s); err != nil {
		return err
	}
	d.Sinks = nil
	for _, k := range s.Sinks {
		channel, posts := strings.CutPrefix(k.Name, "slack:")
		kind, _, _ := strings.Cut(k.Name, ":")
		switch {
		case rules.Kind(kind).Chats():
			d.Sinks = append(d.Sinks, inGroup(k, d.Alert.Told)...)
		case k.Name == slack.SocketComponent: // it only receives button presses
		case !posts:
			d.Sinks = append(d.Sinks, inStream(k))
		case slices.Contains(d.Alert.Alert.Alert.Channels, channel):
			d.Sinks = append(d.Sinks, inChannel(k, channel, d.Alert.Told))
		}
	}
	return nil
}

// inStream is how far NATS is: it has everything up to the drill if nothing
// waits.
func inStream(k api.SinkStatus) drilledSink {
	switch {
	case k.State != phone.OK:
		return drilledSink{k.Name, "parked: " + k.LastError, false}
	case k.Lag > 0:
		return drilledSink{k.Name, "waiting behind " + phone.Count(int(k.Lag), "event"), false}
	default:
		return drilledSink{k.Name, "published", true}
	}
}

// inGroup is how far a robot is; nothing if it neither sent the drill nor has
// anything to send.
func inGroup(k api.SinkStatus, told []api.Told) []drilledSink {
	for _, t := range told {
		switch {
		case t.Sink != k.Name:
		case t.State == alert.Posted:
			return []drilledSink{{k.Name, "posted", true}}
		case t.State == alert.Dead:
			return []drilledSink{{k.Name, "refused: " + t.Reason, false}}
		}
	}
	switch {
	case k.State != phone.OK:
		return []drilledSink{{k.Name, "parked: " + k.LastError, false}}
	case k.Lag > 0:
		return []drilledSink{{k.Name, "waiting", false}}
	default:
		return nil
	}
}

func inChannel(k api.SinkStatus, channel string, told []api.Told) drilledSink {
	if k.Digest != "" && k.State == phone.OK {
		return drilledSink{k.Name, "gets digests (" + k.Digest + "), which leave out drills", true}
	}
	for _, t := range told {
		switch {
		case t.Channel != channel:
		case t.State == alert.Posted:
			return drilledSink{k.Name, "posted", true}
		case t.State == alert.Dead:
			return drilledSink{k.Name, "refused: " + t.Reason, false}
		}
	}
	if k.State != phone.OK {
		return drilledSink{k.Name, "parked: " + k.LastError, false}
	}
	return drilledSink{k.Name, "waiting", false}
}

func (c *DrillCommand) print(p *command.Program, d *drilled) {
	a := &d.Alert.Alert.Alert
	p.Printf("%s\n\n", p.Hanging(a.ID+"  ", "DRILL of "+alert.Plain(a.Rule+": "+a.Summary)))
	var rows [][]string
	for _, s := range d.Sinks {
		rows = append(rows, []string{s.Name, s.State})
	}
	p.PrintTable([]string{"SINK", "DRILL"}, rows)
	if len(a.Channels) == 0 {
		p.Printf("\nno channel gets it: it is only on NATS and the pages\n")
	}
}
