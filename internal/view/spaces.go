package view

import (
	"slices"
	"strings"
	"time"

	"numwatch/phone"
)

// state is what numbers are counted by.
type state struct{ status, quality string }

// other stands for states beyond the limit: values are the cloud's, and what it
// makes up must not fill the memory.
var other = state{"(other)", "(other)"}

const maxStates = 1000

// spaces holds a few counts for each space.
type spaces struct {
	codes  map[state]uint16
	states []state
	totals []int // by code
	all    map[phone.SpaceKey]*tallies
	// Until the view is built: the spaces that commits brought or dropped, of
	// which the scan may still find an older roster.
	ahead map[phone.SpaceKey]bool
}

type tallies struct {
	known  bool // there is a roster
	polled int64
	by     []tally
}

type tally struct {
	code uint16
	n    uint32
}

func newSpaces() spaces {
	return spaces{codes: map[state]uint16{}, all: map[phone.SpaceKey]*tallies{}, ahead: map[phone.SpaceKey]bool{}}
}

func (s *spaces) built() { s.ahead = nil }

// code numbers a state.
func (s *spaces) code(st state) uint16 {
	if c, ok := s.codes[st]; ok {
		return c
	}
	if len(s.states) >= maxStates && st != other {
		return s.code(other)
	}
	st = state{strings.Clone(st.status), strings.Clone(st.quality)}
	c := uint16(len(s.states))
	s.codes[st] = c
	s.states = append(s.states, st)
	s.totals = append(s.totals, 0)
	return c
}

// of returns a space's counts, and makes them where there are none.
func (s *spaces) of(k phone.SpaceKey) *tallies {
	t := s.all[k]
	if t == nil {
		t = &tallies{}
		s.all[phone.SpaceKey{Account: strings.Clone(k.Account), ID: strings.Clone(k.ID)}] = t
	}
	return t
}

// put counts a committed roster in place of the one before.
func (s *spaces) put(r *phone.SpaceState) {
	counted := map[state]int{}
	for i := range r.Numbers {
		n := &r.Numbers[i].Number
		counted[state{n.Get(phone.Status), n.Get(phone.QualityRating)}]++
	}
	if s.ahead != nil {
		s.ahead[r.Space] = true
	}
	s.count(s.of(r.Space), counted)
}

// found counts a roster that the scan came upon.
func (s *spaces) found(k phone.SpaceKey, counted map[state]int) {
	if !s.ahead[k] {
		s.count(s.of(k), counted)
	}
}

func (s *spaces) count(t *tallies, counted map[state]int) {
	s.forget(t)
	t.known = true
	t.by = make([]tally, 0, len(counted))
	for st, n := range counted {
		code := s.code(st)
		s.totals[code] += n
		t.by = append(t.by, tally{code, uint32(n)})
	}
}

func (s *spaces) forget(t *tallies) {
	for _, y := range t.by {
		s.totals[y.code] -= int(y.n)
	}
	t.by = nil
}

func (s *spaces) drop(k phone.SpaceKey) {
	if s.ahead != nil {
		s.ahead[k] = true
	}
	if t := s.all[k]; t != nil {
		s.forget(t)
		delete(s.all, k)
	}
}

func (s *spaces) polled(k phone.SpaceKey, at time.Time) { s.of(k).polled = at.Unix() }

// Count is how many numbers stand in one state.
type Count struct {
	Status, QualityRating string
	Numbers               int
}

// Counts returns how many numbers stand in which state, by Status and then
// QualityRating, those that are best first.
func (v *View) Counts() []Count {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.spaces.counts(v.spaces.totals)
}

// countsOf counts the numbers of some spaces only.
func (v *View) countsOf(has func(phone.SpaceKey) bool) []Count {
	v.mu.RLock()
	defer v.mu.RUnlock()
	totals := make([]int, len(v.spaces.totals))
	for k, t := range v.spaces.all {
		if !has(k) {
			continue
		}
		for _, y := range t.by {
			totals[y.code] += int(y.n)
		}
	}
	return v.spaces.counts(totals)
}

// counts lists totals by state.
func (s *spaces) counts(totals []int) []Count {
	var all []Count
	for code, n := range totals {
		if n > 0 {
			st := s.states[code]
			all = append(all, Count{st.status, st.quality, n})
		}
	}
	slices.SortFunc(all, func(a, b Count) int {
		if c := compareValues(phone.Status, a.Status, b.Status); c != 0 {
			return c
		}
		return compareValues(phone.QualityRating, a.QualityRating, b.QualityRating)
	})
	return all
}

// compareValues orders the values of a field as they are listed, and others by
// the alphabet behind them.
func compareValues(f phone.Field, a, b string) int {
	listed := f.Values()
	place := func(v string) int {
		if i := slices.Index(listed, v); i >= 0 {
			return i
		}
		return len(listed)
	}
	if c := place(a) - place(b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// Space is what is known about one space.
type Space struct {
	Known   bool // a poll has succeeded at some time
	Numbers int
	Worst   Count     // the worst state that a number of it is in; Numbers 0: none
	Polled  time.Time // the last successful poll since the start; zero: none yet
}

// Space returns what is known about a space.
func (v *View) Space(k phone.SpaceKey) Space {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t := v.spaces.all[k]
	if t == nil {
		return Space{}
	}
	out := Space{Known: t.known}
	if t.polled != 0 {
		out.Polled = time.Unix(t.polled, 0).UTC()
	}
	for _, y := range t.by {
		out.Numbers += int(y.n)
		st := v.spaces.states[y.code]
		if c := (Count{st.status, st.quality, int(y.n)}); out.Worst.Numbers == 0 || worse(c, out.Worst) {
			out.Worst = c
		}
	}
	return out
}

// worse compares states by the worse of their two values; those off the scales
// are the best.
func worse(a, b Count) bool { return a.Badness() > b.Badness() }

// Badness is higher for what is worse.
func (c Count) Badness() int {
	status, onScale := phone.Status.Rank(c.Status)
	if !onScale {
		status = 0
	}
	quality, onScale := phone.QualityRating.Rank(c.QualityRating)
	if !onScale {
		quality = 0
	}
	// RED is as bad as RESTRICTED, YELLOW as FLAGGED.
	return 10*max(status, quality+quality/2+quality%2) + status
}
