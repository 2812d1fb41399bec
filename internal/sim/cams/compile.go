package cams

import (
	"slices"
	"strconv"

	"numwatch/internal/yamldoc"
)

// maxNumbers bounds what a scenario generates.
const maxNumbers = 200_000

// compiler turns a scenario as written into one that can be played, and
// collects what is wrong with it.
type compiler struct {
	*yamldoc.Reader
	file      file
	generated int // numbers so far
}

func (c *compiler) wrong(at yamldoc.Position, format string, args ...any) {
	c.Fail(at, "", format, args...)
}

func (c *compiler) compile() *Scenario {
	f := &c.file
	s := &Scenario{config: f.Config}
	if len(f.Accounts) == 0 {
		c.wrong(yamldoc.Position{Line: 1, Column: 1}, "a scenario needs accounts")
	}
	for i := range f.Accounts {
		s.config.Accounts = append(s.config.Accounts, c.account(&f.Accounts[i], s.config.Accounts))
	}
	for i := range f.Steps {
		s.steps = append(s.steps, c.step(&f.Steps[i], s.config.Accounts))
	}
	if f.Drift != nil {
		s.drift = c.drift(f.Drift)
	}
	return s
}

func (c *compiler) account(f *fileAccount, before []Account) Account {
	switch {
	case f.Name == "":
		c.wrong(f.place, "an account needs a name")
	case f.AccessKeyId == "" || f.AccessKeySecret == "":
		c.wrong(f.place, "account %s needs access_key_id and access_key_secret", f.Name)
	case slices.ContainsFunc(before, func(a Account) bool { return a.Name == f.Name || a.AccessKeyId == f.AccessKeyId }):
		c.wrong(f.place, "account %s repeats the name or access_key_id of another", f.Name)
	}
	a := f.Account
	for i := range f.Spaces {
		a.Spaces = append(a.Spaces, c.space(&f.Spaces[i], a.Spaces))
	}
	return a
}

func (c *compiler) space(f *fileSpace, before []Space) Space {
	if f.Id == "" {
		c.wrong(f.place, "a space needs an id")
	}
	if slices.ContainsFunc(before, func(s Space) bool { return s.Id == f.Id }) {
		c.wrong(f.place, "the space %s is there twice", f.Id)
	}
	sp := Space{Id: f.Id, Name: f.Name}
	if f.Count < 0 || c.generated+f.Count > maxNumbers {
		c.wrong(f.place, "count is %d: want 0 or more, and at most %d in the whole scenario", f.Count, maxNumbers)
		return sp
	}
	for range f.Count {
		sp.Numbers = append(sp.Numbers, generate(f, phoneNumber(c.generated), nil))
		c.generated++
	}
	for _, n := range f.Numbers {
		phone := n["PhoneNumber"]
		if phone == "" || sp.find(phone) >= 0 {
			c.wrong(f.place, "space %s: each of its numbers needs a PhoneNumber of its own", f.Id)
		}
		sp.Numbers = append(sp.Numbers, generate(f, phone, n))
	}
	return sp
}

func (c *compiler) step(f *fileStep, accounts []Account) step {
	st := step{
		at: f.At, every: f.Every, until: f.Until,
		set: f.Set, unset: f.Unset, rename: f.Rename, remove: f.Remove,
	}
	about := f.Set != nil || f.Unset != nil || f.Remove || f.Restore
	switch {
	case !about && f.Add == nil && f.Rename == "" && f.Fault == nil:
		c.wrong(f.place, "the step does nothing: want set, unset, add, remove, restore, rename or fault")
	case about != (f.Number != ""):
		c.wrong(f.place, "set, unset, remove and restore want a number, and nothing else does")
	case f.Remove && (f.Set != nil || f.Unset != nil || f.Restore):
		c.wrong(f.place, "a step that removes a number cannot change it too")
	case f.Until > 0 && f.Every == 0:
		c.wrong(f.place, "until belongs to every")
	}
	for _, name := range f.Unset {
		if !isField(name) {
			c.wrong(f.place, "unknown field %s", name)
		}
	}
	c.aim(f, &st, accounts)
	return st
}

// aim finds the account, space and numbers that the step names.
func (c *compiler) aim(f *fileStep, st *step, accounts []Account) {
	i := slices.IndexFunc(accounts, func(a Account) bool { return a.Name == f.Account })
	if f.Account == "" && len(accounts) == 1 {
		i = 0
	}
	if i < 0 {
		c.wrong(f.place, "unknown account %q", f.Account)
		return
	}
	st.account = accounts[i].Name
	if f.Space == "" {
		if f.Number != "" || f.Add != nil || f.Rename != "" {
			c.wrong(f.place, "the step needs a space")
		}
		c.fault(f, st)
		return
	}
	at := slices.IndexFunc(accounts[i].Spaces, func(s Space) bool { return s.Id == f.Space || s.Name == f.Space })
	if at < 0 {
		c.wrong(f.place, "account %s has no space %q", st.account, f.Space)
		return
	}
	sp := &accounts[i].Spaces[at]
	st.space = sp.Id
	c.fault(f, st)
	c.numbers(f, st, sp, &c.file.Accounts[i].Spaces[at])
}

func (c *compiler) numbers(f *fileStep, st *step, sp *Space, written *fileSpace) {
	if f.Add != nil {
		if f.Add["PhoneNumber"] == "" {
			c.wrong(f.place, "add needs a PhoneNumber")
		}
		st.add = generate(written, f.Add["PhoneNumber"], f.Add)
	}
	if f.Number == "" {
		return
	}
	chosen, ok := choose(sp.Numbers, f.Number)
	if !ok && (f.Restore || !c.adds(f.Space, f.Number)) {
		c.wrong(f.place, "space %s has no number %q", f.Space, f.Number)
	}
	if !ok {
		st.numbers = []string{f.Number}
	}
	for _, n := range chosen {
		if f.Restore {
			st.restore = append(st.restore, n)
		} else {
			st.numbers = append(st.numbers, n["PhoneNumber"])
		}
	}
}

// adds reports whether a step adds the number to the space, so that others may
// name it.
func (c *compiler) adds(space, phone string) bool {
	return slices.ContainsFunc(c.file.Steps, func(s fileStep) bool {
		return s.Space == space && s.Add["PhoneNumber"] == phone
	})
}

// choose finds numbers by "all", PhoneNumber, or position from 1.
func choose(numbers []Number, which string) ([]Number, bool) {
	if which == "all" {
		return numbers, true
	}
	for _, n := range numbers {
		if n["PhoneNumber"] == which {
			return []Number{n}, true
		}
	}
	if i, err := strconv.Atoi(which); err == nil && i >= 1 && i <= len(numbers) {
		return numbers[i-1 : i], true
	}
	return nil, false
}

func (c *compiler) fault(f *fileStep, st *step) {
	if f.Fault == nil {
		return
	}
	w := f.Fault
	if w.Kind != "" && !slices.Contains(Kinds(), w.Kind) {
		c.wrong(w.place, "unknown kind of fault %q: want one of %q", w.Kind, Kinds())
	}
	if (w.Kind == Refuse || w.Kind == CodeNotOK) && w.Code == "" {
		c.wrong(w.place, "a fault of kind %s needs a code", w.Kind)
	}
	if w.Kind == "" && w.Latency == 0 {
		c.wrong(w.place, "a fault needs a kind or a latency")
	}
	if w.Probability < 0 || w.Probability > 1 {
		c.wrong(w.place, "probability is %v: want 0 to 1", w.Probability)
	}
	if w.Status != 0 && (w.Status < 200 || w.Status > 599) {
		c.wrong(w.place, "status is %d: want 200 to 599", w.Status)
	}
	st.fault = &w.Fault
	st.fault.Account, st.fault.Space = st.account, st.space
}

func (c *compiler) drift(f *fileDrift) *drift {
	d := &drift{from: f.From, every: f.Every}
	if f.Every == 0 || len(f.Moves) == 0 {
		c.wrong(f.place, "drift needs every and moves")
	}
	for _, m := range f.Moves {
		if !isField(m.field) || m.field == "PhoneNumber" {
			c.wrong(m.place, "unknown field %q", m.field)
		}
		if m.restore == (m.to != "") {
			c.wrong(m.place, "a move needs either to or restore")
		}
		if m.restore && m.from == "" {
			c.wrong(m.place, "a move that restores needs from")
		}
		if m.weight < 0 {
			c.wrong(m.place, "weight is %d: want 1 or more", m.weight)
		}
		m.weight = max(1, m.weight)
		d.moves, d.total = append(d.moves, m.move), d.total+m.weight
	}
	return d
}
