package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"numwatch/alert"
	"numwatch/phone"
)

// Ack acknowledges an alert until it closes or gets worse. An unknown alert is
// alert.ErrNotFound, a closed one alert.ErrRejected.
func (l *Loop) Ack(ctx context.Context, id, by string) (alert.Alert, error) {
	return l.acknowledge(ctx, id, "acknowledged", by, func(t *batch) *alert.Ack { return &alert.Ack{By: by, At: t.now} })
}

// Unack withdraws an acknowledgement.
func (l *Loop) Unack(ctx context.Context, id, by string) (alert.Alert, error) {
	return l.acknowledge(ctx, id, "unacknowledged", by, func(*batch) *alert.Ack { return nil })
}

func (l *Loop) acknowledge(ctx context.Context, id, kind, by string, ack func(*batch) *alert.Ack) (alert.Alert, error) {
	return ask(ctx, l, func(t *batch) (alert.Alert, error) {
		a, ok := l.state.Get(id)
		switch {
		case !ok:
			return a, fmt.Errorf("%w: alert %s", alert.ErrNotFound, id)
		case a.State.Closed():
			return a, fmt.Errorf("%w: alert %s is %s", alert.ErrRejected, id, a.State)
		case by == "":
			return a, fmt.Errorf("%w: name is empty", alert.ErrRejected)
		}
		a.Ack = ack(t)
		t.putAlert(a)
		t.notice(alert.Notice{Kind: kind, Text: fmt.Sprintf("%s %s %s (%s, %s)", by, kind, a.ID, a.Rule, a.Subject)})
		return a, nil
	})
}

// Drill sends a made-up alert of a rule through all sinks, marked as a drill. Real
// alerts stay as they are. The space, by its id or as account/id, provides name and
// labels; "" is a made-up one. An unknown rule or space is alert.ErrNotFound, an id that
// several accounts have alert.ErrRejected.
func (l *Loop) Drill(ctx context.Context, rule, space, by string) (alert.Alert, error) {
	return ask(ctx, l, func(t *batch) (alert.Alert, error) {
		in := phone.Space{SpaceKey: phone.SpaceKey{Account: "drill", ID: cmp.Or(space, "drill")}, Name: "Drill"}
		if space != "" {
			var err error
			if in, err = l.configured(space); err != nil {
				return alert.Alert{}, err
			}
		}
		a, ok := l.rules.Drill(rule, in, t.now)
		if !ok {
			return a, fmt.Errorf("%w: rule %s", alert.ErrNotFound, rule)
		}
		t.putAlert(a)
		t.event(alert.Event{Kind: alert.KindAlert, Change: a.Change, Alert: &a})
		t.notice(alert.Notice{Kind: "drill", Text: fmt.Sprintf("%s drills %s (%s)", by, rule, a.ID)})
		return a, nil
	})
}

// configured finds a space by its id or as account/id.
func (l *Loop) configured(name string) (phone.Space, error) {
	var found []string // as account/id
	var space phone.SpaceKey
	for k := range l.o.Directory.Keys() {
		switch name {
		case k.String():
			return l.o.Directory.Space(k), nil
		case k.ID:
			found, space = append(found, k.String()), k
		}
	}
	switch len(found) {
	case 0:
		return phone.Space{}, fmt.Errorf("%w: space %s", alert.ErrNotFound, name)
	case 1:
		return l.o.Directory.Space(space), nil
	default:
		slices.Sort(found)
		return phone.Space{}, fmt.Errorf("%w: several accounts have a space %s: give one as in --space %s (there are %s)",
			alert.ErrRejected, name, found[0], strings.Join(found, ", "))
	}
}

// ask submits a request and returns its answer once it is committed. A rejection
// is the caller's error, and does not stop the loop.
func ask[T any](ctx context.Context, l *Loop, request func(*batch) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	// A channel, because the loop may still be answering when ctx has ended.
	answers := make(chan answer, 1)
	err := l.submit(ctx, l.rest, func(t *batch) error {
		value, err := request(t)
		answers <- answer{value, err}
		return nil
	})
	var none T
	if err != nil {
		return none, err
	}
	a := <-answers
	if a.err != nil {
		return none, a.err
	}
	return a.value, nil
}
