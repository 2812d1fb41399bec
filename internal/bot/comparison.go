package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/internal/backtest"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
)

// comparison back-tests new rules beside the old ones in the background, after
// they were put in force. It is safe for concurrent use.
type comparison struct {
	wake chan struct{}

	mu       sync.Mutex
	old, new *rules.Set // to be compared; nil: nothing
	last     *compared
}

// compared is what new rules changed, judged by the bot's own log.
type compared struct {
	At time.Time
	backtest.Difference
}

func newComparison() *comparison { return &comparison{wake: make(chan struct{}, 1)} }

// want asks for a comparison. Of rules that replace each other quickly, only the
// first and the last are compared.
func (c *comparison) want(old, set *rules.Set) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.old == nil {
		c.old = old
	}
	c.new = set
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// wanted takes what is to be compared.
func (c *comparison) wanted() (old, set *rules.Set) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, set = c.old, c.new
	c.old, c.new = nil, nil
	return old, set
}

// Last returns what the last reload changed; nil: there was none, or it is not
// known yet.
func (c *comparison) Last() *compared {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

const (
	compareSpan   = 7 * 24 * time.Hour
	compareWarmUp = 23 * 24 * time.Hour // before that, so that alerts stand as they did
	compareMost   = 100_000             // events
	comparePiece  = 100                 // events at a time
	// compareRest is how many times as long as it works a comparison rests.
	compareRest = 4
)

// comparisons back-tests whatever is put in force, until ctx ends.
func (m *Bot) comparisons(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.compared.wake:
		}
		old, set := m.compared.wanted()
		if old == nil {
			continue
		}
		now := time.Now()
		d, err := compareRules(ctx, m.store, m.directory.Space, now, old, set)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			m.log.Warn("the new rules could not be back-tested", "err", err)
		default:
			m.tellCompared(ctx, &compared{now, d})
		}
	}
}

// compareRules replays the last week of the log through both, slowly.
func compareRules(ctx context.Context, log *store.Store, space func(phone.SpaceKey) phone.Space, now time.Time, old, set *rules.Set) (backtest.Difference, error) {
	since := now.Add(-compareSpan)
	before := backtest.New(backtest.Options{Rules: old, Space: space, Since: since})
	after := backtest.New(backtest.Options{Rules: set, Space: space, Since: since})
	last := log.LastSeq()
	from := log.FirstSeq()
	if last > compareMost {
		from = max(from, last-compareMost+1)
	}
	for from <= last {
		began := time.Now()
		events, err := log.ReadLog(from, comparePiece)
		if err != nil {
			return backtest.Difference{}, fmt.Errorf("reading the log: %w", err)
		}
		if len(events) == 0 {
			break
		}
		from = events[len(events)-1].Seq + 1
		if recent := events[len(events)-1].Time; recent.Before(since.Add(-compareWarmUp)) {
			continue
		}
		before.Feed(events)
		after.Feed(events)
		select {
		case <-ctx.Done():
			return backtest.Difference{}, ctx.Err()
		case <-time.After(compareRest * time.Since(began)):
		}
	}
	return backtest.Differ(before.Report(now), after.Report(now)), nil
}

// tellCompared tells what new rules change: to the log, as an event, to the
// pages, and to Slack where people will notice.
func (m *Bot) tellCompared(ctx context.Context, c *compared) {
	m.compared.mu.Lock()
	m.compared.last = c
	m.compared.mu.Unlock()
	text := c.String()
	m.log.Info("the new rules were back-tested", "before", c.Before, "after", c.After, "difference", text)
	if err := m.loop.Note(ctx, alert.Notice{Kind: "rules-backtested", Text: text}); err != nil && !errors.Is(err, context.Canceled) {
		m.log.Warn("the back-test could not be logged", "err", err)
	}
	if !c.Large() {
		return
	}
	var louder []string
	for i := range c.Lines {
		if c.Lines[i].Large() {
			louder = append(louder, c.Lines[i].String())
		}
	}
	m.warn(fmt.Sprintf("the new rules.yaml is much louder. %s, it would have sent, old → new: %s",
		capitalised(c.Span()), strings.Join(louder[:min(len(louder), 10)], "; ")))
}

func capitalised(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
