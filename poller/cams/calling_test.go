package cams

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// The settings for calls become fields of the number, the same ones in whatever order
// they are answered.
func TestCallingConfigure(t *testing.T) {
	const hours = `"CallHours": {"Status": "enabled", "TimezoneId": "Asia/Singapore",
		"WeeklyOperatingHours": [{"DayOfWeek": "TUESDAY", "OpenTime": "0900", "CloseTime": "1200"}, {"DayOfWeek": "monday", "OpenTime": "0900", "CloseTime": "1800"}],
		"HolidaySchedule": [{"Date": "2026-12-25", "StartTime": "0000", "EndTime": "2359"}]}`
	for name, c := range map[string]struct {
		configure string
		fields    map[phone.Field]string
	}{
		"everything": {
			`{"CallingCallbackUrl": "https://a.example/calls\n", "MaxTalkTime": 60, "Calling": {"Status": "Enabled", "CallIconVisibility": "DEFAULT", "CallbackPermissionStatus": "ENABLED", ` + hours + `}}`,
			map[phone.Field]string{
				phone.CallingCallbackUrl: "https://a.example/calls", phone.MaxTalkTime: "60", phone.CallingStatus: "ENABLED", phone.CallHoursStatus: "ENABLED",
				phone.CallHours: "Asia/Singapore; MONDAY 0900-1800; TUESDAY 0900-1200; 2026-12-25 0000-2359; icon DEFAULT; permission ENABLED",
			},
		},
		"only where calls go":          {`{"CallingCallbackUrl": ""}`, map[phone.Field]string{phone.CallingCallbackUrl: ""}},
		"hours that were taken away":   {`{"Calling": {"CallHours": {"WeeklyOperatingHours": []}}}`, map[phone.Field]string{phone.CallHours: ""}},
		"null":                         {`null`, nil},
		"empty":                        {`{}`, nil},
		"null within":                  {`{"CallingCallbackUrl": null, "Calling": {"Status": null, "CallHours": null}}`, nil},
		"a text":                       {`"none"`, nil},
		"a list":                       {`[1]`, nil},
		"of another type further down": {`{"CallingCallbackUrl": "https://a.example/", "Calling": "ENABLED"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, list, err := decode(t, `{"Code": "OK", "PhoneNumbers": [{"PhoneNumber": "1", "Status": "CONNECTED", "CallingConfigure": `+c.configure+`}]}`)
			require.NoError(t, err)
			got := map[phone.Field]string{}
			for f, v := range list[0].All() {
				if f >= phone.CallingCallbackUrl {
					got[f] = v
				}
			}
			if c.fields == nil {
				c.fields = map[phone.Field]string{}
			}
			require.Equal(t, c.fields, got)
			require.Equal(t, "CONNECTED", list[0].Get(phone.Status))
		})
	}
}
