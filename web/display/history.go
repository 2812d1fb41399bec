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

// Bans says how often numbers were banned within the time of the events, which are
// newest first, how long that took to end, and for how much of the time they were not.
func Bans(events []alert.Event, numbers int, now time.Time) string {
	const banned = "BANNED"
	bans, over := 0, 0
	var recovery, lost time.Duration
	since := map[string]time.Time{} // by number that is banned
	end := func(number string, at time.Time) time.Duration {
		took := at.Sub(since[number])
		delete(since, number)
		lost += took
		return took
	}
	for i := len(events) - 1; i >= 0; i-- {
		c := &events[i].Change
		_, is := since[c.Subject.PhoneNumber]
		switch {
		case events[i].Kind != alert.KindChange || c.Field != phone.Status && c.Field != phone.Presence:
		case c.Field == phone.Status && c.New == banned && !is:
			bans++
			since[c.Subject.PhoneNumber] = c.SeenAt
		case c.Field == phone.Status && c.New != banned && is:
			over++
			recovery += end(c.Subject.PhoneNumber, c.SeenAt)
		case c.Field == phone.Presence && c.New != phone.Appeared && is:
			end(c.Subject.PhoneNumber, c.SeenAt) // it is gone, and did not recover
		}
	}
	if bans == 0 {
		return "No ban in the last 30 days"
	}
	lasting := len(since)
	for number := range since {
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
	return text + "; numbers were not banned for " + strconv.FormatFloat(max(available, 0), 'f', 2, 64) + " % of the time"
}
