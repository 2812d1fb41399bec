package watch

import "numwatch/phone"

// round is the first round of an account: the spaces that were not polled yet,
// successfully or not. When it is over, what the baseline opened is shown.
type round map[string]struct{}

// roundMeets takes what joined into an account's round, and out of it what left.
// Spaces that were polled before have had theirs, whatever came of it.
func (d *draft) roundMeets(account string, joined, left []phone.SpaceKey) {
	r, ok := d.l.rounds[account]
	if !ok {
		if len(joined) == 0 {
			return
		}
		r = make(round, len(joined))
		d.l.rounds[account] = r
	}
	for _, k := range joined {
		r[k.ID] = struct{}{}
	}
	for _, k := range left {
		delete(r, k.ID)
	}
	d.endRound(account)
}

// roundGoesOn notes that a space was polled.
func (d *draft) roundGoesOn(k phone.SpaceKey) {
	if r, ok := d.l.rounds[k.Account]; ok {
		delete(r, k.ID)
		d.endRound(k.Account)
	}
}

// endRound ends the account's round if it lacks no space any more.
func (d *draft) endRound(account string) {
	if len(d.l.rounds[account]) == 0 {
		delete(d.l.rounds, account)
		d.roundsOver = append(d.roundsOver, account)
	}
}
