package alertmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/notify"
	"numwatch/phone"
)

// told is what was posted about an open alert.
type told struct {
	mark   string
	labels map[string]string
}

// key identifies an alert as its labels do, but for those of its space.
type key struct {
	rule    string
	subject phone.Subject
	field   phone.Field
	drill   bool
}

func keyOf(a *alert.Alert) key {
	return key{cmp.Or(a.OpenedAs, a.Rule), a.Subject, a.Field, a.Drill}
}

// step posts alerts that have ended, and open alerts that have changed or, every
// minute, all that are open. It reports whether there is more to read in the log.
func (s *Sink) step(ctx context.Context) (more bool, err error) {
	if err := s.cursor.Begin(ctx); err != nil { // from now on no end may be missed
		return false, err
	}
	ended, next, more, err := s.readEnded()
	if err != nil {
		return false, err
	}
	now := time.Now()
	whole := now.Sub(s.whole) >= every
	due, open := s.open(now, whole, ended)
	for _, a := range ended {
		due = append(due, s.end(a, now))
	}
	if err := s.post(ctx, due); err != nil {
		return false, err
	}
	if more { // ends of alerts that are told may be still to come
		maps.Copy(s.told, open)
	} else {
		s.told = open
	}
	s.cursor.Advance(next)
	if whole {
		s.whole = now
	}
	if whole || len(ended) > 0 {
		return more, s.cursor.Store(ctx)
	}
	return more, nil
}

// readEnded returns the alerts that have ended since the cursor, up to event next: of each
// the last end.
func (s *Sink) readEnded() (ended map[key]*alert.Alert, next uint64, more bool, err error) {
	ended, next = map[key]*alert.Alert{}, s.cursor.Seq()
	for len(ended) < maxEnded {
		end := s.o.Log.LastSeq()
		events, err := s.o.Log.ReadLog(next+1, readBatch)
		if err != nil {
			return nil, 0, false, fmt.Errorf("reading the log from event %d: %w", next+1, err)
		}
		if len(events) == 0 {
			return ended, max(next, end), false, nil // missing events have left the log
		}
		for i := range events {
			if a := events[i].Alert; a != nil && closes(a) && slices.Contains(a.Followers, s.o.Name) {
				ended[keyOf(a)] = a
			}
		}
		next = events[len(events)-1].Seq
	}
	return ended, next, true, nil
}

// closes reports whether an alert is closed by the transition that an event is about.
func closes(a *alert.Alert) bool {
	return a.State.Closed() && slices.Contains([]alert.Transition{alert.WasResolved, alert.WasEnded, alert.Opened}, a.Transition)
}

// open returns what is to be posted of the alerts that are open, and all of them as they
// are told then. It removes from ended what has opened again.
func (s *Sink) open(now time.Time, whole bool, ended map[key]*alert.Alert) (due []posted, open map[string]told) {
	open = map[string]told{}
	for _, a := range s.o.Alerts() {
		if a.State != alert.Firing || !slices.Contains(a.Followers, s.o.Name) {
			continue
		}
		if e := ended[keyOf(a)]; e != nil {
			if e.Changed.After(a.Since) {
				continue // its end is committed, and on its way to Alerts
			}
			delete(ended, keyOf(a))
		}
		last, known := s.told[a.ID]
		mark := fmt.Sprint(a.Revision, a.Annotations())
		if whole || mark != last.mark {
			p := s.render(a, now.Add(ahead))
			due = append(due, p)
			if known && !maps.Equal(p.Labels, last.labels) { // those of its space have changed: it is another one
				due = append(due, posted{Labels: last.labels, StartsAt: p.StartsAt, EndsAt: now})
			}
			last = told{mark, p.Labels}
		}
		open[a.ID] = last
	}
	return due, open
}

// end is an alert that has ended, with the labels that identify it. A notice, which
// ends as it opens, is shown for a while.
func (s *Sink) end(a *alert.Alert, now time.Time) posted {
	until := a.Changed
	if a.IsNotice() {
		until = now.Add(noticeFor)
	}
	p := s.render(a, until)
	if t, known := s.told[a.ID]; known {
		p.Labels = t.labels
	}
	return p
}

// post posts alerts in requests of a bounded size.
func (s *Sink) post(ctx context.Context, due []posted) error {
	for len(due) > 0 {
		body, n := encode(due)
		s.o.Trace("alertmanager:before")
		err := call(ctx, s.client, s.o.Login, http.MethodPost, s.o.URL, path, body)
		switch {
		case errors.Is(err, errRefused):
			s.refused(ctx, err)
		case err != nil:
			s.count("failed", 1)
			return err
		default:
			s.count("ok", 1)
		}
		s.o.Trace("alertmanager:after")
		due = due[n:]
	}
	return nil
}

// refused notes that some alerts were not taken: to post them again would not help. The
// first time is reported to the rules, until the next start.
func (s *Sink) refused(ctx context.Context, err error) {
	s.count("refused", 1)
	s.o.Logger.ErrorContext(ctx, "an Alertmanager refuses alerts", "sink", s.component, "err", err)
	if _, reported := s.dead.Parked(); !reported {
		s.dead.Park(ctx, notify.CodeDead, fmt.Sprintf("%s: %v. It accepted the others in the request; the log names all such answers", s.component, err))
	}
}
