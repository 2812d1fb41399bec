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

	alertmanagersim "numwatch/internal/sim/alertmanager"
	camssim "numwatch/internal/sim/cams"
	robotsim "numwatch/internal/sim/robot"
	slacksim "numwatch/internal/sim/slack"
	webhooksim "numwatch/internal/sim/webhook"
)

type simCommand struct {
	Cams     simCamsCommand     `cmd:"" help:"The cloud's API, which plays a scenario."`
	Slack    simSlackCommand    `cmd:"" help:"Slack's Web API."`
	Webhook  simWebhookCommand  `cmd:"" help:"A strict receiver of webhooks."`
	DingTalk simDingTalkCommand `cmd:"" name:"dingtalk" help:"A group in DingTalk with a custom robot."`
	Feishu   simFeishuCommand   `cmd:"" help:"A group in Feishu with a custom bot."`
	WeCom    simWeComCommand    `cmd:"" name:"wecom" help:"A group in WeCom with a robot."`

	Alertmanager simAlertmanagerCommand `cmd:"" help:"Alertmanager's API, which shows what fires."`
}

type simCamsCommand struct {
	Listen   string  `default:"127.0.0.1:9080" help:"Address to listen on."`
	Scenario string  `type:"existingfile" placeholder:"FILE" help:"The scenario, in YAML (default: the demo's)."`
	Speed    float64 `default:"1" help:"Speed of the scenario."`
	Push     string  `placeholder:"URL" help:"Push ChatAppAudit receipts of what changes there, such as http://127.0.0.1:8080/api/v1/receipts/chatapp-audit/KEY (default: the scenario's push.url)."`
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
	if c.Push != "" {
		if start.Push == nil {
			start.Push = &camssim.Push{Recall: 1}
		}
		start.Push.URL = c.Push
	}
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
	g.Go(func() error { return serveCloud(ctx, l, sim, sim) })
	g.Go(func() error { return played(sim.Play(ctx, scenario, c.Speed)) })
	return g.Wait()
}

// played treats the end of the context as success.
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

type simWebhookCommand struct {
	Listen string `default:"127.0.0.1:9082" help:"Address to listen on."`
	Secret string `placeholder:"whsec_…" help:"The secret that requests must be signed with (default: requests must be unsigned)."`
}

// Run takes events until ctx ends, and logs them.
func (c *simWebhookCommand) Run(ctx context.Context, p *command.Program) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening for webhooks: %w; --listen takes another address", err)
	}
	fmt.Fprintf(p.Stdout, "the simulated receiver listens: the url of the channel is http://%s/, with allow_private: true\n", l.Addr())
	return serveSim(ctx, l, webhooksim.New(webhooksim.Config{Secret: c.Secret, Log: slog.New(slog.NewTextHandler(p.Stderr, nil))}))
}

// serveCloud serves the cloud API, and what else h answers, and pushes what changes, until
// ctx ends.
func serveCloud(ctx context.Context, l net.Listener, sim *camssim.Server, h http.Handler) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveSim(ctx, l, h) })
	g.Go(func() error { sim.DeliverPushes(ctx); return nil })
	return g.Wait()
}

type simAlertmanagerCommand struct {
	Listen   string `default:"127.0.0.1:9093" help:"Address to listen on."`
	Username string `help:"The user name for basic authentication (default: none)."`
	Password string `help:"Its password."`
	Token    string `help:"The bearer token to accept (default: none)."`
}

// Run takes alerts until ctx ends, and logs what fires and what ends.
func (c *simAlertmanagerCommand) Run(ctx context.Context, p *command.Program) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening for alerts: %w; --listen takes another address", err)
	}
	fmt.Fprintf(p.Stdout, "the simulated Alertmanager listens: the urls of the channel are [http://%s]; what fires is at /api/v2/alerts\n", l.Addr())
	return serveSim(ctx, l, alertmanagersim.New(alertmanagersim.Config{
		Username: c.Username, Password: c.Password, Token: c.Token, Log: slog.New(slog.NewTextHandler(p.Stderr, nil)),
	}))
}

type simRobot struct {
	Listen   string   `default:"127.0.0.1:9083" help:"Address to listen on."`
	Token    string   `default:"simulated" help:"The token in the robot's address."`
	Keywords []string `placeholder:"WORD" help:"Keywords, of which a message must contain one (default: none)."`
}

type simDingTalkCommand struct {
	simRobot
	Secret string `placeholder:"SEC…" help:"The secret that requests must be signed with (default: requests must be unsigned)."`
}

// Run takes messages until ctx ends, and logs them.
func (c *simDingTalkCommand) Run(ctx context.Context, p *command.Program) error {
	return c.serve(ctx, p, robotsim.DingTalk, c.Secret)
}

type simFeishuCommand struct {
	simRobot
	Secret string `placeholder:"SECRET" help:"The secret that requests must be signed with (default: requests must be unsigned)."`
}

// Run takes messages until ctx ends, and logs them.
func (c *simFeishuCommand) Run(ctx context.Context, p *command.Program) error {
	return c.serve(ctx, p, robotsim.Feishu, c.Secret)
}

type simWeComCommand struct{ simRobot }

// Run takes messages until ctx ends, and logs them.
func (c *simWeComCommand) Run(ctx context.Context, p *command.Program) error {
	return c.serve(ctx, p, robotsim.WeCom, "")
}

func (c *simRobot) serve(ctx context.Context, p *command.Program, kind, secret string) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening for messages: %w; --listen takes another address", err)
	}
	group := robotsim.New(robotsim.Config{Kind: kind, Token: c.Token, Secret: secret, Keywords: c.Keywords, Log: slog.New(slog.NewTextHandler(p.Stderr, nil))})
	fmt.Fprintf(p.Stdout, "the simulated group listens: the url of the channel is http://%s%s, with allow_private: true\n", l.Addr(), group.Path())
	return serveSim(ctx, l, group)
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
