package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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

// discovery is what an account itself names as its spaces. Only the last good
// list counts: a failure changes nothing. It is safe for concurrent use.
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
	Spaces []foundSpace `json:"spaces"`
}

type foundSpace struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// add returns the listed spaces with those that were found and are wanted. What
// the configuration says of a space goes before what the cloud says.
func (d *discovery) add(account string, listed []phone.Space) []phone.Space {
	d.mu.Lock()
	defer d.mu.Unlock()
	fleet := slices.Clone(listed)
	at := make(map[string]int, len(listed))
	for i, s := range listed {
		at[s.ID] = i
	}
	for _, f := range d.last.Spaces {
		if i, ok := at[f.ID]; ok {
			if fleet[i].Name == "" {
				fleet[i].Name = f.Name
			}
		} else if d.wanted.Wants(f.ID, f.Name) {
			fleet = append(fleet, phone.Space{SpaceKey: phone.SpaceKey{Account: account, ID: f.ID}, Name: f.Name})
		}
	}
	return fleet
}

// count is how many spaces of the last good list are wanted.
func (d *discovery) count() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.last.Spaces {
		if d.wanted.Wants(f.ID, f.Name) {
			n++
		}
	}
	return n
}

// status tells how it goes; nil where it is not enabled.
func (d *discovery) status() *api.DiscoveryStatus {
	if d == nil {
		return nil
	}
	s := &api.DiscoveryStatus{Spaces: d.count()}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.At = d.last.At
	if d.err != nil {
		s.Error = d.err.Error()
	}
	return s
}

func (d *discovery) failed(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	d.failures++
}

// take makes a list the last good one. An empty one after another that was not
// is more likely a fault of the answer than the truth.
func (d *discovery) take(found []phone.Space, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(found) == 0 && len(d.last.Spaces) > 0 {
		return fmt.Errorf("the cloud lists no space where it listed %d before; take discover out of config.yaml if that is true", len(d.last.Spaces))
	}
	d.last = foundList{At: now}
	for _, s := range found {
		d.last.Spaces = append(d.last.Spaces, foundSpace{s.ID, s.Name})
	}
	d.err, d.failures = nil, 0
	return nil
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

// fresh reports whether the last good list need not be asked for again yet. An
// older one, of a run long ago, may lack what came since.
func (d *discovery) fresh(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(d.last.At.Add(discoverEvery))
}

// encode and decode are for the checkpoint.
func (d *discovery) encode() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return json.Marshal(d.last)
}

func (d *discovery) decode(b []byte) error {
	var last foundList
	if err := json.Unmarshal(b, &last); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = last
	return nil
}

func discoveryName(account string) string { return filepath.Join("discover", account) }

// resumeDiscovery takes over the list of an earlier run, so that its spaces are
// polled at once, even if the cloud does not list them now.
func (b *Bot) resumeDiscovery(a *account) error {
	if !a.config.Discover.Enabled {
		return nil
	}
	a.discovery = &discovery{wanted: &a.config.Discover, again: make(chan struct{}, 1)}
	saved, err := b.store.Checkpoint(discoveryName(a.name))
	if err != nil {
		return err
	}
	if saved != nil {
		if err := a.discovery.decode(saved); err != nil {
			b.log.Warn("the spaces that were found before are forgotten", "account", a.name, "err", err)
		}
	}
	labels := prometheus.Labels{"account": a.name}
	b.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "numwatch_discovered_spaces", Help: "Spaces that the account's last good list names and that are wanted.", ConstLabels: labels,
		}, func() float64 { return float64(a.discovery.count()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "numwatch_discovery_failed", Help: "1 if the last try to list the account's spaces failed.", ConstLabels: labels,
		}, func() float64 {
			if a.discovery.status().Error != "" {
				return 1
			}
			return 0
		}),
	)
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
	err := b.find(ctx, a)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		a.discovery.failed(err)
		b.log.Error("the account's spaces could not be listed, the last good list goes on", "account", a.name, "err", err)
		return
	}
	b.log.Info("the account's spaces were listed", "account", a.name, "wanted", a.discovery.count(), "spaces", a.poller.Status().Plan.Spaces)
}

func (b *Bot) find(ctx context.Context, a *account) error {
	found, err := a.client.ListInstance(ctx)
	if err != nil {
		return err
	}
	if err := a.discovery.take(found, time.Now()); err != nil {
		return err
	}
	if err := b.updateSpaces(ctx, a); err != nil {
		return err
	}
	list, err := a.discovery.encode()
	if err != nil {
		return fmt.Errorf("encoding the list: %w", err)
	}
	if err := b.loop.Save(ctx, discoveryName(a.name), list); err != nil {
		return errors.Join(errors.New("the list was taken over but not kept for a restart"), err)
	}
	return nil
}

// ListSpaces returns the listed spaces with those that the account itself names.
func ListSpaces(ctx context.Context, client *cams.Client, a *config.Account, listed []phone.Space) ([]phone.Space, error) {
	found, err := client.ListInstance(ctx)
	if err != nil {
		return nil, err
	}
	d := discovery{wanted: &a.Discover}
	if err := d.take(found, time.Now()); err != nil {
		return nil, err
	}
	return d.add(a.Name, listed), nil
}
