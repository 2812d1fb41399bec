package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/internal/rulelab/backtest"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/store"
	"numwatch/web/api"
)

// backtests compares new rules with the old ones in the background: what would
// each have sent for the last week's events? It is safe for concurrent use.
type backtests struct {
	events *store.Store
	space  func(phone.SpaceKey) phone.Space
	note   func(context.Context, alert.Notice) error
	noisy  func(ctx context.Context, set *rules.Set, reason string) // reports new rules that send many more messages
	log    *slog.Logger
	wake   chan struct{}

	mu       sync.Mutex
	old, new *rules.Set // to be compared; nil: nothing
	last     *api.Compared
}

// request asks for a comparison. Of rules that replace each other quickly, only
// the first and the last are compared.
func (b *backtests) request(old, set *rules.Set) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.old == nil {
		b.old = old
	}
	b.new = set
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next takes what is to be compared.
func (b *backtests) next() (old, set *rules.Set) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, set = b.old, b.new
	b.old, b.new = nil, nil
	return old, set
}

// latest is what the last reload changed; nil: there was none, or it is not known
// yet.
func (b *backtests) latest() *api.Compared {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

const (
	compareSpan      = 7 * 24 * time.Hour
	compareWarmUp    = 23 * 24 * time.Hour // before that, so that alerts stand as they did
	compareMaxEvents = 100_000
	compareBatch     = 100 // events
	// compareRest is how long a comparison pauses, as a multiple of the time that it works.
	compareRest = 4
)

// run compares whatever is requested until ctx ends.
func (b *backtests) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		}
		old, set := b.next()
		if old == nil {
			continue
		}
		now := time.Now()
		d, err := b.compare(ctx, now, old, set)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			b.log.Warn("the new rules could not be back-tested", "err", err)
		default:
			b.publish(ctx, now, set, d)
		}
	}
}

// compare replays the last week of the log through both, slowly.
func (b *backtests) compare(ctx context.Context, now time.Time, old, set *rules.Set) (backtest.Difference, error) {
	since := now.Add(-compareSpan)
	before := backtest.New(backtest.Options{Rules: old, Space: b.space, Since: since})
	after := backtest.New(backtest.Options{Rules: set, Space: b.space, Since: since})
	from, last := b.events.FirstSeq(), b.events.LastSeq()
	if last > compareMaxEvents {
		from = max(from, last-compareMaxEvents+1)
	}
	for from <= last {
		began := time.Now()
		events, err := b.events.ReadLog(from, compareBatch)
		if err != nil {
			return backtest.Difference{}, fmt.Errorf("reading the log: %w", err)
		}
		if len(events) == 0 {
			break
		}
		newest := &events[len(events)-1]
		from = newest.Seq + 1
		if newest.Time.Before(since.Add(-compareWarmUp)) {
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

// publish reports what new rules change: in the log, as an event, on the pages,
// and to the rules themselves if people will notice.
func (b *backtests) publish(ctx context.Context, now time.Time, set *rules.Set, d backtest.Difference) {
	text := d.String()
	b.mu.Lock()
	b.last = &api.Compared{At: now, Text: capitalised(text)}
	b.mu.Unlock()
	b.log.Info("the new rules were back-tested", "before", d.Before, "after", d.After, "difference", text)
	if err := b.note(ctx, alert.Notice{Kind: "rules-backtested", Text: text}); err != nil && !errors.Is(err, context.Canceled) {
		b.log.Warn("the back-test could not be logged", "err", err)
	}
	if !d.Large() {
		return
	}
	var louder []string
	for i := range d.Lines {
		if d.Lines[i].Large() {
			louder = append(louder, d.Lines[i].String())
		}
	}
	b.noisy(ctx, set, fmt.Sprintf("%s, it would have sent, old → new: %s", capitalised(d.Span()), strings.Join(louder[:min(len(louder), 10)], "; ")))
}

func capitalised(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
