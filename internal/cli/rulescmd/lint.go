package rulescmd

import (
	"context"
	"fmt"
	"os"
	"time"

	"numwatch/alert"
	"numwatch/internal/bot"
	"numwatch/internal/cli/command"
	"numwatch/internal/cli/remote"
	"numwatch/internal/config"
	"numwatch/internal/diagnostic"
	"numwatch/phone"
	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
	"numwatch/rules/lint"
	"numwatch/store"
)

type LintCommand struct {
	rulesFile
	command.Output
	Config string `short:"c" placeholder:"FILE" help:"The configuration, for labels and poll.max_age (default: config.yaml beside the rules, if it exists)."`
	DB     string `name:"db" placeholder:"FILE" help:"A backup, or the store of a stopped bot, for the values seen so far."`
	Live   bool   `help:"Take the values seen so far from the running bot."`
	Strict bool   `help:"Exit with 1 on warnings as well."`
	Checks bool   `help:"List the checks and exit."`
	remote.Client
}

// Run prints errors, warnings and notes. The exit code is 1 on errors.
func (c *LintCommand) Run(ctx context.Context, p *command.Program) error {
	if c.Checks {
		c.printChecks(p)
		return nil
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the rules: %w", err)
	}
	facts, err := c.facts(ctx, p)
	if err != nil {
		return err
	}
	if facts.Texts, err = bot.RuleTexts(c.File, p.Samples); err != nil {
		return err
	}
	found := lint.Lint(c.File, data, facts)
	c.print(p, found)
	if worst, any := lint.Worst(found); any && (worst == diagnostic.Error || c.Strict && worst == diagnostic.Warning) {
		return command.ErrReported
	}
	return nil
}

func (c *LintCommand) printChecks(p *command.Program) {
	c.Print(p, lint.Checks(), func() {
		for _, check := range lint.Checks() {
			p.Printf("%s\n", p.Hanging(fmt.Sprintf("%-20s  %-7s  ", check.Name, check.Level), check.Text))
		}
	})
}

func (c *LintCommand) print(p *command.Program, found diagnostic.Problems) {
	c.Print(p, append(diagnostic.Problems{}, found...), func() {
		n := map[diagnostic.Level]int{}
		for _, problem := range found {
			n[problem.Level]++
			p.Printf("%s [%s] %s\n", problem.Level, problem.Check, problem.Error())
		}
		p.Printf("%s: %s, %s, %s\n", alert.Plain(c.File),
			phone.Count(n[diagnostic.Error], "error"), phone.Count(n[diagnostic.Warning], "warning"), phone.Count(n[diagnostic.Note], "note"))
	})
}

// Findings returns what lint finds in a file beside a configuration, which may be nil.
func Findings(p *command.Program, path string, cfg *config.Config) (diagnostic.Problems, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w", err)
	}
	var facts lint.Facts
	if facts.Texts, err = bot.RuleTexts(path, p.Samples); err != nil {
		return nil, err
	}
	if cfg != nil {
		if facts.Spaces, err = allSpaces(cfg); err == nil { // else the account says why
			facts.MaxAge = longestWait(cfg, facts.Spaces)
		}
	}
	return lint.Lint(path, data, facts), nil
}

// facts finds what is known beside the file.
func (c *LintCommand) facts(ctx context.Context, p *command.Program) (facts lint.Facts, err error) {
	cfg, spaces, err := configBeside(p, c.Config, c.File)
	if cfg != nil {
		facts.Spaces, facts.MaxAge = spaces, longestWait(cfg, spaces)
	}
	if err != nil || c.DB == "" && !c.Live {
		return facts, err
	}
	s, done, err := history{Client: c.Client, DB: c.DB}.open(ctx, p)
	if err != nil {
		return facts, err
	}
	defer done()
	facts.Seen, err = seenValues(ctx, s)
	return facts, err
}

// longestWait is how long a space goes without a look at most: max_age, or more
// where an account has more spaces than its limit can poll in that time.
func longestWait(cfg *config.Config, spaces []phone.Space) time.Duration {
	count := map[string]int{}
	for _, s := range spaces {
		count[s.Account]++
	}
	wait := cfg.Poll.MaxAge
	for _, a := range cfg.Accounts {
		if a.RequestsPerSecond <= 0 { // the configuration beside the rules need not be good
			continue
		}
		o := schedule.Options{
			MaxAge: cfg.Poll.MaxAge, MinInterval: cfg.Poll.MinInterval, Rate: ratelimit.NewPace(a.RequestsPerSecond).Rate(),
		}
		wait = max(wait, o.Plan(count[a.Name]).Worst)
	}
	return wait
}

// seenValues collects the values of the numbers as they are and as the log has
// them.
func seenValues(ctx context.Context, s *store.Store) (map[phone.Field]map[string]bool, error) {
	seen := map[phone.Field]map[string]bool{}
	for f := range phone.Fields() {
		seen[f] = map[string]bool{}
	}
	err := s.EachNumber(func(phone.SpaceKey) bool { return true }, func(_ phone.SpaceKey, l *store.StoredNumber) bool {
		for f := range phone.FieldsOfNumber() {
			if f.IsEnum() && l.Has(f) {
				seen[f][string(l.Get(f))] = true
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return seen, eachPage(ctx, s, func(events []alert.Event) {
		for i := range events {
			if e := &events[i]; e.Kind == alert.KindChange && e.Change.Field.IsEnum() {
				seen[e.Change.Field][e.Change.Old], seen[e.Change.Field][e.Change.New] = true, true
			}
		}
	})
}
