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
	"numwatch/internal/hints"
	"numwatch/internal/replica"
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
	a.client, err = NewClient(b.config, c, b.o.Release, cams.ClientOptions{Pace: pace, ClockOff: a.health.ClockOff, May: b.right.Err, Log: b.log})
	if err != nil {
		return err
	}
	b.accounts = append(b.accounts, a)
	a.poller = poller.New(poller.Options{
		Account: c.Name, Fetcher: &patientFetcher{a.client, b.right}, Pace: pace, Deliver: b.deliver, Behind: func() bool { return b.loop.Behind() }, Checkpoint: checkpoint, Health: a.health,
		MaxAge: b.config.Poll.MaxAge, MinInterval: b.config.Poll.MinInterval, Timeout: b.config.Poll.Timeout,
		HintShare: b.config.Hints.Share, HintSources: hints.Sources(),
		Seed: rand.Uint64(), Log: b.log, Metrics: b.registry,
	})
	if err := b.restoreSpaces(a); err != nil {
		return err
	}
	return b.makeDiscovery(a)
}

// listedSpaces are those of config.yaml and spaces_file. Invalid lines of the file
// are logged.
func (b *Bot) listedSpaces(a *account, read func(string) ([]byte, error)) ([]phone.Space, error) {
	listed, problems, err := a.config.Fleet(read)
	for _, p := range problems {
		b.log.Warn("a line of the spaces file is ignored", "account", a.name, "err", p)
	}
	return listed, err
}

// updateSpaces makes the spaces of an account known to the loop, then to its
// poller: those that the configuration lists, those that were discovered, and
// those that are missing.
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

// complete reports whether the list is complete, so that other spaces may be
// forgotten: with discovery, it succeeded recently. An empty list is more likely a
// file that is being written.
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
		err = errors.New("it lists no space")
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

// How often the schedule of an account is saved: with replicas each time is a record of their log.
const (
	checkpointEvery      = time.Minute
	checkpointOfReplicas = 10 * time.Minute
)

func checkpointName(account string) string { return filepath.Join("poller", account) }

// saveCheckpoints saves the account's schedule from time to time.
func (b *Bot) saveCheckpoints(ctx context.Context, a *account) error {
	interval := checkpointEvery
	if b.o.Lead != nil {
		interval = checkpointOfReplicas
	}
	return every(ctx, interval, func() {
		if err := b.saveCheckpoint(ctx, a); err != nil && ctx.Err() == nil {
			b.log.Warn("the schedule could not be saved", "account", a.name, "err", err)
		}
	})
}

// patientFetcher waits for the right to act before a poll takes its turn: a poll that is stopped at the last
// moment would count as failed.
type patientFetcher struct {
	*cams.Client
	right *replica.Right
}

func (f *patientFetcher) Ready(ctx context.Context) error {
	if err := f.right.Wait(ctx); err != nil {
		return err
	}
	return f.Client.Ready(ctx)
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

// NewClient returns a client of one account as it is configured; the rest of its
// options are the caller's.
func NewClient(c *config.Config, a *config.Account, release string, o cams.ClientOptions) (*cams.Client, error) {
	cr := a.Credentials
	o.Account, o.Region, o.Endpoint = a.Name, a.Region, a.Endpoint
	o.UserAgent, o.Timeout = "numwatch/"+release, c.Poll.Timeout
	o.Credentials = cams.Credentials{
		Type: cr.Type, AccessKeyId: cr.AccessKeyId, AccessKeySecret: cr.AccessKeySecret.Reveal(),
		SecurityToken: cr.SecurityToken.Reveal(), RoleName: cr.RoleName, RoleArn: cr.RoleArn,
		RoleSessionName: cr.RoleSessionName, ExternalId: cr.ExternalId, Policy: cr.Policy,
		OidcProviderArn: cr.OidcProviderArn, OidcTokenFile: cr.OidcTokenFile,
		StsEndpoint: cr.StsEndpoint, URL: cr.URL.Reveal(),
	}
	return cams.NewClient(o)
}
