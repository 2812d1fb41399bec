package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/internal/diagnostic"
	"numwatch/internal/filewatch"
	"numwatch/internal/rulelab/explain"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
	"numwatch/web/api"
)

// rulesComponent is the rules file as a component, with the reason if it is refused.
const (
	rulesComponent = "rules"
	codeInvalid    = "invalid"
	codeUnreadable = "unreadable"
	shippedRules   = "rules.yaml"
)

// rulesFile is rules.yaml: it knows which rules are in force and how the last
// reading of the file went, and puts new content in force. Everything that can
// fail about a file happens before the loop gets it. It is safe for concurrent
// use.
type rulesFile struct {
	path     string
	shipped  fs.FS                                        // see RuleTexts
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

// LoadRules reads and compiles a rules file, with its texts in other languages: see RuleTexts.
func LoadRules(path string, shipped fs.FS) (*rules.Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w (numwatch init writes a sample)", err)
	}
	return compileRules(path, data, shipped)
}

func compileRules(path string, data []byte, shipped fs.FS) (*rules.Set, error) {
	texts, err := RuleTexts(path, shipped)
	if err != nil {
		return nil, err
	}
	return rulefile.Load(path, data, texts...)
}

// RuleTexts reads the texts of a rules file in Chinese: those of the file beside it, and behind
// them those that are shipped for the shipped rules. Shipped holds both; nil: there are none.
func RuleTexts(path string, shipped fs.FS) (all []rulefile.Texts, err error) {
	own := rulefile.Texts{File: rulefile.TextsFile(path, phone.Chinese)}
	switch own.Data, err = os.ReadFile(own.File); {
	case err == nil:
		all = append(all, own)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading the texts of the rules: %w", err)
	}
	if shipped == nil {
		return all, nil
	}
	builtIn := rulefile.Texts{File: "the shipped " + rulefile.TextsFile(shippedRules, phone.Chinese)}
	if builtIn.Rules, err = fs.ReadFile(shipped, shippedRules); err == nil {
		builtIn.Data, err = fs.ReadFile(shipped, rulefile.TextsFile(shippedRules, phone.Chinese))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the shipped texts of the rules: %w", err)
	}
	return append(all, builtIn), nil
}

// load reads the rules that the bot starts with.
func (f *rulesFile) load() (err error) {
	f.content, f.loaded = filewatch.Digest(f.path), time.Now()
	if f.set, err = LoadRules(f.path, f.shipped); err != nil {
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
// reading after the other. The error says why the previous rules stay; it has been
// reported already.
func (f *rulesFile) take(ctx context.Context, data []byte, err error) error {
	f.reporting.Lock()
	defer f.reporting.Unlock()
	var set *rules.Set
	if err != nil {
		err = fmt.Errorf("reading the rules: %w", err)
	} else {
		set, err = compileRules(f.path, data, f.shipped)
	}
	if err != nil {
		f.refuse(ctx, err)
		return err
	}
	// The loop finishes what it has begun, so wait for it even if the caller is gone.
	if err := f.apply(context.WithoutCancel(ctx), set); err != nil {
		f.log.Error("valid rules could not be applied, the previous ones stay in force", "err", err)
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
	first.File, first.Source = filepath.Base(first.File), ""
	reason = first.Error()
	if more := len(problems) - 1; more > 0 {
		reason += ", and " + phone.Count(more, "more mistake")
	}
	return codeInvalid, reason
}

// noisy reports that rules send many more messages than the previous ones, if they
// are still in force.
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

// reportAs reports the state of the file, a refused one at every reading: the
// receiver knows whether that is new.
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
		channel := api.Channel{Name: c.Name, Kind: string(c.Kind), Target: c.Target}
		if c.Kind == rules.Slack {
			channel.Slack = c.Target
		}
		out.Channels = append(out.Channels, channel)
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

// explain says why people were notified of an alert, or were not, from this bot's log,
// names and labels, and the rules in force.
func (b *Bot) explain(id string) (api.Explanation, error) {
	x := explain.Explainer{History: b.store, Rules: b.rules.current(), Space: b.directory.Space}
	a, err := x.AlertByID(id)
	if err != nil {
		return api.Explanation{}, err
	}
	out := api.Explanation{
		Title:    fmt.Sprintf("%s on %s of %s is %s", a.Alert.Rule, a.Alert.Field, a.Alert.Subject, a.Alert.State),
		Happened: moments(a.Log),
	}
	for _, s := range a.Shown {
		text := fmt.Sprintf("%s: message of %s, %s", s.Channel, s.At.UTC().Format("2006-01-02 15:04 UTC"), s.State)
		if s.Others > 0 {
			text += ", combined with " + phone.Count(s.Others, "other alert")
		}
		out.Shown = append(out.Shown, text)
	}
	for _, s := range a.Silent {
		out.Silent = append(out.Silent, strings.TrimPrefix(s.Channel+": "+s.Text, ": "))
	}
	if o := a.Opening; o != nil {
		out.Opening = &api.Opening{At: o.At, Differences: o.Differences}
		for _, c := range o.Changes {
			out.Opening.Changes = append(out.Opening.Changes, fmt.Sprintf("%s went from %s to %s", c.Field, cmp.Or(c.Old, "(empty)"), cmp.Or(c.New, "(empty)")))
		}
		out.Opening.Decisions, out.Opening.Unaffected = decisions(o.Decisions)
	}
	return out, nil
}

func moments(log []explain.Record) (all []api.Moment) {
	for _, r := range log {
		m := api.Moment{At: r.At, Text: fmt.Sprintf("%s: %s went from %s to %s", r.Transition, r.Field, cmp.Or(r.Old, "(empty)"), cmp.Or(r.New, "(empty)"))}
		switch {
		case len(r.Channels) == 0:
			m.Notes = "sent to no channel"
		case len(r.HeldBy) > 0:
			m.Notes = "held back by " + strings.Join(r.HeldBy, ", ")
		case !r.Notified:
			m.Notes = "shown in place, without a notification"
		default:
			m.Notes = "sent to " + strings.Join(r.Channels, ", ")
		}
		if r.Closing != "" {
			m.Notes = r.Closing + "; " + m.Notes
		}
		all = append(all, m)
	}
	return all
}

// decisions words what rules decided, those first that did something, and counts those
// for whose fields nothing changed.
func decisions(list []explain.Decision) (all []api.Decision, unaffected int) {
	var silent []api.Decision
	for _, d := range list {
		one := api.Decision{Result: d.Result, Rule: d.Rule, Field: d.Field.String(), Clause: d.Clause, Text: d.Text}
		switch {
		case d.Result == explain.Silent && d.Clause == "on":
			unaffected++
			continue
		case d.Result == explain.Silent:
			silent = append(silent, one)
			continue
		}
		for _, c := range d.Channels {
			text := "sent to " + c.Channel
			if !c.Notified {
				text = "not sent to " + c.Channel + ": " + c.Text
			}
			one.Channels = append(one.Channels, text)
		}
		if d.Alert != nil && len(d.Alert.HeldBy) > 0 {
			one.Channels = append(one.Channels, "held back by "+strings.Join(d.Alert.HeldBy, ", "))
		}
		all = append(all, one)
	}
	return append(all, silent...), unaffected
}

// current is the rules in force.
func (f *rulesFile) current() *rules.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}
