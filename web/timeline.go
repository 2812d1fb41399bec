package web

import (
	"slices"
	"sort"
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
	Base      int
	From, To  stamp
	Described string
}

type lane struct {
	Name      string
	TextY     int
	Y         int
	Stretches []stretch
}

type stretch struct {
	X, Width string // percent
	Text     string
	Title    string
	Tone     tone
	Alert    bool
}

const (
	laneText   = 18 // pixels for a lane's name
	laneBar    = 24
	laneGap    = 10
	maxRules   = 6
	shortest   = time.Hour
	farthest   = 90 * 24 * time.Hour
	ticksAlong = 3
)

// The fields that always have a lane; others only if they changed.
var laneFields = []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus}

// newTimeline draws the events, which are newest first, up to now.
func newTimeline(n *phone.Number, events []alert.Event, now time.Time) timeline {
	from := now.Add(-shortest)
	if len(events) > 0 {
		oldest := events[len(events)-1].Change.SeenAt
		reach := max(min(now.Sub(oldest)*26/25, farthest), shortest)
		from = now.Add(-reach)
	}
	d := drawing{from: from, now: now, events: slices.Clone(events)}
	slices.Reverse(d.events)
	t := timeline{From: since(from, now), To: since(now, now)}
	for f := range phone.FieldsOfNumber() {
		if slices.Contains(laneFields, f) || d.changes(f) > 0 {
			t.Lanes = append(t.Lanes, lane{Name: f.String(), Stretches: d.values(f, n)})
		}
	}
	sort.SliceStable(t.Lanes, func(i, j int) bool { return laneRank(t.Lanes[i].Name) < laneRank(t.Lanes[j].Name) })
	t.Lanes = append(t.Lanes, d.rules()...)
	y := 0
	for i := range t.Lanes {
		t.Lanes[i].TextY, t.Lanes[i].Y = y+laneText-5, y+laneText
		y += laneText + laneBar + laneGap
	}
	t.Base, t.Height = y+8, y+14
	t.Ticks = d.ticks()
	t.Described = described(t.Lanes)
	return t
}

// laneRank puts the usual fields first.
func laneRank(name string) int {
	i := slices.IndexFunc(laneFields, func(f phone.Field) bool { return f.String() == name })
	if i < 0 {
		return len(laneFields)
	}
	return i
}

// drawing places events, oldest first, between two times.
type drawing struct {
	from, now time.Time
	events    []alert.Event
}

func (d *drawing) place(t time.Time) string {
	at := min(max(t.Sub(d.from), 0), d.now.Sub(d.from))
	return percent(int(at/time.Millisecond), int(d.now.Sub(d.from)/time.Millisecond))
}

func (d *drawing) between(from, to time.Time) (x, width string) {
	x = d.place(from)
	start := max(from.Sub(d.from), 0)
	length := max(to.Sub(d.from)-start, 0)
	return x, percent(int(length/time.Millisecond), int(d.now.Sub(d.from)/time.Millisecond))
}

func (d *drawing) changes(f phone.Field) (n int) {
	for i := range d.events {
		if e := &d.events[i]; e.Kind == alert.KindChange && e.Change.Field == f {
			n++
		}
	}
	return n
}

// values draws the values of a field. What it was before the first event follows
// from that event; a number that appeared was not there before.
func (d *drawing) values(f phone.Field, n *phone.Number) []stretch {
	var out []stretch
	begun, v, known := d.from, "", false
	if d.changes(f) == 0 && !d.appeared() {
		v, known = n.Get(f), n.Has(f)
	}
	end := func(at time.Time) {
		if known && at.After(d.from) && at.After(begun) {
			out = append(out, d.stretch(f, v, begun, at))
		}
		begun = at
	}
	for i := range d.events {
		e := &d.events[i]
		c := &e.Change
		switch {
		case e.Kind != alert.KindChange:
		case c.Field == phone.Presence:
			end(c.SeenAt)
			known = c.New == phone.Appeared && c.Number != nil && c.Number.Has(f)
			if known {
				v = c.Number.Get(f)
			}
		case c.Field == f:
			if !known && c.Old != "" {
				v, known = c.Old, true
			}
			end(c.SeenAt)
			v, known = c.New, true
		}
	}
	end(d.now)
	return out
}

// appeared reports whether the events begin with the number's first sight.
func (d *drawing) appeared() bool {
	return slices.ContainsFunc(d.events, func(e alert.Event) bool {
		return e.Kind == alert.KindChange && e.Change.Field == phone.Presence
	})
}

func (d *drawing) stretch(f phone.Field, v string, from, to time.Time) stretch {
	x, width := d.between(from, to)
	s := stretch{X: x, Width: width, Text: alert.Cut(value(f, v), 60), Tone: toneOf(f, v)}
	s.Title = f.String() + " " + s.Text + " " + d.when(from, to)
	return s
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
func (d *drawing) rules() []lane {
	var names []string
	lanes := map[string]*lane{}
	open := map[string]*alert.Alert{}
	draw := func(a *alert.Alert, to time.Time) {
		l := lanes[a.Rule]
		if l == nil {
			l = &lane{Name: "alert " + a.Rule}
			lanes[a.Rule] = l
			names = append(names, a.Rule)
		}
		if !to.After(d.from) {
			return
		}
		x, width := d.between(a.Since, to)
		l.Stretches = append(l.Stretches, stretch{
			X: x, Width: width, Text: a.Severity.String(), Tone: severityTone(a.Severity), Alert: true,
			Title: a.Severity.String() + " alert " + a.Rule + " " + d.when(a.Since, to),
		})
	}
	for i := range d.events {
		a := d.events[i].Alert
		switch {
		case a == nil:
		case a.State.Closed():
			delete(open, a.ID)
			draw(a, a.Changed)
		default:
			open[a.ID] = a
		}
	}
	for i := range d.events {
		if a := d.events[i].Alert; a != nil && open[a.ID] == a {
			draw(a, d.now)
		}
	}
	var out []lane
	slices.Reverse(names)
	for _, name := range names[:min(len(names), maxRules)] {
		if len(lanes[name].Stretches) > 0 {
			out = append(out, *lanes[name])
		}
	}
	return out
}

func (d *drawing) ticks() []tick {
	reach := d.now.Sub(d.from)
	layout := "15:04"
	switch {
	case reach > 8*24*time.Hour:
		layout = "Jan 2"
	case reach > 20*time.Hour:
		layout = "Jan 2 15:04"
	}
	var ticks []tick
	for i := range ticksAlong {
		at := d.from.Add(reach * time.Duration(i) / ticksAlong).UTC()
		ticks = append(ticks, tick{d.place(at), at.Format(layout), "start"})
	}
	return append(ticks, tick{"100%", "now", "end"})
}

// described says what the picture shows to those who do not see it.
func described(lanes []lane) string {
	var parts []string
	for _, l := range lanes {
		if len(l.Stretches) > 0 {
			parts = append(parts, l.Stretches[len(l.Stretches)-1].Title)
		}
	}
	return alert.Cut("Timeline. Last: "+strings.Join(parts, "; "), 1000)
}
