package watch

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// warnBefore is how long before its end a silence under which alerts still fire is
// reported.
const warnBefore = 15 * time.Minute

// farthestEnd is how far away a silence may end. Beyond the year 9999 a time cannot be
// written to the store, which would stop the loop.
const farthestEnd = 100 * 365 * 24 * time.Hour

// Silence starts a silence, or plans one that begins later, and returns it with its id. It
// needs an end, a matcher that is not empty, and a name; what is wrong is alert.ErrRejected.
func (l *Loop) Silence(ctx context.Context, s alert.Silence) (alert.Silence, error) {
	return ask(ctx, l, func(t *batch) (alert.Silence, error) {
		switch {
		case s.Match.Empty():
			return s, fmt.Errorf("%w: matcher is empty", alert.ErrRejected)
		case !s.Until.After(t.now):
			return s, fmt.Errorf("%w: the end is in the past", alert.ErrRejected)
		case !s.Until.After(s.From):
			return s, fmt.Errorf("%w: the end is before the start", alert.ErrRejected)
		case s.Until.After(t.now.Add(farthestEnd)):
			return s, fmt.Errorf("%w: the end is more than 100 years away", alert.ErrRejected)
		case s.By == "":
			return s, fmt.Errorf("%w: name is empty", alert.ErrRejected)
		}
		s.ID = "s-" + strings.ToLower(rand.Text()[:10])
		if s.Planned = s.From.After(t.now); !s.Planned {
			s.From = t.now
		}
		t.putSilence(&s)
		text := s.By + " silenced " + s.Match.String()
		if s.Planned {
			text += " from " + s.From.UTC().Format(time.RFC3339)
		}
		text += fmt.Sprintf(" until %s (%s)", s.Until.UTC().Format(time.RFC3339), s.ID)
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		t.notice(alert.Notice{Kind: "silenced", Text: text})
		if !s.Planned {
			t.hold(&s)
		}
		return s, nil
	})
}

func (t *batch) putSilence(s *alert.Silence) {
	t.l.silences[s.ID] = *s
	t.commit.Silences = append(t.commit.Silences, *s)
}

// EndSilence ends a silence before its time. An unknown one is alert.ErrNotFound.
func (l *Loop) EndSilence(ctx context.Context, id, by string) error {
	_, err := ask(ctx, l, func(t *batch) (struct{}, error) {
		s, ok := l.silences[id]
		if !ok {
			return struct{}{}, fmt.Errorf("%w: silence %s", alert.ErrNotFound, id)
		}
		t.endSilence(&s, "ended by "+by)
		return struct{}{}, nil
	})
	return err
}

// covers reports whether a silence holds back an alert: once it has begun, any that it
// matches, except the one which says that it ends.
func (t *batch) covers(s *alert.Silence, a *alert.Alert) bool {
	if s.Planned || a.Subject.Component == alert.SilenceHold+s.ID {
		return false
	}
	var labels map[string]string
	if len(s.Match.Labels) > 0 {
		labels = t.l.o.Directory.Space(a.Subject.SpaceKey()).Labels
	}
	return s.Match.Matches(a, labels)
}

// heldBy returns what holds the alert back, with the silences as they now are. Where
// the labels of its space are not known, a silence that held it back still does.
func (t *batch) heldBy(a *alert.Alert) []string {
	held := slices.DeleteFunc(slices.Clone(a.HeldBy), func(h string) bool { return strings.HasPrefix(h, alert.SilenceHold) })
	for _, s := range t.l.silences {
		id := alert.SilenceHold + s.ID
		if t.covers(&s, a) || slices.Contains(a.HeldBy, id) && t.l.mayBeListed(a.Subject.SpaceKey()) {
			held = append(held, id)
		}
	}
	if len(held) == 0 {
		return nil
	}
	slices.Sort(held)
	return held
}

// updateHolds applies the silences to all open alerts. Closed ones stay as they
// are: those who were notified of an opening are notified of its end, whatever
// holds.
func (t *batch) updateHolds() { t.changeHolds(t.heldBy) }

// hold applies a silence that begins to what it matches.
func (t *batch) hold(s *alert.Silence) {
	t.changeHolds(func(a *alert.Alert) []string {
		if !t.covers(s, a) {
			return a.HeldBy
		}
		held := append(slices.Clone(a.HeldBy), alert.SilenceHold+s.ID)
		slices.Sort(held)
		return held
	})
}

// release ends the effect of a silence.
func (t *batch) release(s *alert.Silence) {
	t.changeHolds(func(a *alert.Alert) []string {
		return slices.DeleteFunc(slices.Clone(a.HeldBy), func(h string) bool { return h == alert.SilenceHold+s.ID })
	})
}

// changeHolds updates what holds back each open alert.
func (t *batch) changeHolds(heldBy func(*alert.Alert) []string) {
	var moved []alert.Alert
	for a := range t.l.state.All() {
		if a.State.Closed() {
			continue
		}
		if held := heldBy(&a); !slices.Equal(held, a.HeldBy) {
			a.HeldBy = held
			t.l.rules.Address(&a)
			moved = append(moved, a)
		}
	}
	for _, a := range moved {
		t.putAlert(a)
	}
}

// updateSilences begins the silences that were planned for now, ends those whose time is
// over, and reports those that are about to end while alerts under them fire.
func (t *batch) updateSilences() {
	for _, s := range t.l.silences {
		if !t.now.Before(s.Until) {
			t.endSilence(&s, "expired")
			continue
		}
		if s.Planned && !t.now.Before(s.From) {
			t.beginSilence(&s)
		}
		ending := t.ending(&s)
		if t.reported(ending) && ending.Value == phone.Ending {
			t.notice(alert.Notice{Kind: "silence-ending", Text: ending.Reason})
		}
	}
}

func (t *batch) beginSilence(s *alert.Silence) {
	s.Planned = false
	t.putSilence(s)
	t.notice(alert.Notice{Kind: "silence-begun", Text: fmt.Sprintf("the silence of %s by %s (%s) has begun, as planned", s.Match.String(), s.By, s.ID)})
	t.hold(s)
}

// ending is the state of a silence as a condition for the rules. A short silence
// is not reported: nobody has forgotten it.
func (t *batch) ending(s *alert.Silence) phone.Condition {
	firing := 0
	if s.Until.Sub(t.now) <= warnBefore && s.Until.Sub(s.From) > warnBefore {
		firing = t.firingOnlyUnder(s)
	}
	if firing == 0 {
		return t.conditionOf(s, phone.OK, "nothing still fires that this silence alone holds back")
	}
	fire := "fires"
	if firing > 1 {
		fire = "fire"
	}
	return t.conditionOf(s, phone.Ending, fmt.Sprintf("The silence of %s by %s ends at %s, and %s under it still %s",
		s.Match.String(), s.By, s.Until.UTC().Format("15:04 UTC"), phone.Count(firing, "alert"), fire))
}

func (t *batch) conditionOf(s *alert.Silence, value, reason string) phone.Condition {
	return phone.Condition{
		Subject: phone.Subject{Component: alert.SilenceHold + s.ID}, Field: phone.Silence, Value: value, Reason: reason, Since: t.now,
	}
}

// endLostSilences ends what is reported of silences that are no more: their records were
// damaged.
func (t *batch) endLostSilences() {
	for subject, c := range t.l.conditions {
		id, _ := strings.CutPrefix(subject.Component, alert.SilenceHold)
		if _, known := t.l.silences[id]; c.Field == phone.Silence && !known {
			t.reported(t.conditionOf(&alert.Silence{ID: id}, phone.OK, "it is unknown"))
		}
	}
}

// firingOnlyUnder counts the alerts that fire and that no silence holds back for longer.
func (t *batch) firingOnlyUnder(s *alert.Silence) (firing int) {
	for a := range t.l.state.All() {
		held := slices.Contains(a.HeldBy, alert.SilenceHold+s.ID)
		longer := slices.ContainsFunc(a.HeldBy, func(hold string) bool {
			id, _ := strings.CutPrefix(hold, alert.SilenceHold)
			return t.l.silences[id].Until.After(s.Until)
		})
		if a.State == alert.Firing && held && !longer {
			firing++
		}
	}
	return firing
}

func (t *batch) endSilence(s *alert.Silence, how string) {
	delete(t.l.silences, s.ID)
	t.commit.DropSilences = append(t.commit.DropSilences, s.ID)
	t.commit.Silences = slices.DeleteFunc(t.commit.Silences, func(o alert.Silence) bool { return o.ID == s.ID })
	t.release(s)
	t.reported(t.conditionOf(s, phone.OK, "it "+how))
	t.notice(alert.Notice{Kind: "silence-ended", Text: fmt.Sprintf("the silence of %s by %s (%s) %s", s.Match.String(), s.By, s.ID, how)})
}
