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

// Deliver takes the result of one poll and returns once its consequences are
// committed.
func (l *Loop) Deliver(ctx context.Context, r poller.Result) (schedule.Outcome, error) {
	var out schedule.Outcome
	l.undelivered.Add(1)
	defer l.undelivered.Add(-1)
	err := l.submit(ctx, l.polls, func(t *batch) error {
		t.healthChanged(r.Space.Account)
		if !l.o.Directory.Has(r.Space) {
			return nil // it left while it was polled
		}
		t.polledInFirstRound(r.Space)
		if r.Err != nil {
			return nil
		}
		var err error
		out, err = t.observe(r.Snapshot, r.Previous)
		return err
	})
	if err != nil {
		return schedule.Outcome{}, err // if ctx has ended, the loop may still be writing out
	}
	return out, nil
}

// Record commits what a sink has delivered, and how it is.
func (l *Loop) Record(ctx context.Context, r alert.DeliveryUpdate) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		c := &t.commit
		c.Messages = append(c.Messages, r.Messages...)
		c.DropMessages = append(c.DropMessages, r.Drop...)
		for _, id := range r.Forget {
			if a, ok := l.state.Get(id); !ok || a.State.Closed() { // else it has opened again
				t.dropAlert(id)
			}
		}
		if r.Sink != nil {
			t.reported(r.Sink.Condition())
		}
		if r.Cursor == nil {
			return nil
		}
		b, err := json.Marshal(r.Cursor)
		if err != nil {
			return fmt.Errorf("encoding the cursor: %w", err)
		}
		t.checkpoint(CursorCheckpoint, b)
		return nil
	})
}

// Explained adds to an alert why it opened or got worse, and tells programs. One that is
// over by now stays as it is.
func (l *Loop) Explained(ctx context.Context, id string, reason alert.Reason) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		a, ok := l.state.Get(id)
		if !ok || a.State != alert.Firing || a.Reason != nil && *a.Reason == reason {
			return nil
		}
		a.Reason = &reason
		t.putAlert(a)
		said := a
		said.Transition = alert.Explained
		t.event(alert.Event{Kind: alert.KindAlert, Change: a.Change, Alert: &said})
		return nil
	})
}

// Save commits a checkpoint under a name.
func (l *Loop) Save(ctx context.Context, name string, value []byte) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		t.checkpoint(name, value)
		return nil
	})
}

// Note appends an event about the bot to the log.
func (l *Loop) Note(ctx context.Context, n alert.Notice) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		t.notice(n)
		return nil
	})
}

// SetSpaces replaces the spaces of an account. Spaces that leave are forgotten, and
// their alerts end. Silences apply to the new labels.
func (l *Loop) SetSpaces(ctx context.Context, account string, spaces []phone.Space) error {
	return l.setSpaces(ctx, account, spaces, false)
}

// SetPartialSpaces is SetSpaces while the account may have others as well, because
// their list is not available: what an earlier run knew of those is kept.
func (l *Loop) SetPartialSpaces(ctx context.Context, account string, spaces []phone.Space) error {
	return l.setSpaces(ctx, account, spaces, true)
}

func (l *Loop) setSpaces(ctx context.Context, account string, spaces []phone.Space, partial bool) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		l.partial[account] = partial
		joined, left := l.o.Directory.replace(account, spaces)
		t.forgetSpaces(left)
		t.updateFirstRound(account, joined, left)
		if l.started { // else Started does, once all are known
			t.updateHolds()
		}
		return nil
	})
}

// Started ends the alerts of spaces and accounts that left the configuration while
// the bot was not running, and of rules that are gone, and applies silences to the
// labels as they now are. Call it once after SetSpaces of every account, and then
// ForgetUnlisted.
func (l *Loop) Started(ctx context.Context) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		t.forgetUnlisted()
		t.judge(rules.Reloaded{})
		t.updateHolds()
		t.endLostSilences()
		l.started = true
		l.o.Messenger.Channels(l.rules.Channels())
		return nil
	})
}

// Reload puts a new set of rules in force, between two inputs.
func (l *Loop) Reload(ctx context.Context, set *rules.Set) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		l.rules = set
		t.judge(rules.Reloaded{})
		t.notice(alert.Notice{Kind: "rules-reloaded", Text: fmt.Sprintf("%d rules are in force", len(set.Rules()))})
		l.o.Messenger.Channels(set.Channels())
		return nil
	})
}
