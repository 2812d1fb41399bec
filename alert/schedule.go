package alert

import "time"

// Schedule is when something recurs: at times of day, or at intervals. Both follow the
// local time of one place, so daylight saving does not shift them.
type Schedule struct {
	Every    time.Duration // counted from midnight of a Monday; 0: At says when
	At       []DayTime
	Location *time.Location
	Text     string // as people write it
}

// DayTime is a time of the day on some weekdays.
type DayTime struct {
	Days   [7]bool // by time.Weekday
	Minute int     // from midnight
}

// Next returns the first time after t. When clocks go back, a time that occurs twice
// counts once.
func (s *Schedule) Next(t time.Time) time.Time {
	if s.Every > 0 {
		return s.nextOnGrid(t)
	}
	local := t.In(s.Location)
	var first time.Time
	for day := -1; day <= 8; day++ { // an hour that daylight saving skips may be moved past midnight
		for _, at := range s.At {
			d := time.Date(local.Year(), local.Month(), local.Day()+day, 0, at.Minute, 0, 0, s.Location)
			weekday := time.Weekday((int(local.Weekday()) + day + 7) % 7)
			if at.Days[weekday] && d.After(t) && (first.IsZero() || d.Before(first)) {
				first = d
			}
		}
	}
	return first
}

// aMonday is where intervals begin, in local time.
var aMonday = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *Schedule) nextOnGrid(t time.Time) time.Time {
	local := t.In(s.Location)
	_, offset := local.Zone()
	shown := local.Add(time.Duration(offset) * time.Second).UTC() // the local time there
	for at := aMonday.Add(shown.Sub(aMonday).Truncate(s.Every)); ; at = at.Add(s.Every) {
		there := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), s.Location)
		if there.After(t) {
			return there
		}
	}
}
