package schedule

import "time"

// Hint says that something in a space has probably changed.
type Hint struct {
	Source string // who says so
	About  string // the number and what is said of it; hints alike are duplicates
}

// hinted is what is known of the hints about one space.
type hinted struct {
	asked                  // the last that was no duplicate
	followed time.Duration // when the last poll that followed one was picked
	waiting  int32         // index in the queue of hints; -1: none waits
	inFlight *asked        // what the poll in flight follows; nil: nothing
	byHint   bool          // that poll was picked for it, and not because its turn had come
	again    bool          // another came while a poll was in flight, whose answer may be older
}

// asked is a hint and when it came.
type asked struct {
	Hint
	since time.Duration
}

// Hint asks for a poll of a space before others. It causes one poll at once, and one
// each MinInterval while there are hints that differ; duplicates in that time are one
// hint. It reports false if there is no such space.
func (s *Schedule) Hint(id string, h Hint, at time.Time) bool {
	e := s.spaces[id]
	if e == nil {
		return false
	}
	now := s.since(at)
	if e.hint == nil {
		e.hint = &hinted{waiting: -1, followed: now - s.o.MinInterval}
	}
	known := e.hint
	switch duplicate := known.About == h.About && now-known.followed < s.o.MinInterval; {
	case known.waiting >= 0 || known.again || duplicate:
		return true
	case e.inFlight:
		known.again = true
	}
	known.asked = asked{h, now}
	if !e.inFlight {
		s.follow(e, known.followed+s.o.MinInterval)
	}
	return true
}

// follow queues a space whose hint is to be followed, at the earliest at a time. A
// failing space is backed off just as without a hint.
func (s *Schedule) follow(e *entry, earliest time.Duration) {
	if e.failures > 0 {
		earliest = max(earliest, e.notBefore)
	}
	s.hints.push(e, float64(earliest))
}

// hintTurns is how many turns a second hints may take: so many that the interval
// between the polls of all others grows by no more than the share.
func (s *Schedule) hintTurns() float64 {
	return s.o.Rate * s.o.HintShare / (1 + s.o.HintShare)
}

// earnTurns adds the turns that hints may take by now. Those of one second are saved
// up.
func (s *Schedule) earnTurns(now time.Duration) {
	earned := (now - s.earned).Seconds() * s.hintTurns()
	s.turns = min(s.turns+max(earned, 0), max(s.hintTurns(), 1))
	s.earned = now
}

// hintDue returns when the next hint can be followed; it reports false if none waits.
func (s *Schedule) hintDue(now time.Duration) (time.Duration, bool) {
	e := s.hints.first()
	if e == nil || s.hintTurns() <= 0 {
		return 0, false
	}
	due := time.Duration(s.hints.items[0].key)
	s.earnTurns(now)
	if missing := 1 - s.turns; missing > 0 {
		due = max(due, now+time.Duration(missing/s.hintTurns()*float64(time.Second))+1)
	}
	return due, true
}

// nextHinted returns the space whose hint is followed now, nil if there is none.
func (s *Schedule) nextHinted(now time.Duration) *entry {
	if due, ok := s.hintDue(now); !ok || due > now {
		return nil
	}
	s.turns--
	return s.hints.first()
}

// pickedWithHint notes that a space is polled, for a hint or with one that waits: it is
// followed either way.
func (s *Schedule) pickedWithHint(e *entry, now time.Duration, byHint bool) {
	if h := e.hint; h != nil && h.waiting >= 0 {
		s.hints.remove(e)
		follows := h.asked
		h.followed, h.inFlight, h.byHint = now, &follows, byHint
	}
}

// answeredHint notes the answer of a space, and queues what came meanwhile.
func (s *Schedule) answeredHint(e *entry) {
	h := e.hint
	if h == nil {
		return
	}
	h.inFlight = nil
	if h.again {
		h.again = false
		s.follow(e, h.followed+s.o.MinInterval)
	}
}

// failedHint queues the hint of a poll that failed, for when the space may be asked
// again.
func (s *Schedule) failedHint(e *entry) {
	if h := e.hint; h != nil && (h.inFlight != nil || h.again) {
		h.inFlight, h.again = nil, false
		s.hints.push(e, float64(e.notBefore))
	}
}

// Followed returns the hint that the poll in flight of a space follows, and when it
// came; it reports false if the schedule asked for that poll.
func (s *Schedule) Followed(id string) (h Hint, since time.Time, ok bool) {
	e := s.spaces[id]
	if e == nil || e.hint == nil || e.hint.inFlight == nil || !e.hint.byHint {
		return Hint{}, time.Time{}, false
	}
	follows := e.hint.inFlight
	return follows.Hint, s.start.Add(follows.since), true
}
