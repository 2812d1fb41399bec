package watch

import "numwatch/phone"

// firstRound is the first round of an account: the spaces that were not polled yet,
// successfully or not. When it is over, what the baseline opened is shown.
type firstRound map[string]struct{}

// updateFirstRound adds the spaces that joined to an account's round and removes those
// that left. Spaces that were polled before are not waited for again.
func (t *batch) updateFirstRound(account string, joined, left []phone.SpaceKey) {
	r, ok := t.l.rounds[account]
	if !ok {
		if len(joined) == 0 {
			return
		}
		r = make(firstRound, len(joined))
		t.l.rounds[account] = r
	}
	for _, k := range joined {
		r[k.ID] = struct{}{}
	}
	for _, k := range left {
		delete(r, k.ID)
	}
	t.endFirstRound(account)
}

// polledInFirstRound records that a space was polled.
func (t *batch) polledInFirstRound(k phone.SpaceKey) {
	if r, ok := t.l.rounds[k.Account]; ok {
		delete(r, k.ID)
		t.endFirstRound(k.Account)
	}
}

// endFirstRound ends the account's round if every space was polled.
func (t *batch) endFirstRound(account string) {
	if len(t.l.rounds[account]) == 0 {
		delete(t.l.rounds, account)
		t.roundsOver = append(t.roundsOver, account)
	}
}
