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
	s := &Scenario{config: f.Config, drift: f.Drift}
	if len(f.Accounts) == 0 {
		c.wrong(yamldoc.Position{Line: 1, Column: 1}, "a scenario needs accounts")
	}
	for i := range f.Accounts {
		s.config.Accounts = append(s.config.Accounts, c.account(&f.Accounts[i], s.config.Accounts))
	}
	for _, st := range f.Steps {
		s.steps = append(s.steps, c.step(st, s.config.Accounts))
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

func (c *compiler) step(st step, accounts []Account) step {
	about := st.set != nil || st.unset != nil || st.remove || st.restore
	switch {
	case !about && st.add == nil && st.rename == "" && st.fault == nil:
		c.wrong(st.place, "the step does nothing: want set, unset, add, remove, restore, rename or fault")
	case about != (st.number != ""):
		c.wrong(st.place, "set, unset, remove and restore want a number, and nothing else does")
	case st.remove && (st.set != nil || st.unset != nil || st.restore):
		c.wrong(st.place, "a step that removes a number cannot change it too")
	case st.until > 0 && st.every == 0:
		c.wrong(st.place, "until belongs to every")
	}
	for _, name := range st.unset {
		if !isField(name) {
			c.wrong(st.place, "unknown field %s", name)
		}
	}
	c.aim(&st, accounts)
	if st.fault != nil {
		st.fault.Account, st.fault.Space = st.account, st.space
	}
	return st
}

// aim finds the account, space and numbers that the step names.
func (c *compiler) aim(st *step, accounts []Account) {
	i := slices.IndexFunc(accounts, func(a Account) bool { return a.Name == st.account })
	if st.account == "" && len(accounts) == 1 {
		i = 0
	}
	if i < 0 {
		c.wrong(st.place, "unknown account %q", st.account)
		return
	}
	st.account = accounts[i].Name
	if st.space == "" {
		if st.number != "" || st.add != nil || st.rename != "" {
			c.wrong(st.place, "the step needs a space")
		}
		return
	}
	at := slices.IndexFunc(accounts[i].Spaces, func(s Space) bool { return s.Id == st.space || s.Name == st.space })
	if at < 0 {
		c.wrong(st.place, "account %s has no space %q", st.account, st.space)
		return
	}
	sp := &accounts[i].Spaces[at]
	c.numbers(st, sp, &c.file.Accounts[i].Spaces[at])
	st.space = sp.Id
}

func (c *compiler) numbers(st *step, sp *Space, written *fileSpace) {
	if st.add != nil {
		if st.add["PhoneNumber"] == "" {
			c.wrong(st.place, "add needs a PhoneNumber")
		}
		st.add = generate(written, st.add["PhoneNumber"], st.add)
	}
	if st.number == "" {
		return
	}
	chosen, ok := choose(sp.Numbers, st.number)
	if !ok && (st.restore || !c.adds(st.space, st.number)) {
		c.wrong(st.place, "space %s has no number %q", st.space, st.number)
	}
	if !ok {
		st.numbers = []string{st.number}
	}
	for _, n := range chosen {
		if st.restore {
			st.begun = append(st.begun, n)
		} else {
			st.numbers = append(st.numbers, n["PhoneNumber"])
		}
	}
}

// adds reports whether a step adds the number to the space, so that others may
// name it.
func (c *compiler) adds(space, phone string) bool {
	return slices.ContainsFunc(c.file.Steps, func(s step) bool {
		return s.space == space && s.add["PhoneNumber"] == phone
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
