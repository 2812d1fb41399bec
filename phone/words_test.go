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

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "30s": 30 * time.Second, "5m": 5 * time.Minute, "400d": 9600 * time.Hour,
		"1h30m": 90 * time.Minute, "1y": 8760 * time.Hour, "1w2d": 216 * time.Hour, "250ms": 250 * time.Millisecond,
	} {
		d, err := phone.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d)
	}
	for _, text := range []string{"", "5", "5 m", "-5m", "1.5h", "5m1h", "5m5m", "m", "5µs", "5M"} {
		_, err := phone.ParseDuration(text)
		require.ErrorContains(t, err, "is not a duration", text)
	}
	_, err := phone.ParseDuration("50y")
	require.NoError(t, err)
	for _, text := range []string{"51y", "50y1ms", "99999999y", "9223372036855s", "99999999999999999999h"} {
		_, err := phone.ParseDuration(text)
		require.EqualError(t, err, "is too long (at most 50y)", text)
	}
}

// What is written can be read again.
func TestDurationIsReadAsItIsWritten(t *testing.T) {
	for _, d := range []time.Duration{0, 250 * time.Millisecond, 90 * time.Second, 26 * time.Hour, 400 * 24 * time.Hour} {
		read, err := phone.ParseDuration(phone.Duration(d))
		require.NoError(t, err)
		require.Equal(t, d, read)
	}
}
