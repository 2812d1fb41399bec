package card

import (
	"cmp"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/notify/wording"
	"numwatch/phone"
)

const maxName = 60 // runes of a name that a customer chose

// say returns the words of the maker's language.
func (c *Maker) say() *wording.Catalogue { return wording.In(c.Language) }

// span writes a duration in the maker's language.
func (c *Maker) span(d time.Duration) string { return c.Language.Span(d) }

// who names a subject: a number with its name, a space, an account, a part of
// the bot.
func (c *Maker) who(a *alert.Alert) string {
	switch s := a.Subject; s.Kind() {
	case phone.OfNumber:
		return strings.TrimSpace(s.PhoneNumber + " " + alert.Cut(nameOf(a), maxName))
	case phone.OfSpace:
		return c.say().Space(c.spaceTitle(s))
	case phone.OfAccount:
		return c.say().Account(s.Account)
	default:
		return c.say().Part(s.Component)
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

func (c *Maker) value(f phone.Field, v string) string {
	if shown := f.Shown(v); shown != "" {
		return c.say().Value(f, shown)
	}
	return c.say().Empty
}

// state is a value with its field's name, which a status does without.
func (c *Maker) state(f phone.Field, v string) string {
	if c.name(f, v) == "" {
		return c.value(f, v)
	}
	return c.say().State(f, c.value(f, v))
}

// name is what a field's value is called; a status needs no name.
func (c *Maker) name(f phone.Field, v string) string {
	if f == phone.Status && v != "" {
		return ""
	}
	return c.say().Field(f)
}

// was is the value before, "" where none is known or it is the same: an alert that
// opens at the first poll of a number, or by another field's change, has no move
// to show.
func (c *Maker) was(a *alert.Alert) string {
	if !moved(a) {
		return ""
	}
	return c.value(a.Field, a.Change.Old)
}

func moved(a *alert.Alert) bool {
	c := &a.Change
	return c.Old != c.New && (c.Old != "" || !a.Baseline && !a.Field.IsEnum() && a.Field.OfNumber())
}

// fact says what an alert is about: "QualityRating RED, was GREEN".
func (c *Maker) fact(a *alert.Alert) string {
	text := c.state(a.Field, a.Change.New)
	if old := c.was(a); old != "" {
		text += c.say().Was(old)
	}
	return text
}

// step is the move of a value, as lists show it: "GREEN → RED".
func (c *Maker) step(a *alert.Alert) string {
	text := c.value(a.Field, a.Change.New)
	if old := c.was(a); old != "" {
		text = old + " → " + text
	}
	return text
}

// headline is what happened, as the rule puts it.
func (c *Maker) headline(a *alert.Alert) string {
	return cmp.Or(c.texts(a).Summary.Plain(), c.who(a)+c.say().Colon+c.fact(a))
}

// cause is why a poll fails or a sink is parked, where that is not said otherwise.
func (c *Maker) cause(a *alert.Alert, said string) string {
	why := cmp.Or(a.Change.Code, a.Change.Reason)
	if why == "" || strings.Contains(said, alert.Plain(why)) {
		return ""
	}
	return c.say().Colon + why
}

// again says that an open alert was closed before.
func (c *Maker) again(a *alert.Alert) string {
	switch {
	case a.Flapping:
		return c.say().Comma + c.say().Flapping(c.flapping(a))
	case a.Openings > 1:
		return c.say().OpenAgain
	default:
		return ""
	}
}

// flapping says how often the value came and went, and when it is told again.
func (c *Maker) flapping(a *alert.Alert) string {
	n := len(a.Flaps)
	if n == 0 {
		return c.say().ComesGoes
	}
	bad := a.Change.New
	if a.State.Closed() {
		bad = a.Change.Old
	}
	text := c.say().Flaps(n, c.value(a.Field, bad), c.span(a.Flaps[n-1].Sub(a.Flaps[0])))
	if c.SettleAfter == nil || c.SettleAfter() <= 0 {
		return text
	}
	return text + c.say().NextWord(c.span(c.SettleAfter()))
}

// valueSince is since when the field has its value: a number that was restricted
// for days may be banned since a minute ago.
func valueSince(a *alert.Alert) time.Time {
	if at := a.Change.SeenAt; !at.IsZero() && at.Before(a.Changed) {
		return at
	}
	return a.Changed
}

// stands says how long an alert has been in its state.
func (c *Maker) stands(a *alert.Alert, now time.Time) string {
	text := c.say().For(c.state(a.Field, a.Change.New), c.span(now.Sub(valueSince(a))))
	if a.Since.Before(valueSince(a)) {
		text += c.say().OpenFor(c.span(now.Sub(a.Since)))
	}
	return text + c.cause(a, "")
}

// was is the value that the field had at its worst.
func (e ending) was() string {
	c, f := &e.worst.Change, e.worst.Field
	if e.worst.State == alert.Ended && !f.EndsLife(c.New) { // no change of the field ended it
		return c.New
	}
	return c.Old
}

func (c *Maker) endedFrom(e ending) string { return c.value(e.worst.Field, e.was()) }

// now says what became of the field.
func (c *Maker) now(e ending) string {
	a := e.last
	switch {
	case a.State == alert.Ended && a.Closing == "":
		return c.say().Ended
	case a.State == alert.Ended:
		return c.say().Closing(a.Closing)
	case a.Change.Old == a.Change.New && a.Closing == "":
		return c.say().Over(a.Field)
	case a.Change.Old == a.Change.New:
		return c.say().Still(a.Field, c.value(a.Field, a.Change.New), a.Closing)
	case a.Recovered():
		return c.state(a.Field, a.Change.New)
	default:
		return c.say().Now(c.name(a.Field, a.Change.New), c.value(a.Field, a.Change.New))
	}
}

// outcome is the ending beside others, as in "QualityRating GREEN again, was RED".
func (c *Maker) outcome(e ending) string {
	text, a := c.now(e), e.last
	if a.Recovered() && a.Change.New == e.worst.Before {
		text = c.say().Again(c.name(a.Field, a.Change.New), c.value(a.Field, a.Change.New))
	}
	return text + c.say().Was(c.endedFrom(e))
}

// ended says how an incident ended and after how long.
func (c *Maker) ended(in *incident) string {
	if a := in.closed[0].last; a.Field == phone.Presence && a.Recovered() && !a.Change.AwaySince.IsZero() {
		return c.say().Back(a.Closing, c.span(a.Change.SeenAt.Sub(a.Change.AwaySince)))
	}
	begin, end := in.lasted()
	return c.say().EndedAfter(in.mark().Color == Green, c.span(end.Sub(begin)), c.now(in.closed[0]), c.endedFrom(in.closed[0]))
}

// otherEnds says how the other fields of the incident ended.
func (c *Maker) otherEnds(in *incident) (text string) {
	for _, e := range in.closed[1:] {
		text += c.say().Semicolon + c.outcome(e)
	}
	return text
}

// meanwhile is for alerts that were over before the message was posted.
func (c *Maker) meanwhile(closed time.Time, mark Mark, at time.Time) string {
	if closed.After(at) {
		return ""
	}
	return c.say().Meanwhile(c.say().Inner(mark.Word))
}

// UTC writes a time for those whose zone is not known.
func UTC(t time.Time) string { return wording.In(phone.English).Time(t) }

// texts are what an alert's rule says.
func (c *Maker) texts(a *alert.Alert) alert.Texts { return a.Texts(c.Language) }
