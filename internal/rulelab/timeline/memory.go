package timeline

import (
	"maps"
	"slices"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// memory is the store of a test, which begins with nothing in it. Only the loop
// uses it.
type memory struct {
	spaces map[phone.SpaceKey]phone.SpaceState
	last   uint64
}

// SpaceState returns a copy, as a store does.
func (m *memory) SpaceState(k phone.SpaceKey) (*phone.SpaceState, error) {
	s, ok := m.spaces[k]
	if !ok {
		return nil, nil
	}
	s.Numbers, s.Gone = slices.Clone(s.Numbers), slices.Clone(s.Gone)
	return &s, nil
}

func (m *memory) SpacesOf(phoneNumber string) (spaces []phone.SpaceKey, _ error) {
	for _, k := range slices.SortedFunc(maps.Keys(m.spaces), phone.SpaceKey.Compare) {
		if slices.ContainsFunc(m.spaces[k].Numbers, func(n phone.TrackedNumber) bool { return n.PhoneNumber == phoneNumber }) {
			spaces = append(spaces, k)
		}
	}
	return spaces, nil
}

func (m *memory) GoneFrom(phoneNumber string) (spaces []phone.SpaceKey, _ error) {
	for _, k := range slices.SortedFunc(maps.Keys(m.spaces), phone.SpaceKey.Compare) {
		s := m.spaces[k]
		if _, gone := s.FindGone(phoneNumber); gone {
			spaces = append(spaces, k)
		}
	}
	return spaces, nil
}

func (m *memory) Commit(c *store.Commit) error {
	for _, k := range c.DropSpaces {
		delete(m.spaces, k)
	}
	for _, s := range c.SpaceStates {
		m.spaces[s.Space] = s
	}
	if n := len(c.Events); n > 0 {
		m.last = c.Events[n-1].Seq
	}
	return nil
}

func (m *memory) LastSeq() uint64 { return m.last }

// Same spares the loop nothing: every poll is compared in full.
func (m *memory) Same(*phone.Snapshot) (bool, error) { return false, nil }

// What the loop reads at its start and when it trims the log: nothing.

func (m *memory) Spaces(func(phone.SpaceKey) bool) error     { return nil }
func (m *memory) Alerts() ([]alert.Alert, error)             { return nil, nil }
func (m *memory) Conditions() ([]phone.Condition, error)     { return nil, nil }
func (m *memory) Silences() ([]alert.Silence, error)         { return nil, nil }
func (m *memory) Checkpoint(string) ([]byte, error)          { return nil, nil }
func (m *memory) FirstSeq() uint64                           { return 1 }
func (m *memory) ReadLog(uint64, int) ([]alert.Event, error) { return nil, nil }
