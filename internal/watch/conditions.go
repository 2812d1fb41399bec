package watch

import (
	"context"

	"numwatch/phone"
	"numwatch/rules"
)

// conditions are the stored ones: of spaces, accounts and parts of the bot that are not OK.
type conditions map[phone.Subject]phone.Condition

func newConditions(stored []phone.Condition) conditions {
	c := conditions{}
	for _, s := range stored {
		c[s.Subject] = s
	}
	return c
}

// value returns a subject's condition, OK if nothing else is known.
func (c conditions) value(s phone.Subject) string {
	if known, ok := c[s]; ok {
		return known.Value
	}
	return phone.OK
}

func (c conditions) set(now phone.Condition) {
	if now.Value != phone.OK {
		c[now.Subject] = now
		return
	}
	delete(c, now.Subject)
}

// healthChanged commits what has changed in the health of an account and of its
// spaces. That of spaces which left while they were polled means nothing.
func (t *batch) healthChanged(account string) {
	h := t.l.o.health(account)
	if h == nil {
		return
	}
	for _, c := range h.Changes() {
		if k := c.Subject.SpaceKey(); k.ID != "" && !t.l.o.Directory.Has(k) {
			continue
		}
		t.become(c)
		if c.New == phone.OK {
			t.l.o.Log.Info("polls succeed again", "account", c.Subject.Account, "space", c.Subject.Space)
			continue
		}
		t.l.o.Log.Warn("polls are failing", "account", c.Subject.Account, "space", c.Subject.Space, "state", c.New, "err", c.Reason)
	}
}

// findBlind looks for spaces that could not be polled for too long.
func (t *batch) findBlind() {
	for _, account := range t.l.o.Directory.accountNames() {
		if h := t.l.o.health(account); h != nil && t.l.o.LongestWait != nil {
			h.FindBlind(t.now, t.l.o.LongestWait(account))
			t.healthChanged(account)
		}
	}
}

// Report commits the condition of a part of the bot.
func (l *Loop) Report(ctx context.Context, now phone.Condition) error {
	return l.submit(ctx, l.rest, func(t *batch) error {
		t.reported(now)
		return nil
	})
}

// reported commits the condition of a part of the bot where it is news, and reports
// whether its value is. Repeated reports of a sink with another count of waiting
// alerts are not news.
func (t *batch) reported(now phone.Condition) bool {
	old := t.l.conditions.value(now.Subject)
	before := t.l.conditions[now.Subject]
	switch {
	case old != now.Value:
		t.become(now.Change(old))
		return true
	case now.Value != phone.OK && now.Field != phone.Sink && (now.Code != before.Code || now.Reason != before.Reason):
		t.explain(now)
	}
	return false
}

// explain commits another reason for a condition. Its value is the same, so that
// the log has no change; what people see of the alert does.
func (t *batch) explain(now phone.Condition) {
	c := now.Change(now.Value)
	now.Since = t.l.conditions[now.Subject].Since
	t.l.conditions.set(now)
	t.commit.Conditions = append(t.commit.Conditions, now)
	t.judge(rules.Seen{Changes: []phone.Change{c}})
}

// become commits a change of a subject that is not a number, and its condition.
func (t *batch) become(c phone.Change) {
	condition := phone.Condition{
		Subject: c.Subject, Field: c.Field, Value: c.New, Code: c.Code, Reason: c.Reason, Since: c.SeenAt,
	}
	t.l.conditions.set(condition)
	t.commit.Conditions = append(t.commit.Conditions, condition)
	t.changed([]phone.Change{c})
}
