package cams

import (
	"fmt"
	"maps"
	"slices"

	simfault "numwatch/internal/sim/fault"
)

// tenant is the live state of an account; the server's lock guards it.
type tenant struct {
	name   string
	key    Key
	spaces map[string]*Space
	order  []string // the spaces' ids as ListInstance shows them
	limits map[string]*simfault.Window
	tally  tally
}

func (acc *tenant) putSpace(sp Space) {
	if _, there := acc.spaces[sp.Id]; !there {
		acc.order = append(acc.order, sp.Id)
	}
	sp.Numbers = cloneNumbers(sp.Numbers)
	acc.spaces[sp.Id] = &sp
}

func (sp *Space) find(phone string) int {
	return slices.IndexFunc(sp.Numbers, func(n Number) bool { return n["PhoneNumber"] == phone })
}

// put adds a number, or replaces the one with its PhoneNumber.
func (sp *Space) put(n Number) {
	if i := sp.find(n["PhoneNumber"]); i >= 0 {
		sp.Numbers[i] = n.clone()
		return
	}
	sp.Numbers = append(sp.Numbers, n.clone())
}

// SetKey replaces an account's credential, as a rotation of keys does.
func (s *Server) SetKey(account string, k Key) error {
	return s.withAccount(account, func(acc *tenant) error {
		delete(s.byKey, acc.key.AccessKeyId)
		acc.key = k
		s.byKey[k.AccessKeyId] = acc
		return nil
	})
}

// SetSpace adds a space or replaces the one with its id.
func (s *Server) SetSpace(account string, sp Space) error {
	return s.withAccount(account, func(acc *tenant) error {
		acc.putSpace(sp)
		return nil
	})
}

// RemoveSpace takes a space away: requests for it are refused.
func (s *Server) RemoveSpace(account, space string) error {
	return s.withAccount(account, func(acc *tenant) error {
		if _, err := acc.space(space); err != nil {
			return err
		}
		delete(acc.spaces, space)
		acc.order = slices.DeleteFunc(acc.order, func(id string) bool { return id == space })
		return nil
	})
}

// SetNumber adds a number to a space or replaces the one with its PhoneNumber.
func (s *Server) SetNumber(account, space string, n Number) error {
	return s.withSpace(account, space, func(sp *Space) error {
		sp.put(n)
		return nil
	})
}

// RemoveNumber takes a number out of a space's list.
func (s *Server) RemoveNumber(account, space, phone string) error {
	return s.withNumber(account, space, phone, func(sp *Space, i int) {
		sp.Numbers = slices.Delete(sp.Numbers, i, i+1)
	})
}

// Update gives one field of a number a value; Null and Absent are special.
func (s *Server) Update(account, space, phone, field, value string) error {
	return s.withNumber(account, space, phone, func(sp *Space, i int) {
		if value == Absent {
			delete(sp.Numbers[i], field)
			return
		}
		sp.Numbers[i][field] = value
	})
}

// Numbers returns a copy of a space's numbers, in order.
func (s *Server) Numbers(account, space string) ([]Number, error) {
	var out []Number
	err := s.withSpace(account, space, func(sp *Space) error {
		for _, n := range sp.Numbers {
			out = append(out, n.clone())
		}
		return nil
	})
	return out, err
}

// Spaces returns the ids of an account's spaces, in order; none if the account
// is unknown.
func (s *Server) Spaces(account string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if acc, ok := s.accounts[account]; ok {
		return slices.Clone(acc.order)
	}
	return nil
}

func (s *Server) withAccount(name string, do func(*tenant) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	acc, ok := s.accounts[name]
	if !ok {
		return fmt.Errorf("no simulated account %q: there are %q", name, sortedKeys(s.accounts))
	}
	return do(acc)
}

func sortedKeys(m map[string]*tenant) []string { return slices.Sorted(maps.Keys(m)) }

func (acc *tenant) space(id string) (*Space, error) {
	sp, ok := acc.spaces[id]
	if !ok {
		return nil, fmt.Errorf("account %s has no simulated space %q", acc.name, id)
	}
	return sp, nil
}

func (s *Server) withSpace(account, space string, do func(*Space) error) error {
	return s.withAccount(account, func(acc *tenant) error {
		sp, err := acc.space(space)
		if err != nil {
			return err
		}
		if s.pusher == nil {
			return do(sp)
		}
		before := cloneNumbers(sp.Numbers)
		err = do(sp)
		s.pusher.changed(before, sp.Numbers)
		return err
	})
}

func (s *Server) withNumber(account, space, phone string, do func(sp *Space, i int)) error {
	return s.withSpace(account, space, func(sp *Space) error {
		i := sp.find(phone)
		if i < 0 {
			return fmt.Errorf("simulated space %s/%s has no number %q", account, space, phone)
		}
		do(sp, i)
		return nil
	})
}
