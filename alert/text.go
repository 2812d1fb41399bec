package alert

import (
	"strings"
	"unicode"
)

// Text is a text with holes filled in: literal, value, literal, value, … The
// literals come from rules.yaml and are trusted; the values come from outside,
// and each sink escapes them in its own way.
type Text []string

// Render joins the text, passing each value through escape.
func (t Text) Render(escape func(string) string) string {
	var b strings.Builder
	for i, s := range t {
		if i%2 == 1 {
			s = escape(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

// Plain renders the text for terminals, logs and JSON.
func (t Text) Plain() string { return t.Render(Plain) }

// Plain returns s on one line, without anything that could steer a terminal or
// a reader's eye: control characters, line breaks, bidirectional and invisible
// ones become spaces or go.
func Plain(s string) string {
	clean := func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case r == unicode.ReplacementChar, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}
	return strings.Map(clean, s)
}

// Cut shortens s to at most n runes, the last of them an ellipsis where
// something was cut.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
