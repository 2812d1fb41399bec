package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"

	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/cli/tail"
	"numwatch/internal/config"
	"numwatch/phone"
	"numwatch/web/api"

	camssim "numwatch/internal/sim/cams"
)

type demoCommand struct {
	Speed float64       `default:"1" help:"Speed of the scenario."`
	For   time.Duration `placeholder:"30s" help:"End after this time (default: on Ctrl-C)."`
	Keep  string        `type:"path" placeholder:"DIR" help:"Keep the configuration, rules and data in this folder (default: they are removed at the end)."`
}

// receiptKey is no secret here: the demo listens on loopback only.
const receiptKey = "demo-receipt-key"

// demoConfig is the configuration of the demo: the real bot, with short
// intervals, pointed at the simulated cloud.
var demoConfig = template.Must(template.New("config.yaml").Parse(`# The demo's configuration: the bot as it is, with short intervals.
accounts:
  - name: main
    credentials: {type: access_key, access_key_id: {{.Key}}, access_key_secret: {{.Secret}}}
    endpoint: {{.Endpoint}}
    requests_per_second: 9
    spaces:
{{- range .Spaces}}
      - {id: "{{.Id}}", name: "{{.Name}}"}
{{- end}}
poll: {max_age: 4s, min_interval: 1s, missing_after: 3, missing_for: 5s}
store: {path: "{{.Dir}}/numwatch.db"}
nats: {listen: "{{.NATS}}", dir: "{{.Dir}}/nats"}
slack: {print: true}
channels: {oncall-cn: {type: feishu, url: "{{.Group}}", allow_private: true}}
http: {listen: "{{.HTTP}}"}
hints: {receipt_key: ` + receiptKey + `}
`))

// Run shows the whole bot at work. Everything listens on loopback only.
func (c *demoCommand) Run(ctx context.Context, p *command.Program) (err error) {
	if c.Speed <= 0 {
		return command.UsageError("--speed must be above 0")
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	dir, remove, err := c.folder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	scenario, err := camssim.ParseScenario("demo.yaml", camssim.Demo())
	if err != nil {
		return err
	}
	cloud := scenario.Config()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for the simulated cloud: %w", err)
	}
	group := newGroup(p)
	b, logFile, err := c.makeBot(p, dir, "http://"+l.Addr().String(), group.Path(), cloud.Accounts[0])
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer logFile.Close()
	if err := b.StartNATS(ctx); err != nil { // now, so that the welcome can say where it is
		return errors.Join(err, b.Close(), l.Close())
	}
	cloud.Push.URL = b.PageURL() + "api/v1/receipts/chatapp-audit/" + receiptKey
	sim := camssim.New(cloud)
	c.welcome(p, b, dir, &cloud.Accounts[0])
	follower, err := tail.FollowAlerts(p, b.NATSURL())
	if err != nil {
		return errors.Join(err, b.Close(), l.Close())
	}
	defer follower.Stop()

	p.StopInOrder()
	err = together(ctx, b.Run,
		func(ctx context.Context) error { return serveCloud(ctx, l, sim, besides(sim, group, group.Path())) },
		func(ctx context.Context) error { return played(sim.Play(ctx, scenario, c.Speed)) })
	if err == nil {
		c.goodbye(p, follower.Tally(), pushed(b.HintStatus()))
	}
	return err
}

// pushed says what the cloud's own pushes were worth.
func pushed(h *api.HintsStatus) string {
	pushes, polls, changes := 0, 0, 0
	for _, s := range h.Sources {
		pushes, polls, changes = pushes+s.Accepted+s.Unknown, polls+s.Polls, changes+s.Changes
	}
	return fmt.Sprintf("The cloud pushed %s: %s at once found %d of %s",
		phone.Count(pushes, "hint"), phone.Count(polls, "poll"), changes, phone.Count(h.Changes, "change"))
}

// together runs the bot beside its cloud and what happens there, until ctx ends or one of
// them fails, which ends the others. The cloud goes on until the bot has stopped.
func together(ctx context.Context, bot, cloud, scenario func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	beside, stopCloud := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCloud()
	g.Go(func() error { return cloud(beside) })
	g.Go(func() error { return scenario(ctx) })
	g.Go(func() error {
		defer stopCloud()
		return bot(ctx)
	})
	return g.Wait()
}

// folder returns where the demo's files go and what removes them.
func (c *demoCommand) folder() (dir string, remove func() error, err error) {
	if c.Keep != "" {
		return c.Keep, func() error { return nil }, os.MkdirAll(c.Keep, 0o755)
	}
	dir, err = os.MkdirTemp("", "numwatch-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("creating a folder for the demo: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// makeBot writes the demo's configuration and rules and makes the bot of them.
// Its log goes to a file, so that messages and events can be read.
func (c *demoCommand) makeBot(p *command.Program, dir, endpoint, group string, a camssim.Account) (*bot.Bot, io.Closer, error) {
	cfg, err := c.configure(p, dir, endpoint, group, a)
	if err != nil {
		return nil, nil, err
	}
	rulesFile, err := demoRules(p, dir)
	if err != nil {
		return nil, nil, err
	}
	logFile, err := os.Create(filepath.Join(dir, "numwatch.log"))
	if err != nil {
		return nil, nil, fmt.Errorf("creating the log: %w", err)
	}
	b, err := bot.New(botOptions(p, cfg, rulesFile, slog.New(slog.NewTextHandler(logFile, nil))))
	if err != nil {
		return nil, nil, errors.Join(err, logFile.Close())
	}
	return b, logFile, nil
}

func (c *demoCommand) configure(p *command.Program, dir, endpoint, group string, a camssim.Account) (*config.Config, error) {
	var text strings.Builder
	err := demoConfig.Execute(&text, map[string]any{
		"Key": a.AccessKeyId, "Secret": a.AccessKeySecret, "Spaces": a.Spaces, "Endpoint": endpoint, "Group": endpoint + group,
		"Dir": filepath.ToSlash(dir), "NATS": freePort(cmp.Or(p.Getenv("NUMWATCH_NATS_LISTEN"), "127.0.0.1:4222")),
		"HTTP": freePort(cmp.Or(p.Getenv("NUMWATCH_HTTP_LISTEN"), "127.0.0.1:8080")),
	})
	if err != nil {
		return nil, fmt.Errorf("making the demo's configuration: %w", err)
	}
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return nil, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	return config.Load(path, p.Env)
}

func demoRules(p *command.Program, dir string) (string, error) {
	data, err := fs.ReadFile(p.Samples, "rules.yaml")
	if err != nil {
		return "", fmt.Errorf("reading the shipped rules: %w", err)
	}
	text, err := toldInGroup(string(data))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("writing the demo's rules: %w", err)
	}
	return path, nil
}

// freePort returns the address if nobody listens there, or one with any port.
func freePort(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return address
}

func (c *demoCommand) welcome(p *command.Program, b *bot.Bot, dir string, a *camssim.Account) {
	numbers := 0
	for _, s := range a.Spaces {
		numbers += len(s.Numbers)
	}
	fmt.Fprintf(p.Stdout, `numwatch demo: the real bot watches %d numbers of %d customers in a
simulated cloud.

  page       %s
  NATS       %s
             numwatch tail --nats %[4]s
  log        %s

Boxes are what people see in Slack and, when it is critical, in a Feishu group
in Chinese; lines with numwatch.v1… are what programs receive on NATS. The first
poll finds what is already wrong; then things start to happen.

`, numbers, len(a.Spaces), b.PageURL(), b.NATSURL(), filepath.Join(dir, "numwatch.log"))
}

func (c *demoCommand) goodbye(p *command.Program, tally, pushed string) {
	fmt.Fprintf(p.Stdout, `
%s
%s

That was the demo. Next:
  numwatch init     writes a commented config.yaml and rules.yaml
  numwatch check    tries the configuration, credentials, NATS and the channels
  numwatch run      watches your numbers
`, p.Hanging("", tally+"."), p.Hanging("", pushed+"."))
	if c.Keep != "" {
		fmt.Fprintf(p.Stdout, "\nThe demo's configuration, rules and data are in %s.\n", c.Keep)
	}
}
