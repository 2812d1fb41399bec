package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"numwatch/internal/cli/command"

	"golang.org/x/sync/errgroup"

	camssim "numwatch/internal/sim/cams"
	slacksim "numwatch/internal/sim/slack"
)

type simCommand struct {
	Cams  simCamsCommand  `cmd:"" help:"The cloud's API, which plays a scenario."`
	Slack simSlackCommand `cmd:"" help:"Slack's Web API."`
}

type simCamsCommand struct {
	Listen   string  `default:"127.0.0.1:9080" help:"Address to listen on."`
	Scenario string  `type:"existingfile" placeholder:"FILE" help:"The scenario, in YAML (default: the demo's)."`
	Speed    float64 `default:"1" help:"Speed of the scenario."`
}

// Run serves the cloud API until ctx ends.
func (c *simCamsCommand) Run(ctx context.Context, p *command.Program) error {
	if c.Speed <= 0 {
		return command.UsageError("--speed must be above 0")
	}
	name, data := "demo.yaml", camssim.Demo()
	if c.Scenario != "" {
		var err error
		name = c.Scenario
		if data, err = os.ReadFile(c.Scenario); err != nil {
			return fmt.Errorf("reading the scenario: %w", err)
		}
	}
	scenario, err := camssim.ParseScenario(name, data)
	if err != nil {
		return err
	}
	start := scenario.Config()
	start.Log = slog.New(slog.NewTextHandler(p.Stderr, nil))
	sim := camssim.New(start)
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening for the cloud API: %w; --listen takes another address", err)
	}
	fmt.Fprintf(p.Stdout, "the simulated cloud listens on http://%s\n", l.Addr())
	for _, a := range start.Accounts {
		fmt.Fprintf(p.Stdout, "account %s: access key %s, secret %s, spaces %s\n",
			a.Name, a.AccessKeyId, a.AccessKeySecret, strings.Join(sim.Spaces(a.Name), " "))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveSim(ctx, l, sim) })
	g.Go(func() error { return played(sim.Play(ctx, scenario, c.Speed)) })
	return g.Wait()
}

// played takes the end of the context for a good end of a scenario.
func played(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

type simSlackCommand struct {
	Listen   string   `default:"127.0.0.1:9081" help:"Address to listen on."`
	Token    string   `default:"xoxb-simulated" help:"The bot token to accept."`
	Channels []string `default:"wa-ops,wa-oncall" help:"Channel names, without #."`
}

// Run serves Slack's Web API until ctx ends, and logs what is posted.
func (c *simSlackCommand) Run(ctx context.Context, p *command.Program) error {
	workspace := slacksim.Config{Token: c.Token, Log: slog.New(slog.NewTextHandler(p.Stderr, nil))}
	for i, name := range c.Channels {
		workspace.Channels = append(workspace.Channels, slacksim.Channel{ID: fmt.Sprintf("C%09d", i+1), Name: name})
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening for Slack: %w; --listen takes another address", err)
	}
	fmt.Fprintf(p.Stdout, "the simulated Slack listens: slack.api_url is http://%s/api/, the token %s\n", l.Addr(), c.Token)
	return serveSim(ctx, l, slacksim.New(workspace))
}

// serveSim serves a simulator until ctx ends. Its connections are cut, as a
// cloud would not wait either.
func serveSim(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the simulator: %w", err)
	}
	return nil
}
