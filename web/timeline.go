package web

import (
	"slices"
	"strings"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// timeline is a number's past as a picture: a lane for each field that says how
// it is, with one stretch for each value, and a lane for each rule that spoke.
// Positions along are in percent, so that it fits any width.
type timeline struct {
	Lanes     []lane
	Ticks     []tick
	Height    int
	From      stamp
	Described string
}

type lane struct {
	Name      string
	Y         int
	Stretches []stretch // the newest first
}

type stretch struct {
	X, Width string // percent
	Text     string
	Title    string
	Tone     tone
	Alert    bool
}

const (
	laneText = 18 // pixels for a lane's name
	laneBar  = 24
	laneGap  = 10
	maxRules = 6
	shortest = time.Hour
	farthest = 90 * 24 * time.Hour
)

// The fields that always have a lane; others only if they changed.
var laneFields = []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus}

// newTimeline draws the events, which are newest first, up to now.
func newTimeline(n *phone.Number, events []alert.Event, now time.Time) timeline {
	reach := shortest
	if len(events) > 0 {
		oldest := events[len(events)-1].Change.SeenAt
		reach = max(min(now.Sub(oldest)*26/25, farthest), shortest)
	}
	d := drawing{from: now.Add(-reach), now: now, events: events}
	t := timeline{From: since(d.from, now), Ticks: ticks(d.from, reach, tickLayout(reach))}
	for _, f := range laneFields {
		t.Lanes = append(t.Lanes, lane{Name: f.String(), Stretches: d.values(f, n)})
	}
	for f := range phone.FieldsOfNumber() {
		if !slices.Contains(laneFields, f) && d.changed(f) {
			t.Lanes = append(t.Lanes, lane{Name: f.String(), Stretches: d.values(f, n)})
		}
	}
	t.Lanes = append(t.Lanes, d.rules()...)
	for i := range t.Lanes {
		t.Lanes[i].Y = t.Height + laneText
		t.Height += laneText + laneBar + laneGap
	}
	t.Height += 14 // for the times
	t.Described = described(t.Lanes)
	return t
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
func (d *drawing) stretch(what, text string, t tone, from, to time.Time) stretch {
	reach, begin := d.now.Sub(d.from), max(from.Sub(d.from), 0)
	return stretch{
		X: percent(begin, reach), Width: percent(max(to.Sub(d.from)-begin, 0), reach),
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
			text := alert.Cut(value(f, v), 60)
			out = append(out, d.stretch(f.String()+" "+text, text, toneOf(f, v), from, end))
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
	const layout = "Jan 2 15:04"
	until := "until " + to.UTC().Format(layout) + " UTC"
	if !to.Before(d.now) {
		until = "until now"
	}
	if !from.After(d.from) {
		return until
	}
	return "from " + from.UTC().Format(layout) + " " + until
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
			lanes = append(lanes, lane{Name: name})
		}
		s := d.stretch(a.Severity.String()+" "+name, a.Severity.String(), severityTone(a.Severity), a.Since, end)
		s.Alert = true
		lanes[at].Stretches = append(lanes[at].Stretches, s)
	}
	return lanes
}

type tick struct{ X, Text string }

// ticks marks a few times along a picture; its end is now.
func ticks(from time.Time, reach time.Duration, layout string) (all []tick) {
	const along = 3
	for i := range time.Duration(along) {
		all = append(all, tick{percent(i, along), from.Add(reach * i / along).UTC().Format(layout)})
	}
	return all
}

func tickLayout(reach time.Duration) string {
	switch {
	case reach > 8*24*time.Hour:
		return "Jan 2"
	case reach > 20*time.Hour:
		return "Jan 2 15:04"
	default:
		return "15:04"
	}
}

// described says what the picture shows to those who do not see it.
func described(lanes []lane) string {
	var parts []string
	for _, l := range lanes {
		if len(l.Stretches) > 0 {
			parts = append(parts, l.Stretches[0].Title)
		}
	}
	return alert.Cut("Timeline. Last: "+strings.Join(parts, "; "), 1000)
}
