package alert_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

var everyDay = [7]bool{true, true, true, true, true, true, true}

func in(t *testing.T, zone string) *time.Location {
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	return location
}

// times are the next n times, as clocks in the place of the schedule show them.
func times(s *alert.Schedule, from string, n int) (list []string) {
	t, _ := time.ParseInLocation("2006-01-02 15:04", from, s.Location)
	for range n {
		t = s.Next(t)
		list = append(list, t.In(s.Location).Format("Mon 2006-01-02 15:04"))
	}
	return list
}

func TestScheduleAtTimesOfTheDay(t *testing.T) {
	workdays := [7]bool{time.Monday: true, time.Tuesday: true, time.Wednesday: true, time.Thursday: true, time.Friday: true}
	s := &alert.Schedule{Location: in(t, "Asia/Singapore"), At: []alert.DayTime{{Days: workdays, Minute: 17 * 60}, {Days: everyDay, Minute: 9 * 60}}}
	require.Equal(t, []string{"Fri 2026-11-27 17:00", "Sat 2026-11-28 09:00", "Sun 2026-11-29 09:00", "Mon 2026-11-30 09:00", "Mon 2026-11-30 17:00"},
		times(s, "2026-11-27 09:00", 5))
	weekly := &alert.Schedule{Location: time.UTC, At: []alert.DayTime{{Days: [7]bool{time.Monday: true}, Minute: 9 * 60}}}
	require.Equal(t, []string{"Mon 2026-12-07 09:00", "Mon 2026-12-14 09:00"}, times(weekly, "2026-11-30 09:00", 2))
	require.Equal(t, []string{"Mon 2026-11-30 09:00"}, times(weekly, "2026-11-30 08:59", 1))
}

func TestScheduleOnAGrid(t *testing.T) {
	day := &alert.Schedule{Location: in(t, "America/St_Johns"), Every: 24 * time.Hour}
	require.Equal(t, []string{"Sat 2026-11-28 00:00", "Sun 2026-11-29 00:00"}, times(day, "2026-11-27 12:00", 2))
	week := &alert.Schedule{Location: time.UTC, Every: 7 * 24 * time.Hour}
	require.Equal(t, []string{"Mon 2026-11-30 00:00", "Mon 2026-12-07 00:00"}, times(week, "2026-11-28 12:00", 2))
	quarter := &alert.Schedule{Location: time.UTC, Every: 6 * time.Hour}
	require.Equal(t, []string{"Sat 2026-11-28 18:00", "Sun 2026-11-29 00:00"}, times(quarter, "2026-11-28 12:00", 2))
}

// Where the clocks change, each time of the schedule comes once, and never again later.
func TestScheduleWhereClocksChange(t *testing.T) {
	berlin := in(t, "Europe/Berlin") // 2026-10-25 03:00 is 02:00 again, on 2027-03-28 02:00 is 03:00
	twice := &alert.Schedule{Location: berlin, At: []alert.DayTime{{Days: everyDay, Minute: 150}}}
	require.Equal(t, []string{"Sat 2026-10-24 02:30", "Sun 2026-10-25 02:30", "Mon 2026-10-26 02:30"}, times(twice, "2026-10-23 12:00", 3))
	left := times(twice, "2027-03-27 12:00", 2)
	require.Contains(t, left[0], "2027-03-28 0", "moved by an hour, and not left out")
	require.Equal(t, "Mon 2027-03-29 02:30", left[1])
	midnights := &alert.Schedule{Location: berlin, Every: 24 * time.Hour}
	require.Equal(t, []string{"Sun 2026-10-25 00:00", "Mon 2026-10-26 00:00"}, times(midnights, "2026-10-24 12:00", 2))

	for _, s := range []*alert.Schedule{twice, midnights, {Location: berlin, Every: time.Hour}, {Location: berlin, Every: 90 * time.Minute}, {Location: in(t, "Africa/Cairo"), Every: 24 * time.Hour}} {
		for _, from := range []time.Time{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)} {
			last := from
			for last.Before(from.AddDate(0, 2, 0)) {
				next := s.Next(last)
				require.True(t, next.After(last))
				require.LessOrEqual(t, next.Sub(last), 26*time.Hour)
				require.Equal(t, next, s.Next(next.Add(-time.Nanosecond)))
				last = next
			}
		}
	}
}
