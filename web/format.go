package web

import (
	"fmt"
	"strconv"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// What one text on a page shows at most.
const mostText = 300

// text makes a text from outside fit for the page.
func text(s string) string { return alert.Cut(shown(s), mostText) }

func value(f phone.Field, v string) string {
	if v == "" {
		return "(empty)"
	}
	return text(f.Shown(v))
}

// stamp is a time with how long ago it is; the zero one has not come yet.
type stamp struct{ ISO, Exact, Ago string }

func since(t, now time.Time) stamp {
	if t.IsZero() {
		return stamp{Ago: "not yet"}
	}
	t = t.UTC()
	return stamp{ISO: t.Format(time.RFC3339), Exact: t.Format("2006-01-02 15:04:05") + " UTC", Ago: span(now.Sub(t))}
}

// span writes a duration with its two largest units.
func span(d time.Duration) string {
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	d = max(d, 0).Round(time.Second)
	for i, u := range units {
		if d < u.d && u.d > time.Second {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.d, u.name)
		if i+1 < len(units) && d%u.d >= units[i+1].d {
			text += fmt.Sprintf(" %d %s", d%u.d/units[i+1].d, units[i+1].name)
		}
		return text
	}
	return ""
}

// grouped writes a number with thin gaps between its thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

// many writes a number of things: "1 number", "3 numbers".
func many(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return grouped(n) + " " + thing
}

// A tone is how good a value is: the colour and the shape that stand before it.
type tone string

const (
	good  tone = "good"
	watch tone = "watch"
	bad   tone = "bad"
	dire  tone = "dire"
	off   tone = "off" // beside the scale
)

// toneOf places a value on its field's scale in as many steps as there are
// tones.
func toneOf(f phone.Field, v string) tone {
	rank, onScale := f.Rank(v)
	switch {
	case !onScale, f == phone.MessagingLimitTier, f == phone.IsOfficial:
		return off
	case rank <= 0:
		return good
	}
	worst := 0
	for _, one := range f.Values() {
		if r, ok := f.Rank(one); ok {
			worst = max(worst, r)
		}
	}
	switch {
	case rank == worst:
		return dire
	case 2*rank > worst:
		return bad
	default:
		return watch
	}
}

func severityTone(s alert.Severity) tone {
	return [...]tone{dire, bad, watch, off}[min(int(s), 3)]
}

// directionMark is how a move on the scale is shown, beside its word.
func directionMark(d phone.Direction) string {
	return map[phone.Direction]string{phone.Better: "↑", phone.Worse: "↓", phone.Sideways: "↔"}[d]
}
