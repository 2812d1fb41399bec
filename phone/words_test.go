package phone_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestSpan(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0 s":        -time.Second,
		"0.3 s":      342 * time.Millisecond,
		"42 s":       42*time.Second + 300*time.Millisecond,
		"4 min 20 s": 4*time.Minute + 20*time.Second,
		"4 min":      4 * time.Minute,
		"42 min":     42*time.Minute + 20*time.Second,
		"1 h 5 min":  time.Hour + 5*time.Minute + 59*time.Second,
		"2 h":        2 * time.Hour,
		"3 d 2 h":    74*time.Hour + 10*time.Minute,
		"400 d":      400 * 24 * time.Hour,
	} {
		require.Equal(t, want, phone.Span(d))
	}
}

func TestDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second, "1d2h": 26 * time.Hour, "10m": 10 * time.Minute,
	} {
		require.Equal(t, want, phone.Duration(d))
	}
}

func TestCount(t *testing.T) {
	require.Equal(t, "1 space", phone.Count(1, "space"))
	require.Equal(t, "0 spaces", phone.Count(0, "space"))
	require.Equal(t, "1,234,567 numbers", phone.Count(1234567, "number"))
	require.Equal(t, "-1,000", phone.Grouped(-1000))
}

func TestRedacted(t *testing.T) {
	n := phone.Number{PhoneNumber: "86"}
	n.Set(phone.UpCallbackUrl, "https://a.example/cb?token=s3cret")
	n.Set(phone.Status, "CONNECTED")
	r := n.Redacted()
	require.NotContains(t, r.Get(phone.UpCallbackUrl), "s3cret")
	require.Equal(t, "CONNECTED", r.Get(phone.Status))
	require.Contains(t, n.Get(phone.UpCallbackUrl), "s3cret", "the number itself stays")
}
