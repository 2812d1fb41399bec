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
	_ "time/tzdata" // rules name time zones, and the image has no files of them

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitGood    = 0
	exitFailure = 1 // a finding or a failure
	exitUsage   = 2
)

// commands is the grammar of the command line.
type commands struct {
	Demo        demoCommand        `cmd:"" help:"Show the whole bot at work against a simulated cloud."`
	Run         runCommand         `cmd:"" help:"Watch the numbers of the configuration and tell about changes."`
	Init        initCommand        `cmd:"" help:"Write a commented config.yaml and rules.yaml."`
	Check       checkCommand       `cmd:"" help:"Check the configuration, the rules, the credentials (one real poll), NATS and Slack."`
	Poll        pollCommand        `cmd:"" help:"Fetch one space once and print its numbers."`
	Tail        tailCommand        `cmd:"" help:"Follow the events on NATS."`
	Status      statusCommand      `cmd:"" help:"Ask a running bot how it is."`
	Alerts      alertsCommand      `cmd:"" help:"List a running bot's alerts."`
	Ack         ackCommand         `cmd:"" help:"Say that you take care of an alert."`
	Silence     silenceCommand     `cmd:"" help:"List, start and end silences, which hold back alerts from Slack."`
	Numbers     numbersCommand     `cmd:"" help:"List the numbers as they stand, all or by any field."`
	History     historyCommand     `cmd:"" help:"Tell what happened to a number."`
	DeadLetters deadLettersCommand `cmd:"" name:"deadletters" help:"List and retry the messages that Slack refuses for good."`
	Drill       drillCommand       `cmd:"" help:"Send a marked drill of a rule through the real sinks, end to end."`
	Rules       rulesCommand       `cmd:"" help:"Check, try out and explain the rules."`
	DB          dbCommand          `cmd:"" name:"db" help:"Check, compact, measure, back up and restore the store."`
	Sim         simCommand         `cmd:"" help:"Run the simulated cloud or the simulated Slack on its own."`
	Completion  completionCommand  `cmd:"" help:"Print a script by which a shell completes commands and flags."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// Program is what a command has of the world around it.
type Program struct {
	Env            []string // as os.Environ
	Stdout, Stderr io.Writer
	Samples        fs.FS        // config.yaml and rules.yaml, as shipped
	Trace          func(string) // sees the points around every side effect of the bot; nil but in tests
}

// Run executes one command and returns the process's exit code. Interrupt and
// terminate signals end ctx; a second one kills the process.
func Run(ctx context.Context, args, env []string, stdout, stderr io.Writer, samples fs.FS) int {
	p := &Program{Env: env, Stdout: stdout, Stderr: stderr, Samples: samples}
	return p.Run(ctx, args)
}

// Run executes one command and returns the process's exit code.
func (p *Program) Run(ctx context.Context, args []string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal has its default effect

	var grammar commands
	exited := -1
	parser, err := kong.New(&grammar,
		kong.Name("numwatch"),
		kong.Description("Watches WhatsApp Business phone numbers on Alibaba Cloud and tells when one changes."),
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
	command, err := parser.Parse(args)
	if exited >= 0 { // --help or --version has printed what it should
		return exited
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "numwatch: %v\nTry: numwatch --help\n", err)
		return exitUsage
	}
	return p.report(command.Run())
}

// report prints a command's error and returns the exit code.
func (p *Program) report(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errSaid):
		return exitFailure
	case errors.As(err, &usage):
		fmt.Fprintf(p.Stderr, "numwatch: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(p.Stderr, "numwatch: %v\n", err)
		return exitFailure
	}
}

// errSaid ends a command with exit code 1 after it has printed why itself.
var errSaid = errors.New("failed")

// usageError is a mistake in how the command was called.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }
