package display

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/internal/view"
	"numwatch/phone"
)

func statusOf(number string, ago time.Duration, old, now string) alert.Event {
	c := phone.Change{Subject: phone.Subject{PhoneNumber: number}, Field: phone.Status, Old: old, New: now, Direction: phone.Status.Direction(old, now), SeenAt: noon.Add(-ago)}
	return alert.Event{Kind: alert.KindChange, Time: c.SeenAt, Change: c}
}

// A customer is told how often its numbers were banned, and how long that took to end.
func TestBans(t *testing.T) {
	events := func(oldestFirst ...alert.Event) []alert.Event {
		slices.Reverse(oldestFirst)
		return oldestFirst
	}
	require.Equal(t, "No ban in the last 30 days", Bans(nil, nil, 4, noon))
	two := events(
		statusOf("1", 50*time.Hour, "CONNECTED", "BANNED"), statusOf("2", 49*time.Hour, "FLAGGED", "BANNED"),
		statusOf("1", 50*time.Hour-30*time.Minute, "BANNED", "CONNECTED"), statusOf("2", 49*time.Hour-52*time.Minute, "BANNED", "CONNECTED"))
	require.Equal(t, "2 bans in the last 30 days, 41 min to recovery on average; numbers were not banned for 99.95 % of the time", Bans(two, nil, 4, noon))
	require.Contains(t, Bans(two, nil, 1_000_000, noon), "not banned for 99.99 % of the time", "there were bans")
	lasts := events(statusOf("1", 3*24*time.Hour, "CONNECTED", "BANNED"))
	require.Equal(t, "1 ban in the last 30 days, 1 not over; numbers were not banned for 90.00 % of the time", Bans(lasts, nil, 1, noon))
	gone := statusOf("1", time.Hour, "", "")
	banned := plainNumber("1", "Acme")
	banned.Set(phone.Status, "BANNED")
	gone.Change.Field, gone.Change.New, gone.Change.Number = phone.Presence, phone.Missing, &banned
	require.Equal(t, "1 ban in the last 30 days; numbers were not banned for 99.86 % of the time", Bans(events(statusOf("1", 2*time.Hour, "CONNECTED", "BANNED"), gone), nil, 1, noon), "it did not recover")
	deleted := statusOf("1", time.Hour, "BANNED", "DELETED")
	require.Equal(t, "1 ban in the last 30 days; numbers were not banned for 99.86 % of the time", Bans(events(statusOf("1", 2*time.Hour, "CONNECTED", "BANNED"), deleted), nil, 1, noon))

	// A ban whose beginning nobody saw is one too, but how long it took is not known.
	first := gone
	first.Change.New, first.Change.SeenAt = phone.Appeared, noon.Add(-2*time.Hour)
	recovers := statusOf("1", time.Hour, "BANNED", "CONNECTED")
	require.Equal(t, "1 ban in the last 30 days; numbers were not banned for 99.86 % of the time", Bans(events(first, recovers), nil, 1, noon), "banned at first sight")
	require.Equal(t, "1 ban in the last 30 days; numbers were not banned for 50.00 % of the time", Bans(events(statusOf("1", 15*24*time.Hour, "BANNED", "CONNECTED")), nil, 1, noon), "banned earlier")
	require.Equal(t, "1 ban in the last 30 days, 1 not over; numbers were not banned for 75.00 % of the time", Bans(nil, []view.Row{{Number: banned}}, 4, noon), "banned all the time")
	require.Equal(t, "1 ban in the last 30 days, 1 not over; numbers were not banned for 90.00 % of the time", Bans(lasts, []view.Row{{Number: banned}}, 1, noon))
}

func TestBarsOfEvents(t *testing.T) {
	first := statusOf("1", 5*time.Hour, "", "CONNECTED")
	first.Change.Baseline = true
	bars := BarsOf([]alert.Event{
		statusOf("1", 0, "CONNECTED", "BANNED"), statusOf("1", 30*time.Hour, "BANNED", "CONNECTED"), first, statusOf("1", 400*time.Hour, "CONNECTED", "BANNED"),
	})(noon, 4, 12*time.Hour)
	require.Equal(t, []view.Bar{
		{From: noon.Add(-36 * time.Hour), To: noon.Add(-24 * time.Hour), Better: 1},
		{From: noon.Add(-24 * time.Hour), To: noon.Add(-12 * time.Hour)},
		{From: noon.Add(-12 * time.Hour), To: noon},
		{From: noon, To: noon.Add(12 * time.Hour), Worse: 1},
	}, bars)
}
