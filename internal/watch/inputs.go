package watch

import (
	"context"
	"encoding/json"
	"fmt"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/schedule"
	"numwatch/rules"
)

// CursorCheckpoint is the checkpoint that holds NATS' alert.Cursor as JSON.
const CursorCheckpoint = "nats"

// Deliver takes the result of one poll and returns once what came of it is
// committed.
func (l *Loop) Deliver(ctx context.Context, r poller.Result) (schedule.Outcome, error) {
	var out schedule.Outcome
	err := l.submit(ctx, l.polls, func(d *draft) error {
		if !l.o.Directory.Has(r.Space) {
			return nil // it left while it was polled
		}
		d.roundGoesOn(r.Space)
		if r.Err != nil {
			d.pollFailed(r)
			return nil
		}
		var err error
		d.pollSucceeded(r)
		out, err = d.observe(r.Snapshot)
		return err
	})
	if err != nil {
		return schedule.Outcome{}, err // ctx may have ended: then the loop may still be writing out
	}
	return out, nil
}

// Record commits what a sink reports.
func (l *Loop) Record(ctx context.Context, r alert.DeliveryUpdate) error {
	return l.submit(ctx, l.rest, func(d *draft) error {
		c := &d.commit
		c.Messages = append(c.Messages, r.Messages...)
		c.DropMessages = append(c.DropMessages, r.Drop...)
		for _, id := range r.Forget {
			if a, ok := l.state.Get(id); !ok || a.State.Closed() { // else it has opened again
				d.forget(id)
			}
		}
		if r.Sink != nil {
			d.sinkReported(r.Sink)
		}
		if r.Cursor == nil {
			return nil
		}
		b, err := json.Marshal(r.Cursor)
		if err != nil {
			return fmt.Errorf("encoding the cursor: %w", err)
		}
		d.checkpoint(CursorCheckpoint, b)
		return nil
	})
}

// Save commits a checkpoint under a name.
func (l *Loop) Save(ctx context.Context, name string, value []byte) error {
	return l.submit(ctx, l.rest, func(d *draft) error {
		d.checkpoint(name, value)
		return nil
	})
}

// Note puts an event about the bot into the log.
func (l *Loop) Note(ctx context.Context, n alert.Notice) error {
	return l.submit(ctx, l.rest, func(d *draft) error {
		d.notice(n)
		return nil
	})
}

// SetSpaces replaces the spaces of an account. The alerts of those that leave
// end, and what was known of them is dropped. Silences go by the new labels.
func (l *Loop) SetSpaces(ctx context.Context, account string, spaces []phone.Space) error {
	return l.setSpaces(ctx, account, spaces, false)
}

// SetSomeSpaces is SetSpaces while the account may have others as well, because
// their list cannot be had: what an earlier run knew of those is kept.
func (l *Loop) SetSomeSpaces(ctx context.Context, account string, spaces []phone.Space) error {
	return l.setSpaces(ctx, account, spaces, true)
}

func (l *Loop) setSpaces(ctx context.Context, account string, spaces []phone.Space, partial bool) error {
	return l.submit(ctx, l.rest, func(d *draft) error {
		l.partial[account] = partial
		joined, left := l.o.Directory.replace(account, spaces)
		d.leave(left)
		d.roundMeets(account, joined, left)
		if l.begun { // else Started does, once all are known
			l.health.join(joined, d.now)
			d.rehold()
		}
		return nil
	})
}

// Started ends the alerts of spaces and accounts that left the configuration
// while the bot was not running, and of rules that are gone, and has silences go
// by the labels as they now are. Call it once after SetSpaces of every account,
// and then Sweep.
func (l *Loop) Started(ctx context.Context) error {
	return l.submit(ctx, l.rest, func(d *draft) error {
		d.leaveUnwatched()
		d.judge(rules.Reloaded{})
		d.rehold()
		l.begun = true
		l.o.Board.Channels(l.rules.Channels())
		return nil
	})
}

// Reload puts a new set of rules in force, between two inputs.
func (l *Loop) Reload(ctx context.Context, set *rules.Set) error {
	return l.submit(ctx, l.rest, func(d *draft) error {
		l.rules = set
		d.judge(rules.Reloaded{})
		d.notice(alert.Notice{Kind: "rules-reloaded", Text: fmt.Sprintf("%d rules are in force", len(set.Rules()))})
		l.o.Board.Channels(set.Channels())
		return nil
	})
}

// OpenAlerts returns the alerts that are pending or firing.
func (l *Loop) OpenAlerts(ctx context.Context) ([]alert.Alert, error) {
	var out []alert.Alert
	err := l.submit(ctx, l.rest, func(*draft) error {
		for a := range l.state.All() {
			if !a.State.Closed() {
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
