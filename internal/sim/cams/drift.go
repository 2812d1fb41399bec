package cams

import (
	"math/rand/v2"
	"time"
)

// drift is an endless mix of small changes, one every so often.
type drift struct {
	from, every time.Duration
	moves       []move
	total       int // of the weights
}

// move takes one field of some number from a value to another.
type move struct {
	field, from, to string
	restore         bool // to is the value that the number began with
	weight          int
}

// wanderer is a drift on its way.
type wanderer struct {
	*drift
	chance *rand.Rand
	begin  map[numberKey]Number
}

type numberKey struct{ account, space, phone string }

func (d *drift) wander(c Config) *wanderer {
	w := &wanderer{drift: d, chance: rand.New(rand.NewPCG(c.Seed, 0xd1)), begin: map[numberKey]Number{}}
	for _, a := range c.Accounts {
		for _, sp := range a.Spaces {
			for _, n := range sp.Numbers {
				w.begin[numberKey{a.Name, sp.Id, n["PhoneNumber"]}] = n
			}
		}
	}
	return w
}

// again spreads the moves between half and one and a half of the interval.
func (w *wanderer) again(at time.Duration) (time.Duration, bool) {
	return at + w.every/2 + time.Duration(w.chance.Int64N(int64(w.every)+1)), true
}

// move draws a kind of move by weight and a number to make it on. Where no
// number fits, nothing changes this time.
func (w *wanderer) move(s *Server, _ float64) error {
	m := w.draw()
	fitting := s.withField(m)
	if len(fitting) == 0 {
		return nil
	}
	k := fitting[w.chance.IntN(len(fitting))]
	to := m.to
	if m.restore {
		began, ok := w.begin[k]
		if !ok {
			return nil // it was added on the way
		}
		to = began[m.field]
	}
	return s.Update(k.account, k.space, k.phone, m.field, to)
}

func (w *wanderer) draw() move {
	n := w.chance.IntN(w.total)
	for _, m := range w.moves {
		if n -= m.weight; n < 0 {
			return m
		}
	}
	return w.moves[len(w.moves)-1]
}

// withField finds the numbers on which the move would change something.
func (s *Server) withField(m move) []numberKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []numberKey
	for _, name := range sortedKeys(s.accounts) {
		acc := s.accounts[name]
		for _, id := range acc.order {
			for _, n := range acc.spaces[id].Numbers {
				if is := n[m.field]; is != m.to && (m.from == "" || is == m.from) {
					out = append(out, numberKey{name, id, n["PhoneNumber"]})
				}
			}
		}
	}
	return out
}
