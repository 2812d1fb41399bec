package watch

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"numwatch/phone"
)

// Directory knows the spaces of the configuration by key. It is safe for
// concurrent use; only the loop changes it.
type Directory struct {
	mu       sync.RWMutex
	spaces   map[phone.SpaceKey]*phone.Space // into accounts
	accounts map[string][]phone.Space        // as they were set last
}

// NewDirectory returns one without spaces.
func NewDirectory() *Directory {
	return &Directory{spaces: map[phone.SpaceKey]*phone.Space{}, accounts: map[string][]phone.Space{}}
}

// Space returns a space as configured; of an unknown one, or of an account,
// just the key.
func (d *Directory) Space(k phone.SpaceKey) phone.Space {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s, ok := d.spaces[k]; ok {
		return *s
	}
	return phone.Space{SpaceKey: k}
}

// Has reports whether the space is configured.
func (d *Directory) Has(k phone.SpaceKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.spaces[k]
	return ok
}

// hasAccount reports whether the account is configured, with spaces or without.
func (d *Directory) hasAccount(name string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.accounts[name]
	return ok
}

// accountNames returns the names of the accounts, in order. Only the loop calls it.
func (d *Directory) accountNames() []string { return slices.Sorted(maps.Keys(d.accounts)) }

// All returns every space, in no order.
func (d *Directory) All() []phone.Space {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Concat(slices.Collect(maps.Values(d.accounts))...)
}

// Keys yields every space's key, in no order. The directory must not be changed
// meanwhile, which only the loop does.
func (d *Directory) Keys() iter.Seq[phone.SpaceKey] { return maps.Keys(d.spaces) }

// replace sets the spaces of an account and returns those that joined and those
// that left.
func (d *Directory) replace(account string, spaces []phone.Space) (joined, left []phone.SpaceKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := make(map[phone.SpaceKey]bool, len(spaces))
	for i := range spaces {
		k := spaces[i].SpaceKey
		if _, known := d.spaces[k]; !known {
			joined = append(joined, k)
		}
		kept[k] = true
		d.spaces[k] = &spaces[i]
	}
	for i := range d.accounts[account] {
		if k := d.accounts[account][i].SpaceKey; !kept[k] {
			left = append(left, k)
			delete(d.spaces, k)
		}
	}
	d.accounts[account] = spaces
	return joined, left
}
