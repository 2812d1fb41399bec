package alertmanager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"numwatch/alert"
)

const (
	every     = time.Minute      // what is open is posted again
	ahead     = 5 * every        // it ends, unless it is posted again
	noticeFor = 10 * time.Minute // a notice is shown, which is more than a group usually waits

	readBatch = 500
	maxEnded  = 2000 // ends that are posted before more of the log is read
)

// key identifies an alert as its labels do, but for those of its space.
type key struct {
	alert.Key
	drill bool
}

func keyOf(a *alert.Alert) key {
	return key{alert.Key{Rule: cmp.Or(a.OpenedAs, a.Rule), Subject: a.Subject, Field: a.Field}, a.Drill}
}

// step posts alerts that have ended, and open alerts that have changed or, every
// minute, all that are open. It says when to post again; 0: there is more in the log.
func (s *Sink) step(ctx context.Context) (wait time.Duration, err error) {
	if err := s.Cursor.Begin(ctx); err != nil { // from now on no end may be missed
		return 0, err
	}
	more, err := s.readEnded()
	if err != nil {
		return 0, err
	}
	now := time.Now()
	whole := now.Sub(s.whole) >= every
	due, told := s.open(now, whole)
	for _, a := range s.ended {
		due = append(due, s.end(a, now))
	}
	if err := s.post(ctx, due); err != nil {
		s.whole = time.Time{} // what the address has is uncertain
		return 0, err
	}
	s.Cursor.Advance(s.read)
	if whole || len(s.ended) > 0 {
		err = s.Cursor.Store(ctx)
	}
	if whole {
		s.whole = now
	}
	s.told = told
	clear(s.ended)
	if more {
		return 0, err
	}
	return time.Until(s.whole.Add(every)), err
}

// readEnded reads on in the log, and adds to ended, which is kept until it is posted.
func (s *Sink) readEnded() (more bool, err error) {
	last, closing := s.Log.LastSeq(), []alert.Transition{alert.WasResolved, alert.WasEnded, alert.Opened}
	for s.read < last && len(s.ended) < maxEnded {
		events, err := s.Log.ReadLog(s.read+1, readBatch)
		if err != nil {
			return false, fmt.Errorf("reading the log from event %d: %w", s.read+1, err)
		}
		if len(events) == 0 {
			s.read = last // they have left the log
		}
		for i := range events {
			s.read = events[i].Seq
			if a := events[i].Alert; a != nil && a.State.Closed() && slices.Contains(closing, a.Transition) && s.follows(a) {
				s.ended[keyOf(a)] = a
			}
		}
	}
	return s.read < last, nil
}

func (s *Sink) follows(a *alert.Alert) bool { return slices.Contains(a.Followers, s.Channel) }

// open returns what is to be posted of the alerts that are open, and what is told of each
// then. It removes from ended what has opened again.
func (s *Sink) open(now time.Time, whole bool) (due []posted, told map[string]string) {
	told = map[string]string{}
	for _, a := range s.o.Alerts() {
		if a.State != alert.Firing || !s.follows(a) {
			continue
		}
		if e := s.ended[keyOf(a)]; e != nil && e.Changed.After(a.Since) {
			continue // its end is committed, and on its way to Alerts
		}
		delete(s.ended, keyOf(a))
		told[a.ID] = fmt.Sprint(a.Revision, a.Annotations())
		if whole || told[a.ID] != s.told[a.ID] {
			due = append(due, s.render(a, now.Add(ahead)))
		}
	}
	return due, told
}

// end is an alert that has ended. A notice, which ends as it opens, is shown for a while.
func (s *Sink) end(a *alert.Alert, now time.Time) posted {
	if a.IsNotice() {
		return s.render(a, now.Add(noticeFor))
	}
	return s.render(a, a.Changed)
}
