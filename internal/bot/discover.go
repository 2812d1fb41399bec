package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"numwatch/internal/config"
	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/web/api"
)

const (
	// discoverEvery is how often an account is asked for its spaces.
	discoverEvery = time.Hour
	// discoverAgain is how long to wait after a first failure; each further one
	// doubles it, up to discoverEvery.
	discoverAgain = time.Minute
)

// discovery is the account's own list of its spaces. Only the last good list
// counts: a failure changes nothing. It is safe for concurrent use.
type discovery struct {
	wanted *config.Discover
	again  chan struct{} // asks for a try now

	mu       sync.Mutex
	last     foundList
	err      error // of the last try
	failures int   // in a row
}

// foundList is a list as it is kept over a restart.
type foundList struct {
	At     time.Time    `json:"at"` // zero: there is none
	Spaces []savedSpace `json:"spaces"`
}

// newDiscovery takes over the list of an earlier run, so that its spaces are
// polled at once, even if the cloud does not list them now.
func newDiscovery(wanted *config.Discover, saved []byte) (*discovery, error) {
	d := &discovery{wanted: wanted, again: make(chan struct{}, 1)}
	if saved == nil {
		return d, nil
	}
	var last foundList
	if err := json.Unmarshal(saved, &last); err != nil {
		return d, err
	}
	d.last = last
	return d, nil
}

// add returns the listed spaces with those that were found and are wanted. The
// configuration takes precedence over the cloud.
func (d *discovery) add(account string, listed []phone.Space) []phone.Space {
	d.mu.Lock()
	defer d.mu.Unlock()
	spaces := slices.Clone(listed)
	at := make(map[string]int, len(listed))
	for i, s := range listed {
		at[s.ID] = i
	}
	for _, f := range d.last.Spaces {
		if i, ok := at[f.ID]; ok {
			spaces[i].Name = cmp.Or(spaces[i].Name, f.Name)
		} else if d.wanted.Wants(f.ID, f.Name) {
			spaces = append(spaces, f.in(account))
		}
	}
	return spaces
}

// status says how many spaces of the last good list are wanted, and whether the
// last try failed; nil where discovery is not enabled.
func (d *discovery) status() *api.DiscoveryStatus {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &api.DiscoveryStatus{At: d.last.At}
	for _, f := range d.last.Spaces {
		if d.wanted.Wants(f.ID, f.Name) {
			s.Spaces++
		}
	}
	if d.err != nil {
		s.Error = d.err.Error()
	}
	return s
}

func (d *discovery) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	d.failures++
}

// take makes a list the last good one, and returns it for a restart. An empty
// list after another that was not is more likely a fault of the answer than the
// truth.
func (d *discovery) take(found []phone.Space, now time.Time) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(found) == 0 && len(d.last.Spaces) > 0 {
		return nil, fmt.Errorf("the cloud lists no spaces, but listed %d before; remove discover from config.yaml if that is correct", len(d.last.Spaces))
	}
	d.last = foundList{At: now}
	for _, s := range found {
		d.last.Spaces = append(d.last.Spaces, savedSpace{ID: s.ID, Name: s.Name})
	}
	d.err, d.failures = nil, 0
	return json.Marshal(d.last)
}

// wait is how long until the next try.
func (d *discovery) wait(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failures > 0 {
		wait := min(discoverAgain<<min(d.failures-1, 10), discoverEvery)
		return wait/2 + rand.N(wait/2)
	}
	return max(d.last.At.Add(discoverEvery).Sub(now), 0)
}

// fresh reports whether the last good list is recent enough. An older one, from a
// run long ago, may lack newer spaces.
func (d *discovery) fresh(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(d.last.At.Add(discoverEvery))
}

func discoveryName(account string) string { return filepath.Join("discover", account) }

func (b *Bot) makeDiscovery(a *account) error {
	if !a.config.Discover.Enabled {
		return nil
	}
	saved, err := b.store.Checkpoint(discoveryName(a.name))
	if err != nil {
		return err
	}
	if a.discovery, err = newDiscovery(&a.config.Discover, saved); err != nil {
		b.log.Warn("the spaces found by the last run could not be read and are ignored", "account", a.name, "err", err)
	}
	return nil
}

// discoverSpaces asks the account for its spaces from time to time, and when it
// is asked to.
func (b *Bot) discoverSpaces(ctx context.Context, a *account) error {
	for {
		next := time.NewTimer(a.discovery.wait(time.Now()))
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-a.discovery.again:
		case <-next.C:
		}
		next.Stop()
		b.discover(ctx, a)
	}
}

// discover asks the account for its spaces and takes the list over. What fails
// changes nothing.
func (b *Bot) discover(ctx context.Context, a *account) {
	if b.right.Wait(ctx) != nil {
		return
	}
	err := b.updateDiscovered(ctx, a)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		a.discovery.fail(err)
		b.log.Error("the account's spaces could not be listed, the last good list stays in use", "account", a.name, "err", err)
		return
	}
	b.log.Info("the account's spaces were listed", "account", a.name, "wanted", a.discovery.status().Spaces, "spaces", a.poller.Status().Plan.Spaces)
}

func (b *Bot) updateDiscovered(ctx context.Context, a *account) error {
	found, err := a.client.ListInstance(ctx)
	if err != nil {
		return err
	}
	list, err := a.discovery.take(found, time.Now())
	if err != nil {
		return err
	}
	if err := b.updateSpaces(ctx, a); err != nil {
		return err
	}
	if err := b.loop.Save(ctx, discoveryName(a.name), list); err != nil {
		return fmt.Errorf("the list is in use, but could not be saved for the next start: %w", err)
	}
	return nil
}

// ListSpaces returns the listed spaces with those that the account itself names.
func ListSpaces(ctx context.Context, client *cams.Client, a *config.Account, listed []phone.Space) ([]phone.Space, error) {
	found, err := client.ListInstance(ctx)
	if err != nil {
		return nil, err
	}
	d, _ := newDiscovery(&a.Discover, nil)
	if _, err := d.take(found, time.Now()); err != nil {
		return nil, err
	}
	return d.add(a.Name, listed), nil
}
