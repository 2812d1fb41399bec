package card

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

const maxName = 60 // runes of a name that a customer chose

// who names a subject: a number with its name, a space, an account, a part of
// the bot.
func (c *Maker) who(a *alert.Alert) string {
	switch s := a.Subject; s.Kind() {
	case phone.OfNumber:
		return strings.TrimSpace(s.PhoneNumber + " " + alert.Cut(nameOf(a), maxName))
	case phone.OfSpace:
		return "Space " + c.spaceTitle(s)
	case phone.OfAccount:
		return "Account " + s.Account
	default:
		return "numwatch " + s.Component
	}
}

func nameOf(a *alert.Alert) string {
	if a.Change.Number == nil {
		return ""
	}
	return a.Change.Number.Get(phone.VerifiedName)
}

func (c *Maker) described(s phone.Subject) phone.Space {
	if c.Space == nil {
		return phone.Space{SpaceKey: s.SpaceKey()}
	}
	return c.Space(s.SpaceKey())
}

func (c *Maker) spaceTitle(s phone.Subject) string { return cmp.Or(c.described(s).Name, s.Space) }

func value(f phone.Field, v string) string { return cmp.Or(f.Shown(v), "(empty)") }

// state is a value with its field's name, which a status does without.
func state(f phone.Field, v string) string {
	if f == phone.Status && v != "" {
		return v
	}
	return f.String() + " " + value(f, v)
}

// was is the value before, "" where none is known or it is the same: what opens at
// the first sight of a number, or by another field's change, went nowhere.
func was(a *alert.Alert) string {
	c := &a.Change
	if c.Old == c.New || c.Old == "" && (a.Baseline || a.Field.IsEnum() || !a.Field.OfNumber()) {
		return ""
	}
	return value(a.Field, c.Old)
}

// fact says what an alert is about: "QualityRating RED, was GREEN".
func fact(a *alert.Alert) string {
	text := state(a.Field, a.Change.New)
	if old := was(a); old != "" {
		text += ", was " + old
	}
	return text
}

// move is the fact as lists show it: "QualityRating GREEN → RED".
func move(a *alert.Alert) string {
	text := value(a.Field, a.Change.New)
	if old := was(a); old != "" {
		text = old + " → " + text
	}
	return a.Field.String() + " " + text
}

// headline is what happened, as the rule puts it.
func (c *Maker) headline(a *alert.Alert) string {
	return cmp.Or(a.Summary.Plain(), c.who(a)+": "+fact(a))
}

// cause is why a poll fails or a sink is parked, where that is not said otherwise.
func cause(a *alert.Alert, said string) string {
	why := cmp.Or(a.Change.Code, a.Change.Reason)
	if why == "" || strings.Contains(said, alert.Plain(why)) {
		return ""
	}
	return ": " + why
}

// again says of what is open that it was closed before.
func (c *Maker) again(a *alert.Alert) string {
	switch {
	case a.Flapping:
		return ", flapping: " + c.flapping(a)
	case a.Openings > 1:
		return ", open again"
	default:
		return ""
	}
}

// flapping says how often the value came and went, and when it is told again.
func (c *Maker) flapping(a *alert.Alert) string {
	n := len(a.Flaps)
	if n == 0 {
		return "it comes and goes"
	}
	bad := a.Change.New
	if a.State.Closed() {
		bad = a.Change.Old
	}
	text := fmt.Sprintf("%d times %s in %s", n, value(a.Field, bad), phone.Span(a.Flaps[n-1].Sub(a.Flaps[0])))
	if c.SettleAfter == nil || c.SettleAfter() <= 0 {
		return text
	}
	return text + "; next word when it stays for " + phone.Span(c.SettleAfter())
}

// valueSince is since when the field has its value: a number that was restricted
// for days may be banned since a minute ago.
func valueSince(a *alert.Alert) time.Time {
	if at := a.Change.SeenAt; !at.IsZero() && at.Before(a.Changed) {
		return at
	}
	return a.Changed
}

// stands says for how long an alert has stood as it does.
func stands(a *alert.Alert, now time.Time) string {
	text := state(a.Field, a.Change.New) + " for " + phone.Span(now.Sub(valueSince(a)))
	if a.Since.Before(valueSince(a)) {
		text += " (open for " + phone.Span(now.Sub(a.Since)) + ")"
	}
	return text + cause(a, "")
}

// was is the value that the field had at its worst.
func (e ending) was() string {
	c, f := &e.worst.Change, e.worst.Field
	if e.worst.State == alert.Ended && !f.EndsLife(c.New) { // no change of the field ended it
		return value(f, c.New)
	}
	return value(f, c.Old)
}

// now says what became of the field.
func (e ending) now() string {
	a := e.last
	switch {
	case a.State == alert.Ended:
		return cmp.Or(a.Closing, "ended")
	case a.Change.Old == a.Change.New:
		return a.Field.String() + " " + cmp.Or(a.Closing, "is over")
	case a.Recovered():
		return state(a.Field, a.Change.New)
	default:
		return "now " + state(a.Field, a.Change.New)
	}
}

// outcome is the ending beside others, as in "QualityRating GREEN again, was RED".
func (e ending) outcome() string {
	text := e.now()
	if e.last.Recovered() && e.last.Change.New == e.worst.Before {
		text += " again"
	}
	return text + ", was " + e.was()
}

// ended says how an incident ended and after how long.
func (in *incident) ended() string {
	if a := in.closed[0].last; a.Field == phone.Presence && a.Recovered() && !a.Change.AwaySince.IsZero() {
		return " is " + a.Closing // back after …
	}
	begin, end := in.lasted()
	text := " after " + phone.Span(end.Sub(begin)) + ": " + in.closed[0].now() + " (was " + in.closed[0].was() + ")"
	if in.mark().Color == Green {
		return " recovered" + text
	}
	return text
}

// otherEnds says how the other fields of the incident ended.
func (in *incident) otherEnds() (text string) {
	for _, e := range in.closed[1:] {
		text += "; " + e.outcome()
	}
	return text
}

// meanwhile is said of what was over before the message was posted.
func meanwhile(closed time.Time, mark Mark, at time.Time) string {
	if closed.After(at) {
		return ""
	}
	return "opened and " + strings.ToLower(mark.Word) + " meanwhile"
}

// UTC writes a time for those whose zone is not known.
func UTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
