package display

import (
	"strconv"
	"time"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
)

// BarsOf returns what counts the changes among events up to now, in several bars of a
// width. First sights are no changes.
func BarsOf(events []alert.Event) func(now time.Time, several int, width time.Duration) []view.Bar {
	return func(now time.Time, several int, width time.Duration) []view.Bar {
		return barsOf(events, now, several, width)
	}
}

func barsOf(events []alert.Event, now time.Time, several int, width time.Duration) []view.Bar {
	bars := make([]view.Bar, several)
	end := now.UTC().Truncate(width).Add(width)
	for i := range bars {
		bars[i].From = end.Add(-time.Duration(several-i) * width)
		bars[i].To = bars[i].From.Add(width)
	}
	for i := range events {
		c := &events[i].Change
		at := int(events[i].Time.Sub(bars[0].From) / width)
		if events[i].Kind != alert.KindChange || c.Baseline || events[i].Time.Before(bars[0].From) || at >= several {
			continue
		}
		switch c.Direction {
		case phone.Better:
			bars[at].Better++
		case phone.Worse:
			bars[at].Worse++
		default:
			bars[at].Other++
		}
	}
	return bars
}

// bansFor is the time that is looked back over.
const bansFor = 30 * 24 * time.Hour

// ban is one that is not over.
type ban struct {
	from time.Time
	seen bool // its beginning was
}

// Bans says how often numbers were banned within the time of the events, which are
// newest first, how long that took to end, and for how much of the time they were not.
// Rows are the numbers as they are now: a ban may be older than any event.
func Bans(events []alert.Event, rows []view.Row, numbers int, now time.Time) string {
	const banned = "BANNED"
	bans, over := 0, 0
	var recovery, lost time.Duration
	open := map[string]ban{} // by number
	earlier := ban{from: now.Add(-bansFor)}
	begin := func(number string, b ban) {
		if _, is := open[number]; !is {
			bans++
			open[number] = b
		}
	}
	end := func(number string, at time.Time) (took time.Duration, seen bool) {
		b := open[number]
		delete(open, number)
		lost += at.Sub(b.from)
		return at.Sub(b.from), b.seen
	}
	for i := len(events) - 1; i >= 0; i-- {
		c := &events[i].Change
		if events[i].Kind != alert.KindChange {
			continue
		}
		number, was, is := c.Subject.PhoneNumber, "", ""
		switch {
		case c.Field == phone.Status:
			was, is = c.Old, c.New
		case c.Field != phone.Presence || c.Number == nil:
		case c.New == phone.Appeared:
			is = c.Number.Get(phone.Status)
		default:
			was = c.Number.Get(phone.Status)
		}
		if was == banned {
			begin(number, earlier)
			took, seen := end(number, c.SeenAt)
			if seen && is != "" && !phone.Status.EndsLife(is) { // else it is gone, and did not recover
				over++
				recovery += took
			}
		}
		if is == banned {
			begin(number, ban{c.SeenAt, c.Field == phone.Status})
		}
	}
	for i := range rows {
		if rows[i].Number.Get(phone.Status) == banned {
			begin(rows[i].Number.PhoneNumber, earlier)
		}
	}
	if bans == 0 {
		return "No ban in the last 30 days"
	}
	lasting := len(open)
	for number := range open {
		end(number, now)
	}
	text := phone.Count(bans, "ban") + " in the last 30 days"
	if over > 0 {
		text += ", " + phone.Span((recovery / time.Duration(over)).Round(time.Second)) + " to recovery"
		if over > 1 {
			text += " on average"
		}
	}
	if lasting > 0 {
		text += ", " + strconv.Itoa(lasting) + " not over"
	}
	available := 100 - 100*lost.Seconds()/(bansFor.Seconds()*float64(max(numbers, 1)))
	available = min(max(available, 0), 99.99) // never all of the time
	return text + "; numbers were not banned for " + strconv.FormatFloat(available, 'f', 2, 64) + " % of the time"
}
