package bot

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
	"numwatch/store"
)

const (
	// storeComponent is the store as a part of the bot: what is wrong with it becomes
	// one alert, which the next start without new damage resolves.
	storeComponent = "store"
	codeDamaged    = "records_damaged"
	codeLost       = "store_lost"

	// checkWithin bounds how long a start waits for the check of the store's pages. What
	// takes longer is a store of gigabytes, or a cold disk.
	checkWithin = time.Second

	// damageSettles is how long to wait for more after damage was found, so that what
	// is found together is told together.
	damageSettles = time.Second
	maxLostSpaces = 5 // that a text names
)

// damage tells people what of the store is damaged or lost. Records are found by
// whoever reads them, so that finding only takes a note; run tells.
type damage struct {
	log  *slog.Logger
	wake notify.Signal

	mu      sync.Mutex
	buckets map[string]int
	spaces  []string // whose state is lost, the first few
	earlier string   // what is wrong if the whole store is lost
}

func newDamage(log *slog.Logger) *damage {
	return &damage{log: log, wake: notify.NewSignal(), buckets: map[string]int{}}
}

// found notes a damaged record.
func (d *damage) found(r store.DamagedError) {
	d.log.Error("a record of the store is damaged and is set aside", "bucket", r.Bucket, "key", r.Key, "err", r.Err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.buckets[r.Bucket]++
	if r.Bucket == "spaces" && len(d.spaces) < maxLostSpaces {
		d.spaces = append(d.spaces, strings.Replace(r.Key, "\x00", "/", 1))
	}
	d.wake.Send()
}

// lost notes that the store is new although there was one before.
func (d *damage) lost(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.earlier == text {
		return
	}
	d.log.Error("the store is new, but nats holds events of an earlier one", "err", text)
	d.earlier = text
	d.wake.Send()
}

// checkStore looks at the pages of the store before it is opened: a damaged one is
// neither read nor written.
func (b *Bot) checkStore() error {
	if b.o.CheckStore == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkWithin)
	defer cancel()
	return b.o.CheckStore(ctx, b.config.Store.Path)
}

// problem says what is wrong; "" if nothing is.
func (d *damage) problem() (code, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.earlier != "" {
		return codeLost, d.earlier
	}
	if len(d.buckets) == 0 {
		return "", ""
	}
	total, counts := 0, []string{}
	for _, bucket := range slices.Sorted(maps.Keys(d.buckets)) {
		total += d.buckets[bucket]
		counts = append(counts, fmt.Sprintf("%s: %d", bucket, d.buckets[bucket]))
	}
	text = fmt.Sprintf("%s of the store found damaged and set aside (%s).", phone.Count(total, "record"), strings.Join(counts, ", "))
	if n := d.buckets["spaces"]; n > 0 {
		named := strings.Join(d.spaces, ", ")
		if n > len(d.spaces) {
			named += " and others"
		}
		text += " Spaces seen as if for the first time: " + named + "."
	}
	return codeDamaged, text + " Everything else works. Check the disk; the log names the records."
}

// run tells what was found, in the log of events and as one alert, until ctx ends.
// What it commits sets damaged records aside.
func (d *damage) run(ctx context.Context, r notify.Recorder, note func(context.Context, alert.Notice) error) error {
	state, said := notify.NewSinkState(storeComponent, r, d.log), ""
	for {
		code, text := d.problem()
		if text != said {
			if err := note(ctx, alert.Notice{Kind: "record-damaged", Text: text}); err != nil && ctx.Err() == nil {
				return fmt.Errorf("noting that the store is damaged: %w", err)
			}
			said = text
		}
		if text != "" {
			state.Park(ctx, code, text)
		} else {
			state.Works(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		}
		select {
		case <-ctx.Done():
		case <-time.After(damageSettles):
		}
	}
}
