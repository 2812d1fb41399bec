package watch

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"numwatch/alert"
)

// What people ask for in vain.
var (
	ErrUnknown = alert.ErrNotFound
	ErrRefused = alert.ErrRejected
)

// warnBefore is how long before its end people hear of a silence under which
// something still fires.
const warnBefore = 15 * time.Minute

// Silence starts a silence and returns it with its id. Until is required, and a
// matcher that chooses something. A refusal is ErrRefused.
func (l *Loop) Silence(ctx context.Context, s alert.Silence) (alert.Silence, error) {
	err := l.ask(ctx, func(d *draft) error {
		switch {
		case s.Match.Empty():
			return fmt.Errorf("%w: the silence names nothing to be silent about", ErrRefused)
		case !s.Until.After(d.now):
			return fmt.Errorf("%w: the silence would end before it begins", ErrRefused)
		case s.By == "":
			return fmt.Errorf("%w: the silence does not say who asks for it", ErrRefused)
		}
		s.ID = "s-" + strings.ToLower(rand.Text()[:10])
		s.From = d.now
		l.silences[s.ID] = s
		d.commit.Silences = append(d.commit.Silences, s)
		d.notice(alert.Notice{Kind: "silenced", Text: fmt.Sprintf("%s silenced %s until %s (%s)%s",
			s.By, s.Match.String(), s.Until.UTC().Format(time.RFC3339), s.ID, because(s.Reason))})
		d.rehold()
		return nil
	})
	if err != nil {
		return alert.Silence{}, err // as in Deliver
	}
	return s, nil
}

// EndSilence ends a silence before its time. An unknown one is ErrUnknown.
func (l *Loop) EndSilence(ctx context.Context, id, by string) error {
	return l.ask(ctx, func(d *draft) error {
		s, ok := l.silences[id]
		if !ok {
			return fmt.Errorf("%w: silence %s", ErrUnknown, id)
		}
		d.endSilence(&s, "ended by "+by)
		d.rehold()
		return nil
	})
}

// Silences returns the silences in force, by end.
func (l *Loop) Silences(ctx context.Context) ([]alert.Silence, error) {
	var out []alert.Silence
	err := l.ask(ctx, func(*draft) error {
		out = slices.SortedFunc(maps.Values(l.silences), func(a, b alert.Silence) int {
			if c := a.Until.Compare(b.Until); c != 0 {
				return c
			}
			return strings.Compare(a.ID, b.ID)
		})
		return nil
	})
	if err != nil {
		return nil, err // as in Deliver
	}
	return out, nil
}

// Covered returns the open alerts that a silence would hold back.
func (l *Loop) Covered(ctx context.Context, m alert.Matcher) ([]alert.Alert, error) {
	var out []alert.Alert
	err := l.ask(ctx, func(d *draft) error {
		for a := range l.state.All() {
			if !a.State.Closed() && d.matches(&m, &a) {
				out = append(out, a)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err // as in Deliver
	}
	return out, nil
}

// Ack notes that somebody takes care of an alert, until it closes or gets
// worse. An alert that is unknown or closed is an error.
func (l *Loop) Ack(ctx context.Context, id, by string) (alert.Alert, error) {
	return l.acknowledge(ctx, id, "acknowledged", by, func(d *draft) *alert.Ack { return &alert.Ack{By: by, At: d.now} })
}

// Unack takes an acknowledgement back.
func (l *Loop) Unack(ctx context.Context, id, by string) (alert.Alert, error) {
	return l.acknowledge(ctx, id, "unacknowledged", by, func(*draft) *alert.Ack { return nil })
}

func (l *Loop) acknowledge(ctx context.Context, id, kind, by string, ack func(*draft) *alert.Ack) (alert.Alert, error) {
	var a alert.Alert
	err := l.ask(ctx, func(d *draft) error {
		var ok bool
		a, ok = l.state.Get(id)
		switch {
		case !ok:
			return fmt.Errorf("%w: alert %s", ErrUnknown, id)
		case a.State.Closed():
			return fmt.Errorf("%w: alert %s is %s", ErrRefused, id, a.State)
		case by == "":
			return fmt.Errorf("%w: nobody says who takes care", ErrRefused)
		}
		a.Ack = ack(d)
		l.state.Apply(a)
		d.commit.Alerts = append(d.commit.Alerts, a)
		d.notice(alert.Notice{Kind: kind, Text: fmt.Sprintf("%s %s %s (%s, %s)", by, kind, a.ID, a.Rule, a.Subject)})
		return nil
	})
	if err != nil {
		return alert.Alert{}, err // as in Deliver
	}
	return a, nil
}

// ask submits what may be refused: the refusal is the caller's, not the loop's.
func (l *Loop) ask(ctx context.Context, take func(*draft) error) error {
	var refused error
	err := l.submit(ctx, l.rest, func(d *draft) error {
		refused = take(d)
		return nil
	})
	if err != nil {
		return err // as in Deliver
	}
	return refused
}

func (d *draft) matches(m *alert.Matcher, a *alert.Alert) bool {
	return m.Matches(a, d.l.o.Directory.Space(a.Subject.SpaceKey()).Labels)
}

// hold returns what holds the alert back, with the silences as they now are. Where
// the labels of its space are not known, those that did hold it do so on.
func (d *draft) hold(a *alert.Alert) []string {
	held := slices.DeleteFunc(slices.Clone(a.HeldBy), func(h string) bool { return strings.HasPrefix(h, alert.SilenceHold) })
	for _, s := range d.l.silences {
		id := alert.SilenceHold + s.ID
		if d.matches(&s.Match, a) || slices.Contains(a.HeldBy, id) && d.l.unlisted(a.Subject.SpaceKey()) {
			held = append(held, id)
		}
	}
	if len(held) == 0 {
		return nil
	}
	slices.Sort(held)
	return held
}

// rehold brings what silences hold back up to date for all alerts that are not
// over: those that are told when they end are told then, whatever holds.
func (d *draft) rehold() {
	var moved []alert.Alert
	for a := range d.l.state.All() {
		if a.State.Closed() {
			continue
		}
		if held := d.hold(&a); !slices.Equal(held, a.HeldBy) {
			a.HeldBy = held
			moved = append(moved, a)
		}
	}
	for _, a := range moved {
		d.l.state.Apply(a)
		d.commit.Alerts = append(d.commit.Alerts, a)
	}
}

// expire ends the silences whose time is over, and tells before that where
// something under them still fires.
func (d *draft) expire() {
	ended := false
	for _, s := range d.l.silences {
		switch {
		case !d.now.Before(s.Until):
			d.endSilence(&s, "ran out")
			ended = true
		case !s.Warned && s.Until.Sub(d.now) <= warnBefore && s.Until.Sub(s.From) > warnBefore:
			d.warn(s)
		}
	}
	if ended {
		d.rehold()
	}
}

func (d *draft) warn(s alert.Silence) {
	firing := 0
	for a := range d.l.state.All() {
		if a.State == alert.Firing && d.matches(&s.Match, &a) {
			firing++
		}
	}
	s.Warned = true
	d.l.silences[s.ID] = s
	d.commit.Silences = append(d.commit.Silences, s)
	if firing == 0 {
		return
	}
	text := fmt.Sprintf("The silence of %s by %s runs out at %s and %d alerts under it still fire.",
		s.Match.String(), s.By, s.Until.UTC().Format("15:04 UTC"), firing)
	d.notice(alert.Notice{Kind: "silence-ending", Text: text})
	d.notices = append(d.notices, text)
}

func (d *draft) endSilence(s *alert.Silence, how string) {
	delete(d.l.silences, s.ID)
	d.commit.DropSilences = append(d.commit.DropSilences, s.ID)
	d.commit.Silences = slices.DeleteFunc(d.commit.Silences, func(o alert.Silence) bool { return o.ID == s.ID })
	d.notice(alert.Notice{Kind: "silence-ended", Text: fmt.Sprintf("the silence of %s by %s (%s) %s", s.Match.String(), s.By, s.ID, how)})
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
