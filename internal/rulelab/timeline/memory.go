package timeline

import (
	"maps"
	"slices"
	"sync"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// memory is what the loop needs of a store, for as long as a test lasts.
type memory struct {
	mu      sync.Mutex
	rosters map[phone.SpaceKey]phone.SpaceState
	last    uint64
}

func newMemory() *memory { return &memory{rosters: map[phone.SpaceKey]phone.SpaceState{}} }

func (m *memory) SpaceState(k phone.SpaceKey) (*phone.SpaceState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rosters[k]
	if !ok {
		return nil, nil
	}
	r.Numbers = slices.Clone(r.Numbers)
	return &r, nil
}

// Same spares the loop nothing: every poll is compared in full.
func (m *memory) Same(*phone.Snapshot) (bool, error) { return false, nil }

func (m *memory) SpacesOf(phoneNumber string) ([]phone.SpaceKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var homes []phone.SpaceKey
	for _, k := range slices.SortedFunc(maps.Keys(m.rosters), phone.SpaceKey.Compare) {
		if slices.ContainsFunc(m.rosters[k].Numbers, func(e phone.TrackedNumber) bool { return e.PhoneNumber == phoneNumber }) {
			homes = append(homes, k)
		}
	}
	return homes, nil
}

// A test begins with nothing stored.

func (m *memory) Spaces(func(phone.SpaceKey) bool) error { return nil }
func (m *memory) Alerts() ([]alert.Alert, error)         { return nil, nil }
func (m *memory) Conditions() ([]phone.Condition, error) { return nil, nil }
func (m *memory) Silences() ([]alert.Silence, error)     { return nil, nil }
func (m *memory) Checkpoint(string) ([]byte, error)      { return nil, nil }
func (m *memory) FirstSeq() uint64                       { return 1 }

func (m *memory) LastSeq() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// ReadLog is asked only where a history is trimmed, which tests have not.
func (m *memory) ReadLog(uint64, int) ([]alert.Event, error) { return nil, nil }

func (m *memory) Commit(c *store.Commit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range c.DropSpaces {
		delete(m.rosters, k)
	}
	for _, r := range c.SpaceStates {
		m.rosters[r.Space] = r
	}
	if n := len(c.Events); n > 0 {
		m.last = c.Events[n-1].Seq
	}
	return nil
}
