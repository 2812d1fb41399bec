package cams

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"time"
)

// Play makes the scenario's steps happen in time, on a server that was made
// from its Config. A speed of 2 plays in half the time; it must be above 0.
// Play returns nil after the last step, and the context's error if that comes
// first; a scenario with steps for ever or a drift ends only so. A step whose
// number or space has gone meanwhile is logged and passed over.
func (s *Server) Play(ctx context.Context, sc *Scenario, speed float64) error {
	if speed <= 0 {
		return fmt.Errorf("playing a scenario: speed is %v, want more than 0", speed)
	}
	for _, a := range sc.config.Accounts {
		if err := s.withAccount(a.Name, func(*tenant) error { return nil }); err != nil {
			return fmt.Errorf("playing a scenario: %w", err)
		}
	}
	begin := time.Now()
	for agenda := sc.agenda(); len(agenda) > 0; {
		next := agenda.next()
		if err := until(ctx, begin.Add(shorten(next.at, speed))); err != nil {
			return err
		}
		if err := next.do(s, speed); err != nil {
			s.log.Warn("scenario step passed over", "at", next.at, "err", err)
		}
		agenda.advance()
	}
	return nil
}

func until(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// event is the next time at which something of the scenario happens.
type event struct {
	at   time.Duration
	do   func(s *Server, speed float64) error
	then func(at time.Duration) (next time.Duration, again bool)
}

// agenda holds what is to come, the next first; what falls on the same time
// keeps its order.
type agenda []event

func (sc *Scenario) agenda() agenda {
	var a agenda
	for i := range sc.steps {
		st := &sc.steps[i]
		a = append(a, event{at: st.at, do: st.apply, then: st.again})
	}
	if sc.drift != nil {
		w := sc.drift.wander(sc.config)
		a = append(a, event{at: sc.drift.from, do: w.move, then: w.again})
	}
	a.sort()
	return a
}

func (a agenda) sort() {
	sort.SliceStable(a, func(i, j int) bool { return a[i].at < a[j].at })
}

func (a agenda) next() event { return a[0] }

// advance takes the first event off, or puts it to its next time.
func (a *agenda) advance() {
	first := (*a)[0]
	rest := (*a)[1:]
	if at, again := first.then(first.at); again {
		first.at = at
		rest = append(rest, first)
		rest.sort()
	}
	*a = rest
}

func (st *step) again(at time.Duration) (time.Duration, bool) {
	next := at + st.every
	return next, st.every > 0 && (st.until == 0 || next <= st.until)
}

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
