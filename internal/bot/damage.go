package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"numwatch/alert"
	"numwatch/internal/watch"
	"numwatch/notify"
	"numwatch/phone"
	"numwatch/store"
)

const (
	// storeComponent is the store as a component: damage becomes one alert, which the
	// next start without new damage resolves.
	storeComponent = "store"
	codeDamaged    = "records_damaged"
	codeRecovered  = "store_recovered"
	codeLost       = "store_lost"

	// checkWithin bounds how long a start waits for the check of the store's pages: a
	// gigabyte takes a second, or as long as it takes to read it from the disk.
	checkWithin = 10 * time.Second
	// recheckWithin bounds the check where it is known that something is damaged.
	recheckWithin = 5 * time.Minute

	// damageSettles is how long to wait for more damage, so that it is reported
	// together.
	damageSettles = time.Second
	maxLostSpaces = 5 // that a text names
)

// damage reports what of the store is damaged or lost. Any reader may find a
// record, so found only takes a note, and run reports it.
type damage struct {
	log  *slog.Logger
	wake notify.Signal

	mu        sync.Mutex
	buckets   map[string]int
	spaces    []string // whose state is lost, the first few
	recovered string   // what was done about damaged pages
	earlier   string   // what is wrong if the whole store is lost
}

// recoverStore looks at the pages of a store that nobody has open and puts what can be read
// of a damaged one in its place, as maintain.Verifier.Recover does; nil does nothing.
type recoverStore func(ctx context.Context, path string) (done string, err error)

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

// open opens the store, after what can be read of a damaged one was put in its place.
func (d *damage) open(path string, recovers recoverStore) (*store.Store, error) {
	if err := d.recover(path, recovers, checkWithin); err != nil {
		return nil, err
	}
	o := store.Options{Damaged: d.found}
	s, err := store.Open(path, o)
	if store.Corrupt(err) { // the check did not get that far
		if err := d.recover(path, recovers, recheckWithin); err != nil {
			return nil, err
		}
		s, err = store.Open(path, o)
	}
	if err != nil {
		return nil, err
	}
	if err := d.takeRecovered(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (d *damage) recover(path string, recovers recoverStore, within time.Duration) error {
	if recovers == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	done, err := recovers(ctx, path)
	if done != "" {
		d.log.Error("the store was damaged and has been recovered", "err", done)
	}
	return err
}

// takeRecovered notes what a recovery has done, to be reported. Its log may end before
// the cursor of NATS, or have lost that: publishing goes on at the end of what is
// left, as consumers need no history twice.
func (d *damage) takeRecovered(s *store.Store) error {
	text, err := s.Checkpoint(store.RecoveredCheckpoint)
	if err != nil || text == nil {
		return err
	}
	d.recovered = string(text)
	cursor, err := storedCursor(s)
	if err != nil || cursor.Seq > 0 && cursor.Seq <= s.LastSeq() {
		return err
	}
	end, err := json.Marshal(alert.Cursor{Seq: s.LastSeq()})
	if err != nil {
		return err
	}
	return s.Commit(&store.Commit{Checkpoints: map[string][]byte{watch.CursorCheckpoint: end}})
}

// problem says what is wrong; "" if nothing is.
func (d *damage) problem() (code, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.earlier != "" {
		return codeLost, d.earlier
	}
	if len(d.buckets) == 0 && d.recovered != "" {
		return codeRecovered, d.recovered
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
	text += " Everything else works. Check the disk; the log names the records."
	if d.recovered != "" {
		return codeRecovered, d.recovered + " " + text
	}
	return codeDamaged, text
}

// run tells what was found, in the log of events and as one alert, until ctx ends.
// What it commits sets damaged records aside. Once a recovery has been told, forget has the
// store forget it.
func (d *damage) run(ctx context.Context, r notify.Recorder, note func(context.Context, alert.Notice) error, forget func(context.Context) error) error {
	state, said := notify.NewSinkState(storeComponent, r, d.log), ""
	for {
		code, text := d.problem()
		if text != said {
			if err := note(ctx, alert.Notice{Kind: "record-damaged", Text: text}); err != nil && ctx.Err() == nil {
				return fmt.Errorf("recording that the store is damaged: %w", err)
			}
			said = text
		}
		if text != "" {
			state.Park(ctx, code, text)
			if code == codeRecovered {
				if err := forget(ctx); err != nil && ctx.Err() == nil {
					return fmt.Errorf("recording that the recovery of the store was reported: %w", err)
				}
			}
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
