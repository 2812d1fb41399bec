package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time, written as in Prometheus: whole numbers with
// units from the longest to the shortest (y, w, d, h, m, s, ms), as in 30s, 5m,
// 400d, 1h30m. A day has 24 hours, a year 365 days.
type Duration time.Duration

const (
	second = Duration(time.Second)
	minute = Duration(time.Minute)
	day    = 24 * Duration(time.Hour)
)

var durationUnits = []struct {
	name   string
	length Duration
}{
	{"y", 365 * day},
	{"w", 7 * day},
	{"d", day},
	{"h", Duration(time.Hour)},
	{"m", minute},
	{"s", second},
	{"ms", Duration(time.Millisecond)},
}

// Std returns the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the duration as ParseDuration reads it, in whole milliseconds.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range durationUnits {
		if n := d / u.length; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.length
		}
	}
	return b.String()
}

// MarshalText writes what String returns.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ParseDuration reads a duration. It is never negative.
func ParseDuration(text string) (Duration, error) {
	if text == "0" {
		return 0, nil
	}
	var sum Duration
	rest, units := text, durationUnits
	for rest != "" {
		digits, unit, after := cutQuantity(rest)
		n, err := strconv.ParseInt(digits, 10, 64)
		for len(units) > 0 && units[0].name != unit {
			units = units[1:]
		}
		if err != nil || len(units) == 0 || n > int64((math.MaxInt64-sum)/units[0].length) {
			return 0, badDuration(text)
		}
		sum += Duration(n) * units[0].length
		rest, units = after, units[1:]
	}
	if text == "" {
		return 0, badDuration(text)
	}
	return sum, nil
}

func badDuration(text string) error {
	return fmt.Errorf("%s is not a duration (write 30s, 5m, 400d or 1h30m)", quote(text))
}

// cutQuantity splits "5m30s" into "5", "m" and "30s".
func cutQuantity(s string) (digits, unit, rest string) {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	notDigit := func(r rune) bool { return !isDigit(r) }
	digits, unit = splitAt(s, strings.IndexFunc(s, notDigit))
	unit, rest = splitAt(unit, strings.IndexFunc(unit, isDigit))
	return digits, unit, rest
}

func splitAt(s string, i int) (before, after string) {
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func (d *Duration) set(text string) error {
	v, err := ParseDuration(text)
	if err == nil {
		*d = v
	}
	return err
}

// Size is a number of bytes, written as a number with an optional unit: kB, MB,
// GB, TB of 1000, KiB, MiB, GiB, TiB of 1024.
type Size int64

var sizeUnits = map[string]Size{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// ParseSize reads a size. It is never negative.
func ParseSize(text string) (Size, error) {
	digits, unit, rest := cutQuantity(text)
	n, err := strconv.ParseInt(digits, 10, 64)
	factor := sizeUnits[strings.TrimSpace(unit)]
	if err != nil || rest != "" || factor == 0 || n > int64(math.MaxInt64/factor) {
		return 0, fmt.Errorf("%s is not a size (write a number of bytes, 512MB or 10GiB)", quote(text))
	}
	return Size(n) * factor, nil
}

func (s *Size) set(text string) error {
	v, err := ParseSize(text)
	if err == nil {
		*s = v
	}
	return err
}

// quote shows a value in a message: quoted, not too long, and without a secret
// that a missing comma has made part of it.
func quote(s string) string {
	const most = 60
	if secrets := secretsIn(s); len(secrets) > 0 {
		s = s[:secrets[0]] + hidden
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
