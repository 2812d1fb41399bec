package view

import (
	"time"

	"numwatch/phone"
	"numwatch/store"
)

// activity counts changes by the minute for a day and by the hour for a month.
type activity struct {
	minutes [24 * 60]slot
	hours   [31 * 24]slot
}

// slot is the changes of one span; at says which, since the ring goes round.
type slot struct {
	at                   int64
	better, worse, other uint32
}

// note counts a change. First sights are no changes.
func (a *activity) note(h *store.Head) {
	if h.Baseline {
		return
	}
	s := h.Time.Unix()
	put(a.minutes[:], s/60, h.Direction)
	put(a.hours[:], s/3600, h.Direction)
}

func put(ring []slot, at int64, d phone.Direction) {
	s := &ring[uint64(at)%uint64(len(ring))]
	if s.at > at {
		return // too old for the ring
	}
	if s.at < at {
		*s = slot{at: at}
	}
	switch d {
	case phone.Better:
		s.better++
	case phone.Worse:
		s.worse++
	default:
		s.other++
	}
}

// Bar is the changes within a span of time.
type Bar struct {
	From, To             time.Time
	Better, Worse, Other int
}

// Activity returns the changes up to now in n bars of a width, which is a number
// of minutes for up to a day in all, or of hours for up to a month. First sights
// of a space are not counted.
func (v *View) Activity(now time.Time, n int, width time.Duration) []Bar {
	v.mu.RLock()
	defer v.mu.RUnlock()
	ring, unit := v.activity.minutes[:], time.Minute
	if time.Duration(n)*width > 24*time.Hour {
		ring, unit = v.activity.hours[:], time.Hour
	}
	per, seconds := int64(width/unit), int64(unit/time.Second)
	end := now.Unix()/seconds/per + 1 // in bars
	bars := make([]Bar, n)
	for i := range bars {
		at := (end - int64(n-i)) * per
		b := Bar{From: time.Unix(at*seconds, 0).UTC(), To: time.Unix((at+per)*seconds, 0).UTC()}
		for at := at; at < (end-int64(n-i)+1)*per; at++ {
			if s := ring[uint64(at)%uint64(len(ring))]; s.at == at {
				b.Better += int(s.better)
				b.Worse += int(s.worse)
				b.Other += int(s.other)
			}
		}
		bars[i] = b
	}
	return bars
}

// hits counts by rule and day how often its alerts opened.
type hits map[string]*hit

type hit struct {
	last time.Time
	days [hitDays]struct {
		at int64
		n  uint32
	}
}

// hitDays is how many days, today included, hits are counted for.
const hitDays = 30

func (h hits) note(e *store.Head) {
	if !opens(e) {
		return
	}
	one := h[e.Rule]
	if one == nil {
		one = &hit{}
		h[e.Rule] = one
	}
	if e.Time.After(one.last) {
		one.last = e.Time
	}
	day := e.Time.Unix() / 86400
	d := &one.days[uint64(day)%hitDays]
	if d.at < day {
		d.at, d.n = day, 0
	}
	if d.at == day {
		d.n++
	}
}

// Hits is how often a rule's alerts opened.
type Hits struct {
	Day, Month int // today (UTC), and in the last 30 days
	Last       time.Time
}

// Hits returns how often the alerts of a rule opened.
func (v *View) Hits(rule string, now time.Time) Hits {
	v.mu.RLock()
	defer v.mu.RUnlock()
	h := v.hits[rule]
	if h == nil {
		return Hits{}
	}
	out := Hits{Last: h.last}
	today := now.Unix() / 86400
	for _, d := range h.days {
		switch {
		case d.at == today:
			out.Day += int(d.n)
			out.Month += int(d.n)
		case d.at > today-hitDays && d.at < today:
			out.Month += int(d.n)
		}
	}
	return out
}
