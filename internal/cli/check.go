package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/bot/channels"
	"numwatch/internal/cli/command"
	"numwatch/internal/cli/rulescmd"
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

// checklist prints each finding as it is made.
type checklist struct {
	p        *command.Program
	failed   bool
	warnings int
}

// warned is a result with the warnings about it.
func warned(result string, warnings ...string) string {
	for _, w := range warnings {
		result += "\nwarning: " + w
	}
	return result
}

// note prints one finding: a sentence beside its name, or preformatted text, such
// as an excerpt of a file, below it.
func (l *checklist) note(what, result string, err error) {
	mark := "ok"
	if err != nil {
		mark, result, l.failed = "FAIL", err.Error(), true
	}
	l.warnings += strings.Count("\n"+result, "\nwarning: ")
	head := fmt.Sprintf("%-4s  %-14s  ", mark, what)
	result = strings.TrimRight(result, "\n")
	if strings.Contains(result, "\n") {
		fmt.Fprintf(l.p.Stdout, "%s\n      %s\n", strings.TrimRight(head, " "), strings.ReplaceAll(result, "\n", "\n      "))
		return
	}
	fmt.Fprintln(l.p.Stdout, l.p.Hanging(head, result))
}

// Run tries everything that the bot will need, without changing anything. It
// spends one request of each account's limit, and one of that for reasons.
func (c *checkCommand) Run(ctx context.Context, p *command.Program) error {
	l := &checklist{p: p}
	set, err := bot.LoadRules(c.Rules, p.Samples)
	cfg, cfgErr := c.Load(p)
	l.rules(c.Rules, set, err, cfg)
	if cfgErr != nil {
		l.note("configuration", "", cfgErr)
		return command.ErrReported
	}
	l.note("configuration", warned(c.Config, texts(cfg.Warnings)...), nil)
	for i := range cfg.Accounts {
		what := "account " + cfg.Accounts[i].Name
		result, warnings, err := pollOnce(ctx, cfg, &cfg.Accounts[i], set != nil && set.ExplainsAny())
		l.note(what, warned(result, warnings...), err)
	}
	result, running, err := checkStore(cfg)
	l.note("store", result, err)
	result, err = checkNATS(ctx, cfg, running)
	l.note("nats", result, err)
	if cfg.Replicas.Enabled() {
		result, err = bot.CheckReplicas(ctx, bot.Options{Config: cfg, RulesFile: c.Rules, Shipped: p.Samples, Log: slog.New(slog.DiscardHandler)})
		l.note("replicas", result, err)
	}
	if !running {
		l.note("page", "will be at "+cfg.HTTP.Listen, canListen("http.listen", cfg.HTTP.Listen, "NUMWATCH_HTTP_LISTEN=127.0.0.1:8081"))
	}
	if set != nil {
		l.slack(ctx, cfg, set)
	}
	l.channels(ctx, cfg, set)
	if l.failed {
		return command.ErrReported
	}
	verdict := "No problems."
	if l.warnings > 0 {
		verdict = "The bot can run, but see " + phone.Count(l.warnings, "warning") + " above."
	}
	p.Printf("\n%s Start it: numwatch run --config %s --rules %s\n", verdict, c.Config, c.Rules)
	return nil
}

// rules notes what the rules are, with what lint warns of: a rule that can never open is
// a mistake, too. The configuration is nil if it is invalid.
func (l *checklist) rules(file string, set *rules.Set, err error, cfg *config.Config) {
	var found diagnostic.Problems
	if err == nil {
		found, err = rulescmd.Findings(l.p, file, cfg)
	}
	if err != nil {
		l.note("rules", "", err)
		return
	}
	found = slices.DeleteFunc(found, func(p diagnostic.Problem) bool { return p.Level == diagnostic.Note })
	l.note("rules", warned(fmt.Sprintf("%s: %d rules, %d channels", file, len(set.Rules()), len(set.Channels())), texts(found)...), nil)
}

func texts(warnings diagnostic.Problems) (all []string) {
	for _, w := range warnings {
		all = append(all, w.Error())
	}
	return all
}

func pollOnce(ctx context.Context, cfg *config.Config, a *config.Account, explain bool) (result string, warnings []string, err error) {
	fleet, _, err := a.Fleet(os.ReadFile)
	if err != nil {
		return "", nil, err
	}
	client, err := bot.NewClient(cfg, a, release(), cams.ClientOptions{Pace: ratelimit.NewPace(a.RequestsPerSecond)})
	if err != nil {
		return "", nil, err
	}
	defer client.Close()
	if a.Discover.Enabled {
		fleet, err = patiently(ctx, func() ([]phone.Space, error) { return bot.ListSpaces(ctx, client, a, fleet) })
		if err != nil {
			return "", nil, err
		}
	}
	if len(fleet) == 0 {
		return "", nil, errors.New("no space is configured: add one under `spaces`, name a `spaces_file`, or let `discover` find some")
	}
	snap, err := fetchPatiently(ctx, client, fleet[0].SpaceKey)
	if err != nil {
		return "", nil, err
	}
	result = fmt.Sprintf("%s; %s (%s) answers with %s, RequestId %s", phone.Count(len(fleet), "space"),
		alert.Plain(fleet[0].ID), alert.Plain(fleet[0].Title()), phone.Count(len(snap.Numbers), "number"), snap.RequestId)
	warnings = client.Warnings()
	if explain && len(snap.Numbers) > 0 {
		warnings = append(warnings, canExplain(ctx, client, phone.SubjectOf(snap.Space, snap.Numbers[0].PhoneNumber))...)
	}
	return result, warnings, nil
}

// canExplain warns where the provider cannot be asked why a number cannot send.
func canExplain(ctx context.Context, client *cams.Client, number phone.Subject) []string {
	_, err := client.Health(ctx, number)
	if e, failed := errors.AsType[*cams.Error](err); failed && e.Class == cams.DeniedAccount {
		return []string{"alerts will carry no reasons: grant the RAM action cams:GetWhatsappHealthStatus, or remove explain_with from the rules (" + e.Code + ")"}
	}
	return nil
}

func fetchPatiently(ctx context.Context, client *cams.Client, space phone.SpaceKey) (*phone.Snapshot, error) {
	return patiently(ctx, func() (*phone.Snapshot, error) { return client.Fetch(ctx, space, ratelimit.Turn{}) })
}

// patiently retries for a while if an answer is throttled: a running bot or
// another tool may be using the account's limit at that moment.
func patiently[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		got, err := ask()
		e, failed := errors.AsType[*cams.Error](err)
		if !failed || e.Class != cams.Throttled || attempt == checkAttempts {
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, err
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
		return jetstream.Check(ctx, bot.NATSLogin(c), bot.StreamOptions(cfg))
	}
	if running || c.Listen == "" {
		return "embedded", nil
	}
	return "embedded, will listen on " + c.Listen, canListen("nats.listen", c.Listen, "NUMWATCH_NATS_LISTEN=127.0.0.1:4223")
}

// canListen checks that an address in the configuration is free. The sample
// configuration takes it from a variable, so the advice names that.
func canListen(key, address, another string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w; set it to a free address, or with the sample configuration %s", key, err, another)
	}
	return l.Close()
}

// channels checks each channel of config.yaml, without delivering anything; a drill does that.
func (l *checklist) channels(ctx context.Context, cfg *config.Config, set *rules.Set) {
	for i := range cfg.Channels {
		for _, f := range channels.Check(ctx, &cfg.Channels[i]) {
			l.note(f.Component, f.Text, f.Err)
		}
	}
	if set == nil {
		return
	}
	for _, c := range set.Channels() {
		if err := channels.Unknown(&c, cfg.Channels); err != nil {
			l.note("channel "+c.Name, "", err)
		}
	}
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
	for _, c := range set.ChannelsIn(rules.Slack) {
		is, unsure, err := api.CheckChannel(ctx, c.Target)
		text := c.Target + " is " + alert.Plain(is)
		if c.Digest != nil {
			text += "; it gets digests: " + c.Digest.Text
		}
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
