package watch

import (
	"fmt"
	"slices"
	"time"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/poller"
	"numwatch/poller/cams"
)

const (
	// failingAfter is how many failures in a row make a space FAILING.
	failingAfter = 3
	// An account is FAILING when this many polls in a row failed, of at least
	// accountSpaces spaces: then one alert says what many would.
	accountFailures = 6
	accountSpaces   = 3
)

// health knows which spaces, accounts and sinks are not well.
type health struct {
	conditions map[phone.Subject]phone.Condition // those that are not OK
	failures   map[phone.SpaceKey]int            // in a row
	accounts   map[string]*streak
	turned     map[string]time.Time         // when an account was last found unwell, or well again, in this life
	joined     map[phone.SpaceKey]time.Time // of spaces that came while the bot ran and were not polled yet
}

// streak is a run of failed polls of an account.
type streak struct {
	polls  int
	spaces map[string]struct{} // at most accountSpaces of them
}

func newHealth(conditions []phone.Condition) *health {
	h := &health{
		conditions: map[phone.Subject]phone.Condition{},
		failures:   map[phone.SpaceKey]int{},
		accounts:   map[string]*streak{},
		turned:     map[string]time.Time{},
		joined:     map[phone.SpaceKey]time.Time{},
	}
	for _, c := range conditions {
		h.conditions[c.Subject] = c
	}
	return h
}

// value returns a subject's condition, OK if nothing else is known.
func (h *health) value(s phone.Subject) string {
	if c, ok := h.conditions[s]; ok {
		return c.Value
	}
	return phone.OK
}

// set remembers a condition.
func (h *health) set(c phone.Condition) {
	if c.Subject.Kind() == phone.OfAccount {
		h.turned[c.Subject.Account] = c.Since
	}
	if c.Value != phone.OK {
		h.conditions[c.Subject] = c
		return
	}
	delete(h.conditions, c.Subject)
}

// join remembers since when spaces can have been polled.
func (h *health) join(spaces []phone.SpaceKey, now time.Time) {
	for _, k := range spaces {
		h.joined[k] = now
	}
}

// forget drops what is known of a space, or of an account by a key without an
// ID; ok says that a stored condition has to go as well.
func (h *health) forget(k phone.SpaceKey) (c phone.Condition, ok bool) {
	delete(h.failures, k)
	delete(h.joined, k)
	s := phone.Subject{Account: k.Account, Space: k.ID}
	_, ok = h.conditions[s]
	delete(h.conditions, s)
	return phone.Condition{Subject: s, Field: phone.Poll, Value: phone.OK}, ok
}

// failed counts a failed poll and returns whether it makes its space or its
// account fail. While nothing but failures comes from several spaces, the
// account is what is in doubt, and none of its spaces.
func (h *health) failed(k phone.SpaceKey) (space, account bool) {
	h.failures[k]++
	a := h.accounts[k.Account]
	if a == nil {
		a = &streak{spaces: map[string]struct{}{}}
		h.accounts[k.Account] = a
	}
	a.polls++
	if len(a.spaces) < accountSpaces {
		a.spaces[k.ID] = struct{}{}
	}
	several := len(a.spaces) >= accountSpaces
	return h.failures[k] >= failingAfter && !several, several && a.polls >= accountFailures
}

func (h *health) succeeded(k phone.SpaceKey) {
	delete(h.failures, k)
	delete(h.joined, k)
	delete(h.accounts, k.Account)
}

// pollFailed commits what a failed poll means. A throttled one means nothing but
// delay; a space that goes without polls for too long is found by its age.
func (t *turn) pollFailed(r poller.Result) {
	account := phone.Subject{Account: r.Space.Account}
	space := phone.Subject{Account: r.Space.Account, Space: r.Space.ID}
	switch r.Err.Class {
	case cams.Throttled:
	case cams.DeniedAccount:
		t.condition(account, phone.Denied, r.Err.Code, r.Err.Error(), r.At)
	case cams.DeniedSpace:
		t.condition(space, phone.Denied, r.Err.Code, r.Err.Error(), r.At)
	default:
		spaceFails, accountFails := t.l.health.failed(r.Space)
		if accountFails {
			t.condition(account, phone.Failing, r.Err.Code, r.Err.Error(), r.At)
		}
		if spaceFails && t.l.health.value(account) == phone.OK {
			t.condition(space, phone.Failing, r.Err.Code, r.Err.Error(), r.At)
		}
	}
}

// pollSucceeded commits the recovery of a space and its account. A poll that was
// under way when the account was found unwell does not speak for the account.
func (t *turn) pollSucceeded(r poller.Result) {
	t.l.health.succeeded(r.Space)
	if !r.Started.Before(t.l.health.turned[r.Space.Account]) {
		t.condition(phone.Subject{Account: r.Space.Account}, phone.OK, "", "", r.At)
	}
	t.condition(phone.Subject{Account: r.Space.Account, Space: r.Space.ID}, phone.OK, "", "", r.At)
}

// condition commits the Poll of a space or account where it changed. What is
// DENIED stays so until a poll succeeds.
func (t *turn) condition(s phone.Subject, value, code, reason string, at time.Time) {
	old := t.l.health.value(s)
	if old == value || old == phone.Denied && value == phone.Failing {
		return
	}
	t.become(phone.Change{
		Subject: s, Field: phone.Poll, Old: old, New: value, Direction: phone.Poll.Direction(old, value),
		SeenAt: at, Code: code, Reason: reason,
	})
	if value == phone.OK {
		t.l.o.Log.Info("polls succeed again", "account", s.Account, "space", s.Space)
		return
	}
	t.l.o.Log.Warn("polls do not succeed", "account", s.Account, "space", s.Space, "state", value, "err", reason)
}

// sinkReported commits the Sink of a component of the bot where it changed.
func (t *turn) sinkReported(r *alert.SinkReport) {
	old := t.l.health.value(phone.Subject{Component: r.Component})
	if old != r.Value {
		t.become(r.Change(old))
	}
}

// become commits a change of a subject that is no number, and remembers it.
func (t *turn) become(c phone.Change) {
	condition := phone.Condition{
		Subject: c.Subject, Field: c.Field, Value: c.New, Code: c.Code, Reason: c.Reason, Since: c.SeenAt,
	}
	t.l.health.set(condition)
	t.commit.Conditions = append(t.commit.Conditions, condition)
	space := phone.Space{SpaceKey: c.Subject.SpaceKey()}
	if c.Subject.Kind() == phone.OfSpace {
		space = t.l.o.Directory.Space(c.Subject.SpaceKey())
	}
	t.changed(space, []phone.Change{c})
}

// findBlind commits FAILING for the spaces that nobody could poll for too long,
// whatever the reason. An account that is not well speaks for its spaces, and
// once it is well again they need time to be polled, as those do that just joined.
func (t *turn) findBlind(since time.Time) {
	if t.l.o.BlindAfter == nil {
		return
	}
	h := t.l.health
	limits := map[string]time.Duration{}
	for k := range t.l.o.Directory.Keys() {
		last := latest(since, t.l.seen[k], h.joined[k], h.turned[k.Account])
		limit, known := limits[k.Account]
		if !known {
			limit = t.l.o.BlindAfter(k.Account)
			limits[k.Account] = limit
		}
		if limit <= 0 || t.now.Sub(last) < limit || h.value(phone.Subject{Account: k.Account}) != phone.OK {
			continue
		}
		t.condition(phone.Subject{Account: k.Account, Space: k.ID}, phone.Failing, "NotPolled",
			fmt.Sprintf("no successful poll since %s", last.UTC().Format(time.RFC3339)), t.now)
	}
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
