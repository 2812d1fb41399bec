package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/internal/filewatch"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/web/api"
)

// rulesComponent is the rules file as a part of the bot, with why it is refused.
const (
	rulesComponent = "rules"
	codeInvalid    = "invalid"
	codeUnreadable = "unreadable"
)

// rulesFile is rules.yaml: it knows which rules are in force and how the last
// reading of the file went, and puts new content in force. Everything that can
// fail about a file happens before the loop hears of it. It is safe for
// concurrent use.
type rulesFile struct {
	path     string
	apply    func(context.Context, *rules.Set) error      // returns once they are in force
	note     func(context.Context, alert.Notice) error    // writes to the bot's log of events
	report   func(context.Context, phone.Condition) error // has the rules judge how the file is
	backtest func(old, set *rules.Set)                    // compares what the two would have sent
	log      *slog.Logger

	reporting sync.Mutex // while what is reported follows from what is in force

	mu      sync.Mutex
	set     *rules.Set            // in force
	content filewatch.Fingerprint // of the file that set came from
	loaded  time.Time
	refused *api.Refusal // the last reading failed
}

// LoadRules reads and compiles a rules file.
func LoadRules(path string) (*rules.Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w (numwatch init writes a sample)", err)
	}
	return rulefile.Load(path, data)
}

// load reads the rules that the bot starts with.
func (f *rulesFile) load() (err error) {
	f.content, f.loaded = filewatch.Digest(f.path), time.Now()
	if f.set, err = LoadRules(f.path); err != nil {
		return err
	}
	f.logWarnings(f.set)
	return nil
}

// begin reports the rules that the bot starts with: an earlier run may have ended with
// a file that was refused.
func (f *rulesFile) begin(ctx context.Context) {
	f.reportAs(ctx, phone.OK, "", "the file is valid")
}

func (f *rulesFile) logWarnings(set *rules.Set) {
	for _, w := range set.Warnings() {
		f.log.Warn("rules have warnings", "err", w)
	}
}

// take puts the content of the file in force, or refuses it; the watcher calls it for one
// reading after the other. The error says why
// the rules before go on; whoever needs to know has been told then.
func (f *rulesFile) take(ctx context.Context, data []byte, err error) error {
	f.reporting.Lock()
	defer f.reporting.Unlock()
	var set *rules.Set
	if err != nil {
		err = fmt.Errorf("reading the rules: %w", err)
	} else {
		set, err = rulefile.Load(f.path, data)
	}
	if err != nil {
		f.refuse(ctx, err)
		return err
	}
	// The loop finishes what it has begun, so the one who asks must wait for it,
	// even if whoever asked for that is gone.
	if err := f.apply(context.WithoutCancel(ctx), set); err != nil {
		f.log.Error("valid rules could not be put in force, the previous ones stay", "err", err)
		return fmt.Errorf("putting the rules in force: %w", err)
	}
	f.accept(ctx, set, filewatch.FingerprintOf(data, nil))
	return nil
}

func (f *rulesFile) accept(ctx context.Context, set *rules.Set, content filewatch.Fingerprint) {
	f.mu.Lock()
	old, changed := f.set, content != f.content
	f.set, f.content, f.loaded, f.refused = set, content, time.Now(), nil
	f.mu.Unlock()
	f.log.Info("the rules were reloaded", "file", f.path, "rules", len(set.Rules()))
	f.logWarnings(set)
	f.reportAs(ctx, phone.OK, "", "the file is valid")
	if changed {
		f.backtest(old, set)
	}
}

// refuse says what is wrong with the file: to the log and the rules every time, in an
// event once.
func (f *rulesFile) refuse(ctx context.Context, cause error) {
	f.log.Error("the rules were rejected, the last good ones stay in force", "err", cause)
	r := &api.Refusal{At: time.Now(), Text: cause.Error(), Problems: []api.Problem{}}
	var problems diagnostic.Problems
	if errors.As(cause, &problems) {
		r.Problems = problemsOf(problems)
	}
	f.mu.Lock()
	again := f.refused != nil && f.refused.Text == r.Text
	f.refused = r
	f.mu.Unlock()
	code, reason := f.mistake(cause)
	f.reportAs(ctx, phone.Refused, code, reason)
	if again {
		return
	}
	text := "rules.yaml was rejected, the last good rules stay in force: " + r.Text
	if err := f.note(ctx, alert.Notice{Kind: "rules-refused", Text: text}); err != nil {
		f.log.Warn("the rejection of the rules could not be logged", "err", err)
	}
}

// mistake says in a line why the file is refused: its first mistake, without the
// folders of this machine.
func (f *rulesFile) mistake(cause error) (code, reason string) {
	name := filepath.Base(f.path)
	var problems diagnostic.Problems
	if !errors.As(cause, &problems) || len(problems) == 0 {
		return codeUnreadable, strings.ReplaceAll(cause.Error(), f.path, name)
	}
	first := problems[0]
	first.File, first.Source = name, ""
	reason = first.Error()
	if more := len(problems) - 1; more > 0 {
		reason += ", and " + phone.Count(more, "more mistake")
	}
	return codeInvalid, reason
}

// noisy reports that rules send many more messages than those before, if they still
// are in force.
func (f *rulesFile) noisy(ctx context.Context, set *rules.Set, reason string) {
	f.reporting.Lock()
	defer f.reporting.Unlock()
	f.mu.Lock()
	current := f.set == set && f.refused == nil
	f.mu.Unlock()
	if current {
		f.reportAs(ctx, phone.Noisy, "", reason)
	}
}

// reportAs reports how the file is. One that is refused is reported at every reading:
// whoever takes the report knows whether that is news.
func (f *rulesFile) reportAs(ctx context.Context, value, code, reason string) {
	err := f.report(ctx, phone.Condition{
		Subject: phone.Subject{Component: rulesComponent}, Field: phone.Rules, Value: value, Code: code, Reason: reason, Since: time.Now(),
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		f.log.Warn("the state of the rules file could not be stored", "err", err)
	}
}

func (f *rulesFile) settleAfter() time.Duration { return f.inForce().SettleAfter() }

// keepClosed is how long the rules in force need alerts that have closed.
func (f *rulesFile) keepClosed() time.Duration { return f.inForce().KeepClosed() }

func (f *rulesFile) inForce() *rules.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

// status is what pages show of the file, with how often each rule fired.
func (f *rulesFile) status(hits func(rule string, now time.Time) api.Hits) api.Rules {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := api.Rules{File: f.path, Loaded: f.loaded, Refused: f.refused, Warnings: problemsOf(f.set.Warnings())}
	now := time.Now()
	for _, r := range f.set.Rules() {
		out.Rules = append(out.Rules, api.Rule{
			Name: r.Name, On: r.On, Severity: r.Severity, For: api.Seconds(r.For), Once: r.Once, Summary: r.Summary, Action: r.Action,
			Runbook: r.Runbook, Channels: r.Channels, Hits: hits(r.Name, now),
		})
	}
	for _, c := range f.set.Channels() {
		out.Channels = append(out.Channels, api.Channel{Name: c.Name, Slack: c.Slack})
	}
	return out
}

func problemsOf(problems diagnostic.Problems) []api.Problem {
	out := []api.Problem{}
	for _, p := range problems {
		out = append(out, api.Problem{Line: p.Line, Column: p.Column, Rule: p.Rule, Text: p.Text, Hint: p.Hint, Source: p.Source})
	}
	return out
}
