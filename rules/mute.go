package rules

import (
	"slices"
	"strings"
	"time"
)

// muteTime is a compiled mute time: windows of the day on some weekdays, in one
// place. A window that passes midnight belongs to the day on which it begins.
type muteTime struct {
	name     string
	days     [7]bool // by time.Weekday
	windows  []window
	location *time.Location
}

// window is a part of the day in minutes from midnight; to is after from by at
// most a day.
type window struct{ from, to int }

const minutesOfDay = 24 * 60

// holds reports whether t is within the mute time.
func (m *muteTime) holds(t time.Time) bool {
	t = t.In(m.location)
	minute := t.Hour()*60 + t.Minute()
	today, yesterday := m.days[t.Weekday()], m.days[(t.Weekday()+6)%7]
	for _, w := range m.windows {
		if today && w.from <= minute && minute < w.to || yesterday && minute+minutesOfDay < w.to {
			return true
		}
	}
	return false
}

func (r *report) compileMute(raw rawMute) *muteTime {
	m := &muteTime{name: raw.name.value, location: time.UTC}
	if len(raw.weekdays) == 0 && len(raw.times) == 0 {
		r.fail(raw.name.node.at, "", "mute time %s names neither weekdays nor times", m.name)
	}
	for _, t := range raw.weekdays {
		r.addDays(m, t)
	}
	if len(raw.weekdays) == 0 {
		m.days = [7]bool{true, true, true, true, true, true, true}
	}
	for _, t := range raw.times {
		if w, ok := parseWindow(t.value); ok {
			m.windows = append(m.windows, w)
		} else {
			r.fail(t.node.at, `like "22:00-07:00"`, "%q is no time of the day", t.value)
		}
	}
	if len(raw.times) == 0 {
		m.windows = []window{{0, minutesOfDay}}
	}
	if raw.location.given() {
		location, err := time.LoadLocation(raw.location.value)
		if err != nil || raw.location.value == "Local" {
			r.fail(raw.location.node.at, "a name like Asia/Singapore or UTC", "unknown location %q", raw.location.value)
			return m
		}
		m.location = location
	}
	return m
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// addDays adds a day or a range of days, which may pass the week's end.
func (r *report) addDays(m *muteTime, t term) {
	first, last, isRange := strings.Cut(t.value, "-")
	if !isRange {
		last = first
	}
	from, to := slices.Index(weekdays, first), slices.Index(weekdays, last)
	if from < 0 || to < 0 {
		r.fail(t.node.at, "like mon or mon-fri; sun, mon, tue, wed, thu, fri, sat", "%q is no weekday", t.value)
		return
	}
	for d := from; ; d = (d + 1) % 7 {
		m.days[d] = true
		if d == to {
			return
		}
	}
}

func parseWindow(s string) (window, bool) {
	first, last, ok := strings.Cut(s, "-")
	from, okFrom := parseClock(first)
	to, okTo := parseClock(last)
	if to <= from {
		to += minutesOfDay
	}
	return window{from, to}, ok && okFrom && okTo && from < minutesOfDay && to-from <= minutesOfDay
}

// parseClock reads hh:mm up to 24:00, as minutes.
func parseClock(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' || !isDigit(s[0]) || !isDigit(s[1]) || !isDigit(s[3]) || !isDigit(s[4]) {
		return 0, false
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	return h*60 + m, m < 60 && h*60+m <= minutesOfDay
}
