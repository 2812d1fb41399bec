package watch

import (
	"slices"

	"numwatch/phone"
	"numwatch/rules"
)

// Why the alerts of a space end that leaves the configuration, and those of an
// account.
const (
	LeftReason        = "the space is no longer watched"
	AccountLeftReason = "the account is no longer watched"
)

// leave drops spaces that are no longer watched.
func (d *draft) leave(spaces []phone.SpaceKey) {
	if len(spaces) == 0 {
		return
	}
	d.judge(rules.Left{Spaces: spaces, Reason: LeftReason})
	d.commit.DropSpaces = append(d.commit.DropSpaces, spaces...)
	for _, k := range spaces {
		d.rosters[k] = nil // should it come back at once, the store still has the old one
		delete(d.l.seen, k)
		d.unlearn(k)
	}
	d.commit.Rosters = slices.DeleteFunc(d.commit.Rosters, func(r phone.Roster) bool { return d.rosters[r.Space] == nil })
}

// leaveAccounts drops what is said of accounts, by keys without an ID, that are
// no longer watched: nobody will ever find them well again.
func (d *draft) leaveAccounts(accounts []phone.SpaceKey) {
	d.judge(rules.Left{Spaces: accounts, Reason: AccountLeftReason})
	for _, k := range accounts {
		d.unlearn(k)
	}
}

// unlearn drops how a space or an account is.
func (d *draft) unlearn(k phone.SpaceKey) {
	if c, ok := d.l.health.forget(k); ok {
		d.commit.Conditions = append(d.commit.Conditions, c)
	}
}

// leaveUnwatched drops the spaces and accounts of which something is said and
// that are not in the configuration.
func (d *draft) leaveUnwatched() {
	gone := map[phone.SpaceKey]bool{}
	for a := range d.l.state.All() {
		if k := a.Subject.SpaceKey(); !a.State.Closed() && d.l.unwatched(k) {
			gone[k] = true
		}
	}
	for s := range d.l.health.conditions {
		if k := s.SpaceKey(); d.l.unwatched(k) {
			gone[k] = true
		}
	}
	var accounts, spaces []phone.SpaceKey
	for k := range gone {
		if k.ID == "" {
			accounts = append(accounts, k)
		} else {
			spaces = append(spaces, k)
		}
	}
	d.leaveAccounts(accounts)
	d.leave(spaces)
}

// unwatched reports whether a space is not in the configuration, or an account,
// by a key without an ID. Parts of the bot always are.
func (l *Loop) unwatched(k phone.SpaceKey) bool {
	if k.ID == "" {
		return k.Account != "" && !l.o.Directory.hasAccount(k.Account)
	}
	return !l.o.Directory.Has(k)
}
