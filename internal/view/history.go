package view

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// opens reports whether an alert's event is an opening.
func opens(h *store.Head) bool {
	return h.Transition == alert.Opened || h.Transition == alert.Reopened
}

// prints holds a fingerprint of the subject of every event: four bytes each, so
// that a subject's history is found without reading the log.
type prints struct {
	seed  maphash.Seed
	first uint64   // sequence of the first
	of    []uint32 // 0: not there
}

func newPrints(first uint64) prints { return prints{seed: maphash.MakeSeed(), first: first} }

func (p *prints) print(s phone.Subject) uint32 {
	return uint32(maphash.Comparable(p.seed, s)) | 1 // 0 is for what is not there
}

func (p *prints) has(seq uint64) bool {
	return seq < p.first || seq-p.first < uint64(len(p.of)) && p.of[seq-p.first] != 0
}

func (p *prints) put(seq uint64, s phone.Subject) {
	if seq < p.first {
		return
	}
	i := int(seq - p.first)
	if missing := i + 1 - len(p.of); missing > 0 {
		p.of = append(p.of, make([]uint32, missing)...)
	}
	p.of[i] = p.print(s)
}

// trimAtLeast keeps trimming from copying for every event that goes.
const trimAtLeast = 1 << 16

// trim drops what is no longer in the log.
func (p *prints) trim(first uint64) {
	gone := int(first) - int(p.first)
	if gone < trimAtLeast || gone > len(p.of) {
		return
	}
	p.of = slices.Clone(p.of[gone:])
	p.first = first
}

// before returns the newest event of a print whose sequence is below seq.
func (p *prints) before(seq uint64, print uint32) (uint64, bool) {
	if seq <= p.first {
		return 0, false
	}
	for i := min(int(seq-p.first), len(p.of)) - 1; i >= 0; i-- {
		if p.of[i] == print {
			return p.first + uint64(i), true
		}
	}
	return 0, false
}

// History returns the newest events about a subject, newest first, at most
// limit, from those with a sequence below before; 0 means from the newest.
func (v *View) History(s phone.Subject, before uint64, limit int) ([]alert.Event, error) {
	seqs := v.candidates(s, before, 2*limit)
	var events []alert.Event
	for _, seq := range seqs {
		if len(events) == limit {
			break
		}
		found, err := v.store.ReadLog(seq, 1)
		if err != nil {
			return nil, fmt.Errorf("reading the history of %s: %w", s, err)
		}
		// Another subject may have the same print, and what was trimmed is gone.
		if len(found) == 1 && found[0].Seq == seq && found[0].Subject() == s {
			events = append(events, found[0])
		}
	}
	return events, nil
}

// SpaceHistory returns the newest events about a space and about the numbers that it has
// or had lately, newest first, at most limit, and none from before a time.
func (v *View) SpaceHistory(k phone.SpaceKey, since time.Time, limit int) ([]alert.Event, error) {
	state, err := v.store.SpaceState(k)
	if err != nil {
		return nil, err
	}
	subjects := []phone.Subject{{Account: k.Account, Space: k.ID}}
	if state != nil {
		for i := range state.Numbers {
			subjects = append(subjects, phone.SubjectOf(k, state.Numbers[i].PhoneNumber))
		}
		for _, gone := range state.Gone {
			subjects = append(subjects, phone.SubjectOf(k, gone.PhoneNumber))
		}
	}
	var events []alert.Event
	for _, seq := range v.candidatesOf(subjects, 2*limit) {
		if len(events) == limit {
			break
		}
		found, err := v.store.ReadLog(seq, 1)
		if err != nil {
			return nil, fmt.Errorf("reading the history of space %s: %w", k, err)
		}
		if len(found) != 1 || found[0].Seq != seq || found[0].Subject().SpaceKey() != k {
			continue // another subject has the same print, or it was trimmed
		}
		if found[0].Time.Before(since) {
			break
		}
		events = append(events, found[0])
	}
	return events, nil
}

// candidatesOf returns the newest events that may be about one of several subjects.
func (v *View) candidatesOf(subjects []phone.Subject, most int) (seqs []uint64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	wanted := make(map[uint32]bool, len(subjects))
	for _, s := range subjects {
		wanted[v.prints.print(s)] = true
	}
	for i := len(v.prints.of) - 1; i >= 0 && len(seqs) < most; i-- {
		if wanted[v.prints.of[i]] {
			seqs = append(seqs, v.prints.first+uint64(i))
		}
	}
	return seqs
}

func (v *View) candidates(s phone.Subject, before uint64, most int) []uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if before == 0 {
		before = v.prints.first + uint64(len(v.prints.of))
	}
	print := v.prints.print(s)
	var seqs []uint64
	for len(seqs) < most {
		seq, ok := v.prints.before(before, print)
		if !ok {
			break
		}
		seqs = append(seqs, seq)
		before = seq
	}
	return seqs
}
