package bot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/rules"
)

// reloads puts rules.yaml in force whenever it changes, and on SIGHUP.
func (m *Bot) reloads(ctx context.Context) error {
	hup, stop := hangups()
	defer stop()
	return newWatchedFile(m.o.RulesFile).watch(ctx, m.rulesSeen, hup, func(data []byte, err error) {
		_ = m.takeRules(ctx, data, err) // it has told everybody who needs to know
	})
}

// hangups receives SIGHUP, by which operators ask for everything that can change
// while the bot runs to be read again. Where nobody receives it, it ends the
// process.
func hangups() (hup <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reload reads the rules now and puts them in force.
func (m *Bot) reload(ctx context.Context) error {
	data, err := newWatchedFile(m.o.RulesFile).read(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.takeRules(ctx, data, err)
}

// takeRules puts the content of the rules file in force. The error says why it
// did not come to that.
func (m *Bot) takeRules(ctx context.Context, data []byte, err error) error {
	old, set, err := m.ruler.take(ctx, m.o.RulesFile, data, err)
	var refused *refusal
	switch {
	case err == nil:
		m.rulebook.accept(set)
		m.log.Info("the rules were reloaded", "file", m.o.RulesFile, "rules", len(set.Rules()))
		for _, w := range set.Warnings() {
			m.log.Warn("rules have warnings", "err", w)
		}
		if old != nil {
			m.compared.want(old, set)
		}
	case errors.As(err, &refused):
		m.rulebook.refuse(refused.cause)
		m.refuse(ctx, refused)
		return refused.cause
	default:
		m.log.Error("good rules could not be put in force, the last ones go on", "err", err)
	}
	return err
}

// refuse says what is wrong with a file, to everybody but once.
func (m *Bot) refuse(ctx context.Context, r *refusal) {
	m.log.Error("the rules were refused, the last good ones go on", "err", r.cause)
	if r.again {
		return
	}
	text := "rules.yaml was refused, the last good rules go on: " + r.cause.Error()
	board{m}.Notice(text)
	if err := m.loop.Note(ctx, alert.Notice{Kind: "rules-refused", Text: text}); err != nil {
		m.log.Warn("the refusal could not be logged", "err", err)
	}
}

// ruler puts rules in force, one file after the other. Everything that can fail
// about a file happens before the loop hears of it.
type ruler struct {
	apply func(context.Context, *rules.Set) error // returns once they are in force

	mu      sync.Mutex
	inForce *rules.Set
	content fingerprint  // of the file that they came from
	refused *fingerprint // of what was said of the file refused last; nil: the last was taken
}

// refusal is the error about a file that was not taken.
type refusal struct {
	cause error
	again bool // the same was refused just before
}

func (r *refusal) Error() string { return "the rules were refused: " + r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// take puts the content of a file in force, and returns the rules that it made
// and those that they replaced, nil if these came from the same content. The
// error is a *refusal if it is the content's fault.
func (r *ruler) take(ctx context.Context, name string, data []byte, err error) (old, set *rules.Set, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("reading the rules: %w", err)
	} else {
		set, err = rules.Parse(name, data)
	}
	if err != nil {
		f := fingerprintOf([]byte(err.Error()), nil)
		again := r.refused != nil && *r.refused == f
		r.refused = &f
		return nil, nil, &refusal{err, again}
	}
	// The loop finishes what it has begun, so the one who asks must wait for it,
	// even if whoever asked for that is gone.
	if err := r.apply(context.WithoutCancel(ctx), set); err != nil {
		return nil, nil, fmt.Errorf("putting the rules in force: %w", err)
	}
	if now := fingerprintOf(data, nil); now != r.content {
		old, r.content = r.inForce, now
	}
	r.inForce, r.refused = set, nil
	return old, set, nil
}

// warn announces in Slack what people should know about the rules.
func (m *Bot) warn(text string) {
	m.announce(notify.Mark{Word: "Warning", Color: notify.Yellow}, text)
}
