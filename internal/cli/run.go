package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/config"
)

type runCommand struct {
	command.ConfigFile
	Rules string `short:"r" default:"rules.yaml" placeholder:"FILE" help:"The rules (default: rules.yaml)."`
}

// Run is the bot, until a signal ends it.
func (c *runCommand) Run(ctx context.Context, p *command.Program) error {
	hup := make(chan os.Signal, 1) // from now on, so that it ends no bot that only starts or stops
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	cfg, err := c.Load(p)
	if err != nil {
		return err
	}
	log := command.NewLogger(cfg.Log, p.Stderr)
	spareMemory(p.Env)
	for _, w := range cfg.Warnings {
		log.Warn("the configuration has warnings", "err", w)
	}
	o := botOptions(p, cfg, c.Rules, log)
	o.Reread = hup
	verifier, err := newVerifier()
	if err != nil {
		return err
	}
	o.RecoverStore = verifier.Recover
	if cfg.Replicas.Enabled() {
		p.StopInOrder()
		return bot.RunReplica(ctx, o)
	}
	b, err := bot.New(o)
	if err != nil {
		return err
	}
	p.StopInOrder()
	return b.Run(ctx)
}

func botOptions(p *command.Program, cfg *config.Config, rules string, log *slog.Logger) bot.Options {
	return bot.Options{
		Config: cfg, RulesFile: rules, Shipped: p.Samples, Version: version(), Release: release(),
		Terminal: p.Stdout, Coloured: p.Coloured(p.Stdout), Trace: p.Trace, Log: log,
	}
}

// headroom is how much the heap may grow before it is collected, in percent. Most
// of a bot's heap is long-lived and it allocates little: half the usual headroom
// costs hardly any time and saves a quarter of a large fleet's memory.
const headroom = 50

func spareMemory(env []string) {
	if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOGC=") }) {
		debug.SetGCPercent(headroom)
	}
}
