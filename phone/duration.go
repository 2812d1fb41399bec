package phone

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var durationUnits = []struct {
	name   string
	length time.Duration
}{
	{"y", 365 * 24 * time.Hour},
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
}

// maxDuration leaves room for what is a multiple of a duration.
const maxDuration = 50 * 365 * 24 * time.Hour

var (
	errDuration = errors.New("is not a duration (write 90s, 5m, 1h30m, 7d, 2w or 1y)")
	errTooLong  = errors.New("is too long (at most 50y)")
)

// ParseDuration reads a duration as Prometheus writes it: whole numbers with
// units from the longest to the shortest (y, w, d, h, m, s, ms), each at most
// once. A day has 24 hours, a year 365 days. It is never negative, nor longer than 50 years.
func ParseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	if text == "" {
		return 0, errDuration
	}
	var sum time.Duration
	units := durationUnits
	for rest := text; rest != ""; {
		afterDigits := strings.TrimLeft(rest, "0123456789")
		digits := rest[:len(rest)-len(afterDigits)]
		n, err := strconv.ParseInt(digits, 10, 64)
		rest = strings.TrimLeft(afterDigits, "abcdefghijklmnopqrstuvwxyz")
		unit := afterDigits[:len(afterDigits)-len(rest)]
		for len(units) > 0 && units[0].name != unit {
			units = units[1:]
		}
		switch {
		case len(units) == 0 || digits == "":
			return 0, errDuration
		case err != nil || n > int64((maxDuration-sum)/units[0].length):
			return 0, errTooLong
		}
		sum += time.Duration(n) * units[0].length
		units = units[1:]
	}
	return sum, nil
}
