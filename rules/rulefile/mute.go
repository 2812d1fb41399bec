package rulefile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/internal/yamldoc"
	"numwatch/rules"
)

func (r *reader) muteTimes(n *node) {
	r.named(n, "mute_times", func(name rules.Part[string], n *node) {
		var days, times []rules.Part[string]
		m := rules.MuteTime{Name: name, Location: time.UTC}
		r.Object(n, "mute time "+name.Value,
			yamldoc.Optional("weekdays", r.words("weekdays", false, &days)),
			yamldoc.Optional("times", r.words("times", false, &times)),
			yamldoc.Optional("location", r.word("location", func(w rules.Part[string]) { m.Location = r.location(w) })),
		)
		if len(days) == 0 && len(times) == 0 {
			r.Fail(name.At, "", "mute time %s names neither weekdays nor times", name.Value)
		}
		r.days(&m, days)
		r.windows(&m, times)
		r.spec.MuteTimes = append(r.spec.MuteTimes, m)
	})
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// days reads days and ranges of days, which may pass the week's end.
func (r *reader) days(m *rules.MuteTime, names []rules.Part[string]) {
	if len(names) == 0 {
		m.Days = everyDay
	}
	for _, name := range names {
		if !addDays(&m.Days, name.Value) {
			r.Fail(name.At, "like mon or mon-fri; sun, mon, tue, wed, thu, fri, sat", "%q is not a weekday", name.Value)
		}
	}
}

var everyDay = [7]bool{true, true, true, true, true, true, true}

// addDays adds a day or a range of days; false where it is none.
func addDays(days *[7]bool, name string) bool {
	first, last, isRange := strings.Cut(name, "-")
	if !isRange {
		last = first
	}
	from, to := slices.Index(weekdays, first), slices.Index(weekdays, last)
	if from < 0 || to < 0 {
		return false
	}
	for d := from; d != to; d = (d + 1) % 7 {
		days[d] = true
	}
	days[to] = true
	return true
}

const minutesOfDay = 24 * 60

var windowForm = regexp.MustCompile(`^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$`)

func (r *reader) windows(m *rules.MuteTime, times []rules.Part[string]) {
	if len(times) == 0 {
		m.Windows = []rules.Window{{From: 0, To: minutesOfDay}}
	}
	for _, t := range times {
		if w, ok := parseWindow(t.Value); ok {
			m.Windows = append(m.Windows, w)
		} else {
			r.Fail(t.At, `like "22:00-07:00"`, "%q is not a time of day", t.Value)
		}
	}
}

// parseWindow reads hh:mm-hh:mm, up to 24:00.
func parseWindow(s string) (rules.Window, bool) {
	parts := windowForm.FindStringSubmatch(s)
	if parts == nil {
		return rules.Window{}, false
	}
	minutes := func(hour, minute string) int {
		h, _ := strconv.Atoi(hour)
		m, _ := strconv.Atoi(minute)
		return h*60 + m
	}
	from, to := minutes(parts[1], parts[2]), minutes(parts[3], parts[4])
	ok := from < minutesOfDay && to <= minutesOfDay
	if to <= from {
		to += minutesOfDay
	}
	return rules.Window{From: from, To: to}, ok && to-from <= minutesOfDay
}

func (r *reader) location(w rules.Part[string]) *time.Location {
	location, err := time.LoadLocation(w.Value)
	if err != nil || w.Value == "Local" {
		r.Fail(w.At, locationHelp(time.LoadLocation), "unknown location %q", w.Value)
		return time.UTC
	}
	return location
}

// locationHelp says what to do about a location that load does not know.
func locationHelp(load func(string) (*time.Location, error)) string {
	if _, err := load("Asia/Singapore"); err != nil {
		return "this machine knows no time zones: install its package tzdata, or set ZONEINFO to a zoneinfo.zip"
	}
	return "a name like Asia/Singapore or UTC"
}
