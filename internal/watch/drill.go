package watch

import (
	"cmp"
	"context"
	"fmt"

	"numwatch/alert"
	"numwatch/phone"
)

// Drill sends what a rule would say through all sinks, about values that are
// made up and marked as a drill. Alerts that there are stay as they are. The
// space, by its id, gives it a name and labels; "" is a made-up one. An unknown
// rule or space is ErrUnknown.
func (l *Loop) Drill(ctx context.Context, rule, space, by string) (alert.Alert, error) {
	var a alert.Alert
	err := l.ask(ctx, func(d *draft) error {
		in := phone.Space{SpaceKey: phone.SpaceKey{Account: "drill", ID: cmp.Or(space, "drill")}, Name: "Drill"}
		if space != "" {
			var ok bool
			if in, ok = l.configured(space); !ok {
				return fmt.Errorf("%w: space %s", ErrUnknown, space)
			}
		}
		var ok bool
		if a, ok = l.rules.Drill(rule, in, d.now); !ok {
			return fmt.Errorf("%w: rule %s", ErrUnknown, rule)
		}
		l.state.Apply(a)
		d.commit.Alerts = append(d.commit.Alerts, a)
		d.event(alert.Event{Kind: alert.KindAlert, Change: a.Change, Alert: &a})
		d.notice(alert.Notice{Kind: "drill", Text: fmt.Sprintf("%s drills %s (%s)", by, rule, a.ID)})
		return nil
	})
	if err != nil {
		return alert.Alert{}, err // as in Deliver
	}
	return a, nil
}

// configured finds a space by its id.
func (l *Loop) configured(id string) (phone.Space, bool) {
	for k := range l.o.Directory.Keys() {
		if k.ID == id {
			return l.o.Directory.Space(k), true
		}
	}
	return phone.Space{}, false
}
