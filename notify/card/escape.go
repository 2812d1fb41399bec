package card

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"numwatch/alert"
)

// Customers choose some of the texts that are shown (a VerifiedName above all).
// These must not mention, link, format or steer anything, in Slack or in a
// terminal.

// invisible are runes that show as nothing and that alert.Plain leaves, as they
// are letters or marks.
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1},
		{Lo: 0x115f, Hi: 0x1160, Stride: 1},
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1},
		{Lo: 0x180b, Hi: 0x180f, Stride: 1},
		{Lo: 0x2800, Hi: 0x2800, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1},
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1},
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}},
}

// Plain returns s on one line and without what cannot be seen, cut to n runes.
func Plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(invisible, r) {
			return -1
		}
		return r
	}, alert.Plain(s))
	return alert.Cut(strings.Join(strings.Fields(s), " "), n)
}

// shortcode is what Slack shows as an emoji.
var shortcode = regexp.MustCompile(`:([\w+'-]+):`)

// Mrkdwn returns s for a text that Slack parses, with nothing to parse in it:
// the signs of formatting become look-alikes, and no address becomes a link.
// What is escaped has at most n characters.
func Mrkdwn(s string, n int) string {
	s = Plain(s, n)
	s = shortcode.ReplaceAllString(s, "∶$1∶")
	s = strings.ReplaceAll(s, "://", "∶//")
	runes := []rune(s)
	for i, r := range runes {
		runes[i] = harmless(r, around(runes, i))
	}
	return escape(runes, n)
}

// around reports whether there are letters or digits on both sides of a rune,
// where Slack takes an underscore as it is: TIER_1K stays readable.
func around(runes []rune, i int) bool {
	return i > 0 && i+1 < len(runes) && inWord(runes[i-1]) && inWord(runes[i+1])
}

func inWord(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

func harmless(r rune, within bool) rune {
	switch {
	case r == '*':
		return '∗'
	case r == '~':
		return '∼'
	case r == '`':
		return 'ˋ'
	case r == '_' && !within:
		return '＿'
	case r == '>': // quotes at the start of a line even where it is escaped
		return '›'
	default:
		return r
	}
}

// escape replaces what Slack's syntax is made of, and cuts between runes so
// that the result has at most n characters.
func escape(runes []rune, n int) string {
	var b strings.Builder
	used := 0
	for i, r := range runes {
		s := entity(r)
		width := utf8.RuneCountInString(s)
		rest := 1
		if i == len(runes)-1 {
			rest = 0
		}
		if used+width+rest > n {
			b.WriteString("…")
			break
		}
		b.WriteString(s)
		used += width
	}
	return b.String()
}

func entity(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	default:
		return string(r)
	}
}
