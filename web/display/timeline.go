package display

import (
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Timeline is a number's past as a picture: a lane for each field that says how
// it is, with one stretch for each value, and a lane for each rule that spoke.
// Positions along are in percent, so that it fits any width. It begins where the number
// was seen first, or later.
type Timeline struct {
	Ranges    []Link
	Lanes     []lane
	Ticks     []tick
	From      Stamp
	Described string
}

type lane struct {
	Name      string
	Stretches []stretch // the newest first
	// Present is what holds now, in full; "": it is not known, or no alert is open.
	Present string
	Tone    Tone
	Alert   string // id of the latest alert of the lane's rule; "" for the lane of a field
}

type stretch struct {
	X, Width string // percent
	Text     string
	Title    string
	Tone     Tone
	Alert    bool
}

const (
	maxRules = 6
	shortest = 10 * time.Minute
)

// timelineRanges are how far back a timeline may go, never to before the number was seen
// first.
var timelineRanges = []struct {
	name, text string
	reach      time.Duration // 0: to when it was seen first
}{{"", "Since first seen", 0}, {"1d", "1 day", 24 * time.Hour}, {"7d", "7 days", 7 * 24 * time.Hour}, {"90d", "90 days", 90 * 24 * time.Hour}}

// TimelineRanges names them.
func TimelineRanges() (names []string) {
	for _, one := range timelineRanges {
		names = append(names, one.name)
	}
	return names
}

// The fields that always have a lane; others only if they changed.
var laneFields = []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus}

// NewTimeline draws the events, which are newest first, up to now, over the range of a
// name.
func NewTimeline(n *phone.Number, events []alert.Event, now time.Time, over string) Timeline {
	var t Timeline
	reach := shortest
	if len(events) > 0 {
		reach = max(now.Sub(events[len(events)-1].Change.SeenAt), shortest)
	}
	for _, one := range timelineRanges {
		here := one.name == over
		t.Ranges = append(t.Ranges, Link{Text: one.text, Href: "?over=" + one.name + "#past", Here: here})
		if here && one.reach > 0 {
			reach = min(reach, one.reach)
		}
	}
	d := drawing{from: now.Add(-reach), now: now, events: events}
	t.From, t.Ticks = Since(d.from, now), ticks(d.from, reach, tickLayout(reach))
	for f := range phone.FieldsOfNumber() {
		if slices.Contains(laneFields, f) || d.changed(f) {
			l := lane{Name: f.String(), Stretches: d.values(f, n), Tone: Off}
			if n.Has(f) {
				l.Present, l.Tone = Value(f, n.Get(f)), ToneOf(f, n.Get(f))
			}
			t.Lanes = append(t.Lanes, l)
		}
	}
	slices.SortStableFunc(t.Lanes, func(a, b lane) int { return placeOfLane(a) - placeOfLane(b) })
	t.Lanes = append(t.Lanes, d.rules()...)
	t.Described = described(t.Lanes)
	return t
}

// placeOfLane puts the fields that always have a lane first.
func placeOfLane(l lane) int {
	i := slices.IndexFunc(laneFields, func(f phone.Field) bool { return f.String() == l.Name })
	if i < 0 {
		return len(laneFields)
	}
	return i
}

// drawing places events, newest first, between two times.
type drawing struct {
	from, now time.Time
	events    []alert.Event
}

func (d *drawing) changed(f phone.Field) bool {
	return slices.ContainsFunc(d.events, func(e alert.Event) bool { return e.Kind == alert.KindChange && e.Change.Field == f })
}

// stretch says what holds from one time to another.
func (d *drawing) stretch(what, text string, t Tone, from, to time.Time) stretch {
	reach, begin := d.now.Sub(d.from), max(from.Sub(d.from), 0)
	return stretch{
		X: Percent(begin, reach), Width: Percent(max(to.Sub(d.from)-begin, 0), reach),
		Text: text, Title: what + " " + d.when(from, to), Tone: t,
	}
}

// values draws the values of a field, from now back. What it was before the
// oldest event follows from that event; a number that appeared was not there
// before.
func (d *drawing) values(f phone.Field, n *phone.Number) (out []stretch) {
	end, v, known, changed := d.now, "", false, false
	draw := func(from time.Time) {
		if known && end.After(d.from) && end.After(from) {
			text := alert.Cut(Value(f, v), 60)
			out = append(out, d.stretch(f.String()+" "+text, text, ToneOf(f, v), from, end))
		}
		end, changed = from, true
	}
	for i := range d.events {
		c := &d.events[i].Change
		switch {
		case d.events[i].Kind != alert.KindChange:
		case c.Field == phone.Presence:
			if c.New == phone.Appeared && c.Number != nil && c.Number.Has(f) {
				v, known = c.Number.Get(f), true
			}
			draw(c.SeenAt)
			known = false
		case c.Field == f:
			v, known = c.New, true
			draw(c.SeenAt)
			v, known = c.Old, c.Old != ""
		}
	}
	if !changed {
		v, known = n.Get(f), n.Has(f)
	}
	draw(d.from)
	return out
}

// when says over what time a stretch goes.
func (d *drawing) when(from, to time.Time) string {
	until := "until " + Clock(to)
	if !to.Before(d.now) {
		until = "until now"
	}
	if !from.After(d.from) {
		return until
	}
	return "from " + Clock(from) + " " + until
}

// rules draws when the alerts of each rule were open, those of late first.
func (d *drawing) rules() (lanes []lane) {
	later := map[string]bool{} // alerts of which a later event is drawn
	for i := range d.events {
		a := d.events[i].Alert
		if a == nil || later[a.ID] && !a.State.Closed() {
			continue
		}
		later[a.ID] = true
		end := d.now
		if a.State.Closed() {
			end = a.Changed
		}
		name := "alert " + a.Rule
		at := slices.IndexFunc(lanes, func(l lane) bool { return l.Name == name })
		if !end.After(d.from) || at < 0 && len(lanes) == maxRules {
			continue
		}
		if at < 0 {
			at = len(lanes)
			lanes = append(lanes, lane{Name: name, Alert: a.ID, Tone: Off})
			if !a.State.Closed() {
				lanes[at].Present, lanes[at].Tone = a.Severity.String(), SeverityTone(a.Severity)
			}
		}
		s := d.stretch(a.Severity.String()+" "+name, a.Severity.String(), SeverityTone(a.Severity), a.Since, end)
		s.Alert = true
		lanes[at].Stretches = append(lanes[at].Stretches, s)
	}
	return lanes
}

// tick marks a time along a picture. Text is in UTC; a browser writes At in its reader's
// zone, in the same form.
type tick struct{ X, Text, At, Form string }

// ticks marks a few times along a picture; its end is now.
func ticks(from time.Time, reach time.Duration, form tickForm) (all []tick) {
	const along = 3
	for i := range time.Duration(along) {
		at := from.Add(reach * i / along).UTC()
		all = append(all, tick{Percent(i, along), at.Format(form.layout), at.Format(time.RFC3339), form.name})
	}
	return all
}

// tickForm is how the times along a picture are written.
type tickForm struct{ name, layout string }

var (
	formDay     = tickForm{"day", "Jan 2"}
	formDayTime = tickForm{"day time", "Jan 2 15:04"}
	formTime    = tickForm{"time", "15:04"}
)

func tickLayout(reach time.Duration) tickForm {
	switch {
	case reach > 8*24*time.Hour:
		return formDay
	case reach > 20*time.Hour:
		return formDayTime
	default:
		return formTime
	}
}

// described describes the picture for screen readers.
func described(lanes []lane) string {
	var parts []string
	for _, l := range lanes {
		if len(l.Stretches) > 0 {
			parts = append(parts, l.Stretches[0].Title)
		}
	}
	return alert.Cut("Timeline. Last: "+strings.Join(parts, "; "), 1000)
}
