package watch

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
)

// warnBefore is how long before its end people are warned of a silence under which
// alerts still fire.
const warnBefore = 15 * time.Minute

// Silence starts a silence and returns it with its id. It needs an end, a matcher
// that is not empty, and a name; what is wrong is alert.ErrRejected.
func (l *Loop) Silence(ctx context.Context, s alert.Silence) (alert.Silence, error) {
	return ask(ctx, l, func(t *batch) (alert.Silence, error) {
		switch {
		case s.Match.Empty():
			return s, fmt.Errorf("%w: matcher is empty", alert.ErrRejected)
		case !s.Until.After(t.now):
			return s, fmt.Errorf("%w: the end is in the past", alert.ErrRejected)
		case s.By == "":
			return s, fmt.Errorf("%w: name is empty", alert.ErrRejected)
		}
		s.ID = "s-" + strings.ToLower(rand.Text()[:10])
		s.From = t.now
		l.silences[s.ID] = s
		t.commit.Silences = append(t.commit.Silences, s)
		text := fmt.Sprintf("%s silenced %s until %s (%s)", s.By, s.Match.String(), s.Until.UTC().Format(time.RFC3339), s.ID)
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		t.notice(alert.Notice{Kind: "silenced", Text: text})
		t.hold(&s)
		return s, nil
	})
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

func (t *batch) matches(m *alert.Matcher, a *alert.Alert) bool {
	if len(m.Labels) == 0 {
		return m.Matches(a, nil)
	}
	return m.Matches(a, t.l.o.Directory.Space(a.Subject.SpaceKey()).Labels)
}

// heldBy returns what holds the alert back, with the silences as they now are. Where
// the labels of its space are not known, a silence that held it back still does.
func (t *batch) heldBy(a *alert.Alert) []string {
	held := slices.DeleteFunc(slices.Clone(a.HeldBy), func(h string) bool { return strings.HasPrefix(h, alert.SilenceHold) })
	for _, s := range t.l.silences {
		id := alert.SilenceHold + s.ID
		if t.matches(&s.Match, a) || slices.Contains(a.HeldBy, id) && t.l.mayBeListed(a.Subject.SpaceKey()) {
			held = append(held, id)
		}
	}
	if len(held) == 0 {
		return nil
	}
	slices.Sort(held)
	return held
}

// updateHolds applies the silences to all open alerts. Closed ones are left alone:
// whoever was notified of an opening is notified of its end, whatever holds.
func (t *batch) updateHolds() { t.changeHolds(t.heldBy) }

// hold has a new silence hold back what it matches.
func (t *batch) hold(s *alert.Silence) {
	t.changeHolds(func(a *alert.Alert) []string {
		if !t.matches(&s.Match, a) {
			return a.HeldBy
		}
		held := append(slices.Clone(a.HeldBy), alert.SilenceHold+s.ID)
		slices.Sort(held)
		return held
	})
}

// release has a silence hold back nothing any more.
func (t *batch) release(s *alert.Silence) {
	t.changeHolds(func(a *alert.Alert) []string {
		return slices.DeleteFunc(slices.Clone(a.HeldBy), func(h string) bool { return h == alert.SilenceHold+s.ID })
	})
}

// changeHolds gives every open alert what holds it back.
func (t *batch) changeHolds(heldBy func(*alert.Alert) []string) {
	var moved []alert.Alert
	for a := range t.l.state.All() {
		if a.State.Closed() {
			continue
		}
		if held := heldBy(&a); !slices.Equal(held, a.HeldBy) {
			a.HeldBy = held
			moved = append(moved, a)
		}
	}
	for _, a := range moved {
		t.putAlert(a)
	}
}

// expireSilences ends the silences whose time is over, and warns before that where
// alerts under them still fire.
func (t *batch) expireSilences() {
	for _, s := range t.l.silences {
		switch {
		case !t.now.Before(s.Until):
			t.endSilence(&s, "expired")
		case !s.Warned && s.Until.Sub(t.now) <= warnBefore && s.Until.Sub(s.From) > warnBefore:
			t.warnOfEnd(s)
		}
	}
}

func (t *batch) warnOfEnd(s alert.Silence) {
	firing := 0
	for a := range t.l.state.All() {
		if a.State == alert.Firing && t.matches(&s.Match, &a) {
			firing++
		}
	}
	s.Warned = true
	t.l.silences[s.ID] = s
	t.commit.Silences = append(t.commit.Silences, s)
	if firing == 0 {
		return
	}
	text := fmt.Sprintf("The silence of %s by %s expires at %s, and %d alerts under it are still firing.",
		s.Match.String(), s.By, s.Until.UTC().Format("15:04 UTC"), firing)
	t.notice(alert.Notice{Kind: "silence-ending", Text: text})
	t.notices = append(t.notices, text)
}

func (t *batch) endSilence(s *alert.Silence, how string) {
	delete(t.l.silences, s.ID)
	t.commit.DropSilences = append(t.commit.DropSilences, s.ID)
	t.commit.Silences = slices.DeleteFunc(t.commit.Silences, func(o alert.Silence) bool { return o.ID == s.ID })
	t.release(s)
	t.notice(alert.Notice{Kind: "silence-ended", Text: fmt.Sprintf("the silence of %s by %s (%s) %s", s.Match.String(), s.By, s.ID, how)})
}
