package watch

import (
	"context"
	"fmt"
	"slices"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
)

// forgetSpaces drops spaces that are no longer watched.
func (t *batch) forgetSpaces(spaces []phone.SpaceKey) {
	if len(spaces) == 0 {
		return
	}
	t.judge(rules.Left{Spaces: spaces, Reason: alert.ClosedSpaceLeft})
	t.commit.DropSpaces = append(t.commit.DropSpaces, spaces...)
	for _, k := range spaces {
		t.states[k] = nil // should it come back at once, the store still has the old one
		t.dropCondition(k)
	}
	t.commit.SpaceStates = slices.DeleteFunc(t.commit.SpaceStates, func(r phone.SpaceState) bool { return t.states[r.Space] == nil })
}

// forgetAccounts drops the conditions and alerts of accounts, by keys without an ID,
// that are no longer watched: no poll will ever end them.
func (t *batch) forgetAccounts(accounts []phone.SpaceKey) {
	t.judge(rules.Left{Spaces: accounts, Reason: alert.ClosedAccountLeft})
	for _, k := range accounts {
		t.dropCondition(k)
	}
}

func (t *batch) dropCondition(k phone.SpaceKey) {
	if h := t.l.o.health(k.Account); h != nil && k.ID != "" {
		h.Forget(k.ID)
	}
	s := phone.Subject{Account: k.Account, Space: k.ID}
	if _, ok := t.l.conditions[s]; ok {
		ended := phone.Condition{Subject: s, Field: phone.Poll, Value: phone.OK}
		t.l.conditions.set(ended)
		t.commit.Conditions = append(t.commit.Conditions, ended)
	}
}

// forgetUnlisted drops the spaces and accounts that have an open alert or a
// condition but are not in the configuration, and returns how many spaces those are.
func (t *batch) forgetUnlisted() int {
	gone := map[phone.SpaceKey]bool{}
	for a := range t.l.state.All() {
		if k := a.Subject.SpaceKey(); !a.State.Closed() && t.l.unlisted(k) {
			gone[k] = true
		}
	}
	for s := range t.l.conditions {
		if k := s.SpaceKey(); t.l.unlisted(k) {
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
	t.forgetAccounts(accounts)
	t.forgetSpaces(spaces)
	return len(spaces)
}

// unlisted reports whether a space is certainly not in the configuration, or an
// account, by a key without an ID. Components of the bot always are.
func (l *Loop) unlisted(k phone.SpaceKey) bool {
	if k.ID == "" {
		return k.Account != "" && !l.o.Directory.hasAccount(k.Account)
	}
	return !l.o.Directory.Has(k) && !l.partial[k.Account]
}

// mayBeListed reports whether a space is not in the configuration as far as that is
// known, but may turn out to be.
func (l *Loop) mayBeListed(k phone.SpaceKey) bool {
	return k.ID != "" && l.partial[k.Account] && !l.o.Directory.Has(k)
}

// ForgetUnlisted drops what is stored of spaces that left the configuration while the
// bot was not running, and returns how many those are. There may be very many, so
// they go a few a commit, between other inputs; what is stored of them counts for
// nothing meanwhile (see spacesOf). Call it after Started, and again when an
// account's SetSpaces follows on SetPartialSpaces.
func (l *Loop) ForgetUnlisted(ctx context.Context) (int, error) {
	forgotten, err := ask(ctx, l, func(t *batch) (int, error) { return t.forgetUnlisted(), nil })
	if err != nil {
		return 0, err
	}
	var stored []phone.SpaceKey
	err = l.o.Store.Spaces(func(k phone.SpaceKey) bool {
		if !l.o.Directory.Has(k) {
			stored = append(stored, k)
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return forgotten, fmt.Errorf("reading which spaces are stored: %w", err)
	}
	for chunk := range slices.Chunk(stored, maxBatch) {
		n, err := ask(ctx, l, func(t *batch) (int, error) {
			gone := slices.DeleteFunc(chunk, func(k phone.SpaceKey) bool { return !l.unlisted(k) }) // it may have joined
			t.forgetSpaces(gone)
			return len(gone), nil
		})
		if err != nil {
			return forgotten, err
		}
		forgotten += n
	}
	return forgotten, nil
}
