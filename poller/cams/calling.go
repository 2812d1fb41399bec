package cams

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"numwatch/phone"
)

// calling is the CallingConfigure of a number. What is absent, null or of another type
// than documented says nothing of its field.
type calling struct {
	CallingCallbackUrl text
	MaxTalkTime        text // minutes
	Calling            *callSettings
}

type callSettings struct {
	Status                   text
	CallIconVisibility       text
	CallbackPermissionStatus text
	CallHours                *callHours
}

type callHours struct {
	Status               text
	TimezoneId           text
	WeeklyOperatingHours []openHours
	HolidaySchedule      []openHours
}

// openHours are those of a day of the week, or of a holiday.
type openHours struct {
	DayOfWeek, OpenTime, CloseTime text
	Date, StartTime, EndTime       text
}

// UnmarshalJSON leaves everything absent where it is not as documented: an answer is not
// lost over it.
func (c *calling) UnmarshalJSON(b []byte) error {
	type plain calling
	var read plain
	if json.Unmarshal(b, &read) != nil {
		read = plain{}
	}
	*c = calling(read)
	return nil
}

// set gives a number the fields that are present.
func (c *calling) set(n *phone.Number) {
	put := func(f phone.Field, t text) {
		if t.present {
			n.Set(f, t.value)
		}
	}
	put(phone.CallingCallbackUrl, c.CallingCallbackUrl)
	put(phone.MaxTalkTime, c.MaxTalkTime)
	if c.Calling == nil {
		return
	}
	put(phone.CallingStatus, c.Calling.Status)
	if c.Calling.CallHours != nil {
		put(phone.CallHoursStatus, c.Calling.CallHours.Status)
	}
	if rest, present := c.Calling.rest(); present {
		n.Set(phone.CallHours, rest)
	}
}

// rest is all that has no field of its own, as one text that is the same whatever the
// order of the answer: "Asia/Singapore; MONDAY 0900-1800; 2026-12-25 0000-2359; icon
// DEFAULT; permission ENABLED". It is present if any part is.
func (c *callSettings) rest() (value string, present bool) {
	var parts []string
	add := func(prefix string, t text) {
		present = present || t.present
		if v := strings.TrimSpace(t.value); v != "" {
			parts = append(parts, prefix+v)
		}
	}
	if h := c.CallHours; h != nil {
		present = present || h.WeeklyOperatingHours != nil || h.HolidaySchedule != nil
		add("", h.TimezoneId)
		parts = append(parts, weekly(h.WeeklyOperatingHours)...)
		parts = append(parts, holidays(h.HolidaySchedule)...)
	}
	add("icon ", c.CallIconVisibility)
	add("permission ", c.CallbackPermissionStatus)
	return strings.Join(parts, "; "), present
}

var week = []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

func weekly(days []openHours) (lines []string) {
	for _, d := range days {
		lines = append(lines, strings.ToUpper(d.DayOfWeek.value)+" "+d.OpenTime.value+"-"+d.CloseTime.value)
	}
	slices.SortFunc(lines, func(a, b string) int { return cmp.Or(dayOf(a)-dayOf(b), strings.Compare(a, b)) })
	return lines
}

func dayOf(line string) int {
	day, _, _ := strings.Cut(line, " ")
	return slices.Index(week, day)
}

func holidays(days []openHours) (lines []string) {
	for _, d := range days {
		lines = append(lines, d.Date.value+" "+d.StartTime.value+"-"+d.EndTime.value)
	}
	slices.Sort(lines)
	return lines
}
