package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/config"
	"numwatch/internal/diagnostic"
	"numwatch/notify"
	"numwatch/notify/jetstream"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/poller/ratelimit"
	"numwatch/rules"
	"numwatch/store"
)

type checkCommand struct {
	command.ConfigFile
	Rules string `short:"r" default:"rules.yaml" placeholder:"FILE" help:"The rules (default: rules.yaml)."`
}

const slackWithin = 15 * time.Second

// checklist prints each finding as it comes.
type checklist struct {
	p      *command.Program
	failed bool
}

// note prints one finding: a sentence beside its name, or what has a form of its
// own, such as an excerpt of a file, below it.
func (l *checklist) note(what, result string, err error) {
	mark := "ok"
	if err != nil {
		mark, result, l.failed = "FAIL", err.Error(), true
	}
	head := fmt.Sprintf("%-4s  %-14s  ", mark, what)
	result = strings.TrimRight(result, "\n")
	if strings.Contains(result, "\n") {
		fmt.Fprintf(l.p.Stdout, "%s\n      %s\n", strings.TrimRight(head, " "), strings.ReplaceAll(result, "\n", "\n      "))
		return
	}
	fmt.Fprintln(l.p.Stdout, command.Hanging(head, result))
}

// Run tries everything that the bot will need, without changing anything. It
// spends one request of each account's limit.
func (c *checkCommand) Run(ctx context.Context, p *command.Program) error {
	l := &checklist{p: p}
	set, err := bot.LoadRules(c.Rules)
	l.rules(c.Rules, set, err)
	cfg, err := c.Load(p)
	if err != nil {
		l.note("configuration", "", err)
		return command.ErrReported
	}
	l.note("configuration", c.Config+summary(cfg.Warnings), nil)
	for i := range cfg.Accounts {
		what := "account " + cfg.Accounts[i].Name
		result, err := pollOnce(ctx, cfg, &cfg.Accounts[i])
		l.note(what, result, err)
	}
	result, running, err := checkStore(cfg)
	l.note("store", result, err)
	result, err = checkNATS(ctx, cfg, running)
	l.note("nats", result, err)
	if !running {
		l.note("page", "will be at "+cfg.HTTP.Listen, canListen("http.listen", cfg.HTTP.Listen, "NUMWATCH_HTTP_LISTEN=127.0.0.1:8081"))
	}
	if set != nil {
		l.slack(ctx, cfg, set)
	}
	if l.failed {
		return command.ErrReported
	}
	fmt.Fprintf(p.Stdout, "\nNo problems. Start the bot: numwatch run --config %s --rules %s\n", c.Config, c.Rules)
	return nil
}

func (l *checklist) rules(file string, set *rules.Set, err error) {
	if err != nil {
		l.note("rules", "", err)
		return
	}
	result := fmt.Sprintf("%s: %d rules, %d channels", file, len(set.Rules()), len(set.Channels()))
	for _, w := range set.Warnings() {
		result += "\nwarning: " + w.Error()
	}
	l.note("rules", result, nil)
}

func summary(warnings diagnostic.Problems) string {
	out := ""
	for _, w := range warnings {
		out += "\nwarning: " + w.Error()
	}
	return out
}

func pollOnce(ctx context.Context, cfg *config.Config, a *config.Account) (string, error) {
	fleet, _, err := a.Fleet(os.ReadFile)
	if err != nil {
		return "", err
	}
	client, err := bot.NewClient(cfg, a, release(), cams.ClientOptions{Pace: ratelimit.NewPace(a.RequestsPerSecond)})
	if err != nil {
		return "", err
	}
	defer client.Close()
	if a.Discover.Enabled {
		if fleet, err = bot.ListSpaces(ctx, client, a, fleet); err != nil {
			return "", err
		}
	}
	if len(fleet) == 0 {
		return "", errors.New("no space is configured: add one under `spaces`, name a `spaces_file`, or let `discover` find some")
	}
	snap, err := fetchPatiently(ctx, client, fleet[0].SpaceKey)
	if err != nil {
		return "", err
	}
	result := fmt.Sprintf("%s; %s (%s) answers with %s, RequestId %s", phone.Count(len(fleet), "space"),
		alert.Plain(fleet[0].ID), alert.Plain(fleet[0].Title()), phone.Count(len(snap.Numbers), "number"), snap.RequestId)
	for _, w := range client.Warnings() {
		result += "\nwarning: " + w
	}
	return result, nil
}

// fetchPatiently asks again for a while where an answer is throttled: a running bot
// or another tool may be using the account's limit at that moment.
func fetchPatiently(ctx context.Context, client *cams.Client, space phone.SpaceKey) (*phone.Snapshot, error) {
	for attempt := 1; ; attempt++ {
		snap, err := client.Fetch(ctx, space, ratelimit.Turn{})
		e, failed := errors.AsType[*cams.Error](err)
		if !failed || e.Class != cams.Throttled || attempt == checkAttempts {
			return snap, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(min(max(e.RetryAfter, time.Second), maxThrottledWait)):
		}
	}
}

const (
	checkAttempts    = 4
	maxThrottledWait = 5 * time.Second
)

// checkStore opens the store where there is one. A running bot has it open, and
// so also what else the configuration names.
func checkStore(cfg *config.Config) (result string, running bool, err error) {
	if _, err := os.Stat(cfg.Store.Path); errors.Is(err, os.ErrNotExist) {
		return cfg.Store.Path + " will be created", false, nil
	}
	s, err := store.Open(cfg.Store.Path, store.Options{})
	if errors.Is(err, store.ErrLocked) {
		return cfg.Store.Path + " is in use: the bot is running", true, nil
	}
	if err != nil {
		return "", false, err
	}
	seq := s.LastSeq()
	return fmt.Sprintf("%s holds %d events", cfg.Store.Path, seq), false, s.Close()
}

func checkNATS(ctx context.Context, cfg *config.Config, running bool) (string, error) {
	c := &cfg.NATS
	if !c.Embedded() {
		return jetstream.Check(ctx, bot.NATSLogin(c), bot.StreamOptions(c))
	}
	if running || c.Listen == "" {
		return "embedded", nil
	}
	return "embedded, will listen on " + c.Listen, canListen("nats.listen", c.Listen, "NUMWATCH_NATS_LISTEN=127.0.0.1:4223")
}

// canListen tries whether an address that the configuration names is free. The sample
// configuration takes it from a variable, of which another shows how to set it.
func canListen(key, address, another string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w; set it to a free address, or with the sample configuration %s", key, err, another)
	}
	return l.Close()
}

func (l *checklist) slack(ctx context.Context, cfg *config.Config, set *rules.Set) {
	if cfg.Slack.BotToken.Empty() {
		l.note("slack", "no token: messages are printed", nil)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, slackWithin)
	defer cancel()
	api := slack.NewAPI(cfg.Slack.BotToken.Reveal(), cfg.Slack.APIURL, notify.NewTransport())
	who, err := api.Check(ctx)
	l.note("slack", "the token belongs to "+who, err)
	if err != nil {
		return
	}
	for _, c := range set.Channels() {
		is, unsure, err := api.CheckChannel(ctx, c.Slack)
		text := c.Slack + " is " + alert.Plain(is)
		if unsure != "" {
			text += "; " + unsure
		}
		l.note("slack:"+c.Name, text, err)
	}
	if cfg.Slack.Buttons() {
		err := slack.CheckSocket(ctx, cfg.Slack.AppToken.Reveal(), cfg.Slack.APIURL)
		l.note("slack's buttons", "the app token opens a connection", err)
	}
}
