package watch

import (
	"context"
	"fmt"
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
	d.commit.SpaceStates = slices.DeleteFunc(d.commit.SpaceStates, func(r phone.SpaceState) bool { return d.rosters[r.Space] == nil })
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
// that are not in the configuration, and returns how many spaces that are.
func (d *draft) leaveUnwatched() int {
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
	return len(spaces)
}

// unwatched reports whether a space is not in the configuration, or an account,
// by a key without an ID. Parts of the bot always are.
func (l *Loop) unwatched(k phone.SpaceKey) bool {
	if k.ID == "" {
		return k.Account != "" && !l.o.Directory.hasAccount(k.Account)
	}
	return !l.o.Directory.Has(k) && !l.partial[k.Account]
}

// unlisted reports whether a space is not in the configuration as far as that is
// known, but may be.
func (l *Loop) unlisted(k phone.SpaceKey) bool {
	return k.ID != "" && l.partial[k.Account] && !l.o.Directory.Has(k)
}

// Sweep forgets what was said and stored of spaces that left the configuration
// while the bot was not running, and returns of how many. There may be very many,
// so they go a few a commit, between other inputs; what is stored of them counts
// for nothing meanwhile (see homes). Call it after Started, and again when an
// account's SetSpaces follows on SetSomeSpaces.
func (l *Loop) Sweep(ctx context.Context) (swept int, err error) {
	err = l.submit(ctx, l.rest, func(d *draft) error {
		swept = d.leaveUnwatched()
		return nil
	})
	if err != nil {
		return 0, err
	}
	var gone []phone.SpaceKey
	err = l.o.Store.Spaces(func(k phone.SpaceKey) bool {
		if !l.o.Directory.Has(k) {
			gone = append(gone, k)
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return swept, fmt.Errorf("reading which spaces are stored: %w", err)
	}
	for few := range slices.Chunk(gone, maxBatch) {
		err := l.submit(ctx, l.rest, func(d *draft) error {
			few = slices.DeleteFunc(few, func(k phone.SpaceKey) bool { return !l.unwatched(k) }) // it may have joined
			d.leave(few)
			return nil
		})
		if err != nil {
			return swept, err
		}
		swept += len(few)
	}
	return swept, nil
}
