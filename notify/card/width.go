package card

import (
	"regexp"
	"strings"

	"github.com/rivo/uniseg"
)

// escapes are the sequences that paint writes.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Width is how many columns s takes in a terminal: East Asian characters take two, and
// what is painted takes no more.
func Width(s string) int {
	if strings.IndexByte(s, '\x1b') >= 0 {
		s = escapes.ReplaceAllString(s, "")
	}
	return uniseg.StringWidth(s)
}

// CutWidth shortens s, which is not painted, to at most n columns, an ellipsis at its end
// where something is missing.
func CutWidth(s string, n int) string {
	if Width(s) <= n {
		return s
	}
	return s[:cutAt(s, n-1)] + "…"
}

// cutAt is where s has to be cut to take at most room columns: never within what people
// see as one character.
func cutAt(s string, room int) (at int) {
	for rest, state := s, -1; rest != ""; {
		cluster, next, width, then := uniseg.FirstGraphemeClusterInString(rest, state)
		if room -= width; room < 0 {
			break
		}
		at += len(cluster)
		rest, state = next, then
	}
	return at
}

// Pad fills s up to n columns.
func Pad(s string, n int) string { return s + strings.Repeat(" ", max(n-Width(s), 0)) }

var colorCodes = [...]string{Gray: "90", Blue: "34", Yellow: "33", Orange: "38;5;208", Red: "1;31", Green: "32"}

// Paint colours s for a terminal.
func Paint(color Color, s string) string { return "\x1b[" + colorCodes[color] + "m" + s + "\x1b[0m" }
