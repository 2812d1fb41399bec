package bot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"numwatch/internal/config"
	"numwatch/internal/filewatch"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
	"numwatch/poller/health"
	"numwatch/poller/ratelimit"
	"numwatch/poller/schedule"
	"numwatch/web/api"
)

// account is the polling of one account, and which spaces it has.
type account struct {
	name   string
	config *config.Account
	client *cams.Client
	poller *poller.Poller
	health *health.Account

	discovery *discovery // nil where it is not enabled
	missing   atomic.Pointer[api.MissingSpaces]

	updating sync.Mutex    // held while the spaces change; guards what follows
	listed   []phone.Space // by config.yaml and spaces_file
	watched  watchlist
	saved    [sha256.Size]byte // of the watchlist that a restart finds
	partial  bool              // there may be spaces that are not known yet
}

func (b *Bot) makeAccounts() error {
	for i := range b.config.Accounts {
		if err := b.makeAccount(&b.config.Accounts[i]); err != nil {
			return fmt.Errorf("account %s: %w", b.config.Accounts[i].Name, err)
		}
	}
	return nil
}

func (b *Bot) makeAccount(c *config.Account) error {
	a := &account{name: c.Name, config: c}
	seen := filewatch.Digest(c.SpacesFile)
	listed, err := b.listedSpaces(a, os.ReadFile)
	if err != nil {
		return err
	}
	a.listed = listed
	if c.SpacesFile != "" {
		b.files.Add(c.SpacesFile, seen, func(ctx context.Context, data []byte, err error) error {
			return b.takeSpaces(ctx, a, func(string) ([]byte, error) { return data, err })
		})
	}
	pace := ratelimit.NewPace(c.RequestsPerSecond)
	pace.Hold()
	checkpoint, err := b.store.Checkpoint(checkpointName(c.Name))
	if err != nil {
		return err
	}
	conditions, err := b.store.Conditions()
	if err != nil {
		return err
	}
	a.health = health.New(c.Name, conditions)
	a.client, err = NewClient(b.config, c, b.o.Release, cams.ClientOptions{Pace: pace, ClockOff: a.health.ClockOff, Log: b.log})
	if err != nil {
		return err
	}
	b.accounts = append(b.accounts, a)
	a.poller = poller.New(poller.Options{
		Account: c.Name, Fetcher: a.client, Pace: pace, Deliver: b.deliver, Checkpoint: checkpoint, Health: a.health,
		MaxAge: b.config.Poll.MaxAge, MinInterval: b.config.Poll.MinInterval, Timeout: b.config.Poll.Timeout,
		Seed: rand.Uint64(), Log: b.log, Metrics: b.registry,
	})
	if err := b.restoreSpaces(a); err != nil {
		return err
	}
	return b.makeDiscovery(a)
}

// listedSpaces are those of config.yaml and spaces_file. What is wrong with a line
// of the file is logged.
func (b *Bot) listedSpaces(a *account, read func(string) ([]byte, error)) ([]phone.Space, error) {
	listed, problems, err := a.config.Fleet(read)
	for _, p := range problems {
		b.log.Warn("a line of the spaces file is ignored", "account", a.name, "err", p)
	}
	return listed, err
}

// updateSpaces makes the spaces of an account known to the loop, then to its
// poller: those that the configuration lists, those that the account names
// itself, and those that are missing.
func (b *Bot) updateSpaces(ctx context.Context, a *account) error {
	a.updating.Lock()
	defer a.updating.Unlock()
	return b.watchListed(ctx, a)
}

// watchListed is updateSpaces with updating held.
func (b *Bot) watchListed(ctx context.Context, a *account) error {
	listed, now := a.listed, time.Now()
	if a.discovery != nil {
		listed = a.discovery.add(a.name, a.listed)
	}
	began, returned, gone := a.watched.update(listed, now)
	a.publishMissing()
	wasPartial := a.partial
	a.partial = !a.complete(listed, now)
	set := b.loop.SetSpaces
	if a.partial {
		set = b.loop.SetPartialSpaces
	}
	if err := set(ctx, a.name, a.watched.spaces); err != nil {
		return err
	}
	keys := make([]phone.SpaceKey, len(a.watched.spaces))
	for i, s := range a.watched.spaces {
		keys[i] = s.SpaceKey
	}
	a.poller.SetSpaces(keys)
	b.tellMissing(ctx, a, began, returned, gone)
	if wasPartial && !a.partial {
		b.forgetUnlisted(ctx)
	}
	return b.saveSpaces(ctx, a)
}

// complete reports whether the account has no other spaces, so that those may be
// forgotten: where it is asked for them, it has named them lately. A list
// without any is more likely a file that somebody is writing.
func (a *account) complete(spaces []phone.Space, now time.Time) bool {
	if a.discovery != nil {
		return a.discovery.fresh(now)
	}
	return len(spaces) > 0
}

// forgetUnlisted forgets the spaces that left the configuration while the bot was
// not running.
func (b *Bot) forgetUnlisted(ctx context.Context) {
	switch forgotten, err := b.loop.ForgetUnlisted(ctx); {
	case ctx.Err() != nil: // the next start goes on
	case err != nil:
		b.log.Warn("spaces that are no longer watched could not be deleted from the store; the next start tries again", "err", err)
	case forgotten > 0:
		b.log.Info("spaces that are no longer watched were deleted from the store", "spaces", forgotten)
	}
}

// takeSpaces takes over a changed list. What cannot be read changes nothing.
func (b *Bot) takeSpaces(ctx context.Context, a *account, read func(string) ([]byte, error)) error {
	listed, err := b.listedSpaces(a, read)
	if err == nil && len(listed) == 0 && a.discovery == nil {
		err = errors.New("it names no space")
	}
	if err == nil {
		a.updating.Lock()
		a.listed = listed
		a.updating.Unlock()
		err = b.updateSpaces(ctx, a)
	}
	if err != nil {
		b.log.Error("the spaces file could not be applied, the last good list stays in use", "account", a.name, "file", a.config.SpacesFile, "err", err)
		return err
	}
	if a.missing.Load() == nil {
		b.log.Info("the spaces file was applied", "account", a.name, "spaces", len(listed))
	}
	return nil
}

// checkpointEvery is how often the schedule of an account is saved.
const checkpointEvery = time.Minute

func checkpointName(account string) string { return filepath.Join("poller", account) }

// saveCheckpoints saves the account's schedule from time to time.
func (b *Bot) saveCheckpoints(ctx context.Context, a *account) error {
	return every(ctx, checkpointEvery, func() {
		if err := b.saveCheckpoint(ctx, a); err != nil && ctx.Err() == nil {
			b.log.Warn("the schedule could not be saved", "account", a.name, "err", err)
		}
	})
}

// every does something from time to time until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			do()
		}
	}
}

func (b *Bot) saveCheckpoint(ctx context.Context, a *account) error {
	checkpoint, err := a.poller.Checkpoint()
	if err != nil {
		return err
	}
	return b.loop.Save(ctx, checkpointName(a.name), checkpoint)
}

// deliver hands the result of a poll to the loop, and tells the view when the space
// was polled.
func (b *Bot) deliver(ctx context.Context, r poller.Result) (schedule.Outcome, error) {
	out, err := b.loop.Deliver(ctx, r)
	if err == nil && r.Err == nil && b.directory.Has(r.Space) {
		b.view.Polled(r.Space, r.At)
	}
	return out, err
}
