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
	"syscall"
	"time"
	_ "time/tzdata" // rules name time zones, and the image has no files of them

	"github.com/alecthomas/kong"

	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/internal/cli/rulescmd"
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
	Init        initCommand               `cmd:"" help:"Write a commented config.yaml and rules.yaml."`
	Check       checkCommand              `cmd:"" help:"Check the configuration, the rules, the credentials (one real poll), NATS and Slack."`
	Poll        pollCommand               `cmd:"" help:"Fetch one space once and print its numbers."`
	Tail        remote.TailCommand        `cmd:"" help:"Follow the events on NATS."`
	Status      remote.StatusCommand      `cmd:"" help:"Show the status of a running bot."`
	Alerts      remote.AlertsCommand      `cmd:"" help:"List a running bot's alerts."`
	Ack         remote.AckCommand         `cmd:"" help:"Acknowledge an alert."`
	Silence     remote.SilenceCommand     `cmd:"" help:"List, start and end silences. A silenced alert is not shown in Slack."`
	Spaces      remote.SpacesCommand      `cmd:"" help:"Confirm that spaces missing from the lists are gone."`
	Numbers     remote.NumbersCommand     `cmd:"" help:"List numbers with their current state, all or by any field."`
	History     remote.HistoryCommand     `cmd:"" help:"Show the history of a number."`
	DeadLetters remote.DeadLettersCommand `cmd:"" name:"deadletters" help:"List and retry messages that Slack has permanently rejected."`
	Drill       remote.DrillCommand       `cmd:"" help:"Send a drill: a marked test alert of a rule, through the real sinks."`
	Rules       rulescmd.Command          `cmd:"" help:"Check, test and explain the rules."`
	DB          dbCommand                 `cmd:"" name:"db" help:"Check, compact, back up and restore the store."`
	Sim         simCommand                `cmd:"" help:"Run the simulated cloud or the simulated Slack alone."`
	Complete    completeCommand           `cmd:"" hidden:"" help:"List what may follow some words, for completion scripts."`
	Completion  completionCommand         `cmd:"" help:"Print a shell completion script."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// Run executes one command and returns the process's exit code.
func Run(ctx context.Context, args, env []string, stdout, stderr io.Writer, samples fs.FS) int {
	return Execute(ctx, &command.Program{Env: env, Stdout: stdout, Stderr: stderr, Samples: samples}, args)
}

// endsWithin is how long a command may take to end after an interrupt. One that stops in
// order has bounds of its own.
const endsWithin = time.Second

// Execute executes one command of a program. The first interrupt or terminate signal
// ends ctx. Where the command waits for something that knows no context, such as a file
// that is a pipe, it is left alone a second later; the process must end then. A second
// signal leaves it at once.
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
		fmt.Fprintf(p.Stderr, "numwatch: %v\nTry: numwatch --help\n", err)
		return exitUsage
	}
	if err = parsed.Run(); err == nil {
		err = p.WriteError()
	}
	return report(ctx, p, err)
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
	case errors.Is(err, command.ErrUsage):
		fmt.Fprintf(p.Stderr, "numwatch: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(p.Stderr, "numwatch: %v\n", err)
		return exitFailure
	}
}
