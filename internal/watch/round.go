package watch

import (
	"time"

	"numwatch/phone"
)

// round is the first round of an account: the spaces that were not polled yet,
// successfully or not. When it is over, what the baseline opened is shown.
type round map[string]struct{}

func newRound(seen map[phone.SpaceKey]time.Time, spaces []phone.Space) round {
	r := round{}
	for _, s := range spaces {
		if seen[s.SpaceKey].IsZero() {
			r[s.ID] = struct{}{}
		}
	}
	return r
}

// roundGoesOn notes that a space was polled.
func (d *draft) roundGoesOn(k phone.SpaceKey) {
	r, ok := d.l.rounds[k.Account]
	if !ok {
		return
	}
	delete(r, k.ID)
	if len(r) == 0 {
		delete(d.l.rounds, k.Account)
		d.roundsOver = append(d.roundsOver, k.Account)
	}
}
