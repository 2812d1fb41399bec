// Command load measures the whole program: it drives the real binary, in a
// process of its own, against the simulated cloud and Slack, which run in this
// one, and prints what that took. One run is a life of the bot: a first round
// from nothing, a stop, a start with its files out of the page cache, a span in
// which nothing changes, and one in which numbers change all the time.
//
// It reads /proc and so needs Linux. Everything it talks to is on this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"numwatch/phone"
)

// plan is what to measure.
type plan struct {
	binary  string
	dir     string // for the bot's files
	shape   shape
	changes int           // numbers that change in a second, in the last span
	span    time.Duration // of each of the two spans that are measured
	pause   time.Duration // between the bot's two lives
	outside bool          // NATS runs beside the bot and not in it
}

// shape is a fleet: so many accounts that hold so many spaces in all.
type shape struct {
	accounts, spaces, numbers int // numbers of each space
	perSecond                 int // the limit of each account
}

func (s shape) total() int { return s.spaces * s.numbers }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var p plan
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&p.binary, "binary", "bin/numwatch", "the program to measure")
	flags.IntVar(&p.shape.accounts, "accounts", 100, "how many accounts there are")
	flags.IntVar(&p.shape.spaces, "spaces", 100_000, "how many spaces they hold in all")
	flags.IntVar(&p.shape.numbers, "numbers", 10, "how many numbers each space holds")
	flags.IntVar(&p.shape.perSecond, "rate", 10, "the limit of each account, in requests a second: at most 10")
	flags.IntVar(&p.changes, "changes", 100, "how many numbers change in a second, in the last span")
	flags.DurationVar(&p.span, "for", time.Minute, "how long each span takes")
	flags.DurationVar(&p.pause, "pause", 40*time.Second,
		"how long to wait before the bot starts again: within half a minute NATS still rereads recent messages, to know duplicates")
	flags.BoolVar(&p.outside, "outside", false, "run NATS beside the bot and not in it")
	flags.StringVar(&p.dir, "dir", "", "keep the bot's files here, and continue from an earlier run; one fleet only")
	sweep := flags.String("sweep", "", "measure several fleets: numbers (1,000 to 1,000,000) or accounts (1 to 100)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	binary, err := filepath.Abs(p.binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	p.binary = binary
	shapes, err := fleets(p.shape, *sweep)
	if err != nil {
		return err
	}
	var all []figures
	for _, s := range shapes {
		p.shape = s
		f, err := measure(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		all = append(all, f)
	}
	print(os.Stdout, all)
	return nil
}

// fleets are the shapes that a sweep goes through.
func fleets(one shape, sweep string) ([]shape, error) {
	switch sweep {
	case "":
		return []shape{one}, nil
	case "numbers":
		return []shape{{1, 100, 10, 10}, {10, 1000, 10, 10}, {100, 10_000, 10, 10}, {100, 100_000, 10, 10}}, nil
	case "accounts":
		return []shape{{1, 100, 5, 10}, {10, 1000, 5, 10}, {30, 3000, 5, 10}, {100, 10_000, 5, 10}}, nil
	}
	return nil, fmt.Errorf("-sweep %s: want numbers or accounts", sweep)
}

func (s shape) String() string {
	return fmt.Sprintf("%s in %s of %s", phone.Count(s.total(), "number"), phone.Count(s.spaces, "space"), phone.Count(s.accounts, "account"))
}
