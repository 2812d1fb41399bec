// Package cli is the command line: one file for each command. It asks a running
// bot through its HTTP API, and starts one through internal/bot.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/internal/cli/rulescmd"
	"numwatch/internal/cli/tail"
	"numwatch/internal/diagnostic"
)

// The exit codes.
const (
	exitGood    = 0
	exitFailure = 1 // a finding or a failure
	exitUsage   = 2
)

// commands is the grammar of the command line.
type commands struct {
	Demo        demoCommand               `cmd:"" help:"Run the whole bot against a simulated cloud."`
	Run         runCommand                `cmd:"" help:"Run the bot: poll the configured numbers and alert on changes."`
	Init        initCommand               `cmd:"" help:"Write a commented config.yaml, rules.yaml, its tests and its schema."`
	Check       checkCommand              `cmd:"" help:"Check the configuration, the rules, the credentials (one real poll), NATS and the channels."`
	Poll        pollCommand               `cmd:"" help:"Fetch one space once and print its numbers."`
	Tail        tail.Command              `cmd:"" help:"Follow the events on NATS."`
	Status      remote.StatusCommand      `cmd:"" help:"Show the status of a running bot."`
	Alerts      remote.AlertsCommand      `cmd:"" help:"List a running bot's alerts."`
	Ack         remote.AckCommand         `cmd:"" help:"Acknowledge alerts, by number, rule or id."`
	Silence     remote.SilenceCommand     `cmd:"" help:"List, start and end silences, which stop notifications."`
	Spaces      remote.SpacesCommand      `cmd:"" help:"Confirm that spaces missing from the lists are gone."`
	Numbers     remote.NumbersCommand     `cmd:"" help:"List numbers with their current state, all or by any field."`
	History     remote.HistoryCommand     `cmd:"" help:"Show the history of a number."`
	DeadLetters remote.DeadLettersCommand `cmd:"" name:"deadletters" help:"List and retry messages that a chat has permanently rejected."`
	Drill       remote.DrillCommand       `cmd:"" help:"Send a drill: a marked test alert of a rule, through the real sinks."`
	Rules       rulescmd.Command          `cmd:"" help:"Check, test and explain the rules."`
	DB          dbCommand                 `cmd:"" name:"db" help:"Check, compact, back up and restore the store."`
	Replicas    replicasCommand           `cmd:"" help:"List replicas, hand over the lead, and repair what they cannot repair themselves."`
	Sim         simCommand                `cmd:"" help:"Run only the simulated cloud, a simulated chat or a webhook receiver."`
	Complete    completeCommand           `cmd:"" hidden:"" help:"List completions, for completion scripts."`
	Completion  completionCommand         `cmd:"" help:"Print a shell completion script."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// Run executes one command and returns the process's exit code.
func Run(ctx context.Context, args, env []string, stdout, stderr io.Writer, samples fs.FS) int {
	return Execute(ctx, &command.Program{Env: env, Stdout: stdout, Stderr: stderr, Samples: samples}, args)
}

// endsWithin is how long a command may take to end after an interrupt. One that shuts
// down in order has its own limits.
const endsWithin = time.Second

// Execute executes one command of a program. The first interrupt or terminate signal
// ends ctx. If the command waits for something that takes no context, such as a pipe,
// it is abandoned a second later; the process must end then. A second signal abandons
// it at once.
func Execute(ctx context.Context, p *command.Program, args []string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, p, args) }()
	select {
	case code := <-ended:
		return code
	case <-signals:
		interrupt()
	case <-ctx.Done():
	}
	late := time.NewTimer(endsWithin)
	defer late.Stop()
	for {
		select {
		case code := <-ended:
			return code
		case <-signals:
			return report(ctx, p, context.Canceled)
		case <-late.C:
			if !p.StopsInOrder() {
				return report(ctx, p, context.Canceled)
			}
		}
	}
}

func execute(ctx context.Context, p *command.Program, args []string) int {
	var grammar commands
	exited := -1
	parser, err := kong.New(&grammar,
		kong.Name("numwatch"),
		kong.Description("Watches WhatsApp Business phone numbers on Alibaba Cloud and alerts when one changes."),
		kong.Vars{"version": version()},
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
		command.Durations(),
	)
	if err != nil {
		fmt.Fprintf(p.Stderr, "numwatch: %v\n", err)
		return exitFailure
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help or --version has printed what it should
		return exited
	}
	if err != nil {
		return misused(p, withNearest(err), mistaken(err))
	}
	if err = parsed.Run(); err == nil {
		err = p.WriteError()
	}
	if errors.Is(err, command.ErrUsage) {
		return misused(p, err, parsed.Selected())
	}
	return report(ctx, p, err)
}

// mistaken is the command whose words could not be parsed, nil if none had been named.
func mistaken(err error) *kong.Node {
	failed, ok := errors.AsType[*kong.ParseError](err)
	if !ok || failed.Context == nil {
		return nil
	}
	var node *kong.Node
	for _, at := range failed.Context.Path {
		if at.Command != nil {
			node = at.Command
		}
	}
	return node
}

// ofEnum is what is said of a value that is none of the known ones.
var ofEnum = regexp.MustCompile(`must be one of "(.*)" but got "(.*)"$`)

// withNearest adds the known value that was most likely meant, as it is done for flags.
func withNearest(err error) error {
	if m := ofEnum.FindStringSubmatch(err.Error()); m != nil {
		if near := diagnostic.Nearest(m[2], strings.Split(m[1], `","`)); near != "" {
			return fmt.Errorf("%w, did you mean %q?", err, near)
		}
	}
	return err
}

// misused prints what is wrong with how a command was called, and where its help is.
func misused(p *command.Program, err error, node *kong.Node) int {
	of := "numwatch"
	if node != nil {
		of = node.FullPath()
	}
	fmt.Fprintf(p.Stderr, "numwatch: %v\nTry: %s --help\n", err, of)
	return exitUsage
}

// report prints a command's error and returns the exit code.
func report(ctx context.Context, p *command.Program, err error) int {
	switch {
	case err == nil:
		return exitGood
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(p.Stderr, "numwatch: interrupted")
		return exitFailure
	case errors.Is(err, command.ErrReported):
		return exitFailure
	default:
		fmt.Fprintf(p.Stderr, "numwatch: %v\n", err)
		return exitFailure
	}
}
