package poller

import (
	"maps"
	"time"

	"numwatch/poller/schedule"
)

// DefaultHintShare is the share of the pace that hints may use.
const DefaultHintShare = 0.3

// HintedPolls is the results of hints from one source.
type HintedPolls struct {
	Polls   int // that followed a hint
	Hits    int // of these, polls that found a change
	Changes int // that they found
}

// Hint asks for a poll of a space before others, as far as the pace and the share of
// hints allow. It reports false where the account has no such space.
func (p *Poller) Hint(space string, h schedule.Hint) bool {
	p.mu.Lock()
	known := p.schedule.Hint(space, h, time.Now())
	p.mu.Unlock()
	if known {
		p.wake()
	}
	return known
}

// Hinted returns the results of hints, by source, and how many changes were found
// in all, since the start. What a first poll finds is not a change.
func (p *Poller) Hinted() (bySource map[string]HintedPolls, changes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.hinted), p.found
}

// answered tells the schedule of an answer, and counts what it brought by what asked
// for it. The lock is held.
func (p *Poller) answered(id string, outcome schedule.Outcome, at time.Time) {
	hint, since, byHint := p.schedule.Followed(id)
	waited, again := p.schedule.Done(id, outcome, at)
	p.found += outcome.Changes
	p.metrics.changes(hint.Source, outcome.Changes)
	if byHint {
		h := p.hinted[hint.Source]
		h.Polls++
		if outcome.Changes > 0 {
			h.Hits++
		}
		h.Changes += outcome.Changes
		p.hinted[hint.Source] = h
		p.metrics.followed(hint.Source, 1)
	}
	switch {
	case outcome.Changes == 0 || !again:
	case byHint:
		p.metrics.detected(at.Sub(since))
	default:
		p.metrics.detected(waited / 2)
	}
}
