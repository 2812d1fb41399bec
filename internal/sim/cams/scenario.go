package cams

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"numwatch/internal/yamldoc"
)

// Scenario is a simulated cloud's beginning and how it changes over time. It is
// never modified once parsed; demo.yaml shows the format.
type Scenario struct {
	config Config
	steps  []step
	drift  *drift
}

// ParseScenario reads a scenario in YAML; name is the file's in messages. It is
// strict: errors name file, line and column.
func ParseScenario(name string, data []byte) (*Scenario, error) {
	r := reader{yamldoc.Parse(name, data, yamldoc.Options{MayBeEmpty: true})}
	if r.Failed() {
		return nil, r.Problems()
	}
	c := compiler{Reader: r.Reader, file: r.file(r.Root())}
	if r.Failed() { // compiling would report what follows from it
		return nil, r.Problems()
	}
	s := c.compile()
	if r.Failed() {
		return nil, r.Problems()
	}
	return s, nil
}

// Config is the state in which the scenario begins, for New. Clock and Log are
// the caller's to set.
func (s *Scenario) Config() Config {
	c := s.config
	c.Accounts = slices.Clone(c.Accounts)
	if c.Push != nil {
		push := *c.Push
		c.Push = &push
	}
	for i, a := range c.Accounts {
		c.Accounts[i].Spaces = cloneSpaces(a.Spaces)
	}
	return c
}

func cloneSpaces(spaces []Space) []Space {
	spaces = slices.Clone(spaces)
	for i := range spaces {
		spaces[i].Numbers = cloneNumbers(spaces[i].Numbers)
	}
	return spaces
}

// step is something that happens at a time, once or again and again. As written,
// account may be left out where there is one, and add lacks what is generated.
type step struct {
	at, every, until time.Duration // every 0: once; until 0: for ever
	account          string
	space            string // its id, or as written its name; "" for the whole account
	number           string // as written: PhoneNumber, position from 1, or "all"
	set              Number
	unset            []string
	add              Number
	remove, restore  bool
	rename           string // of the space
	fault            *Fault
	place            yamldoc.Position

	// What the compiler finds for number.
	numbers []string // the PhoneNumbers that are changed
	begun   []Number // to be restored to
}

// apply makes the step happen; speed shortens the time that a fault lasts. What
// it does to a space's numbers shows in one answer, never half of it.
func (st *step) apply(s *Server, speed float64) error {
	if st.fault != nil {
		f := *st.fault
		f.For = shorten(f.For, speed)
		s.Inject(f)
	}
	if st.space == "" {
		return nil
	}
	return s.withSpace(st.account, st.space, func(sp *Space) error {
		if st.rename != "" {
			sp.Name = st.rename
		}
		for _, n := range st.begun {
			sp.put(n)
		}
		if st.add != nil {
			sp.put(st.add)
		}
		var errs []error
		for _, phone := range st.numbers {
			errs = append(errs, st.change(sp, phone))
		}
		return errors.Join(errs...)
	})
}

func (st *step) change(sp *Space, phone string) error {
	i := sp.find(phone)
	switch {
	case i < 0:
		return fmt.Errorf("simulated space %s/%s has no number %q", st.account, st.space, phone)
	case st.remove:
		sp.Numbers = slices.Delete(sp.Numbers, i, i+1)
		return nil
	}
	maps.Copy(sp.Numbers[i], st.set)
	for _, field := range st.unset {
		delete(sp.Numbers[i], field)
	}
	return nil
}

func shorten(d time.Duration, speed float64) time.Duration {
	return time.Duration(float64(d) / speed)
}

//go:embed demo.yaml
var demo []byte

// Demo returns the scenario of the demonstration, in YAML: one account, main,
// whose troubles begin after three seconds and never quite end.
func Demo() []byte { return slices.Clone(demo) }
