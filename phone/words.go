package phone

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span writes a duration for people with its two largest units: "42 s",
// "4 min 20 s", "1 h 5 min", "3 d 2 h". Below ten seconds a tenth is kept, and
// from ten minutes on no seconds. Negative durations are written as "0 s".
func Span(d time.Duration) string { return span(d, [...]string{" d", " h", " min", " s"}) }

// span writes a duration with these names of days, hours, minutes and seconds.
func span(d time.Duration, names [4]string) string {
	d = max(d, 0)
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + names[3]
	}
	units := [...]time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second}
	d = d.Round(time.Second)
	for i, u := range units {
		if d < u {
			continue
		}
		text := strconv.Itoa(int(d/u)) + names[i]
		if i+1 < len(units) && (u > time.Minute || d < 10*time.Minute) && d%u >= units[i+1] {
			text += " " + strconv.Itoa(int(d%u/units[i+1])) + names[i+1]
		}
		return text
	}
	return ""
}

// Duration writes a duration as configuration files do, without units that are
// zero: "90s" as "1m30s", "26h" as "1d2h".
func Duration(d time.Duration) string {
	if d < time.Second {
		return d.String()
	}
	var b strings.Builder
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / u.d; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.d
		}
	}
	return b.String()
}

// Grouped writes a count with its thousands apart: 10,000.
func Grouped(n int) string {
	if n < 0 {
		return "-" + Grouped(-n)
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Count writes a number of things: "1 space", "10,000 spaces". The plural of
// thing takes an s.
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return Grouped(n) + " " + thing
}
