package notify

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"numwatch/alert"
)

// consoleWidth is how many columns a printed message takes.
const consoleWidth = 80

// Console prints messages as they would look in Slack, where there is no token.
// It is safe for concurrent use.
type Console struct {
	w     io.Writer
	color bool

	mu    sync.Mutex
	count int // of messages, without replies
}

// NewConsole returns a Poster that prints to w, in colour if asked for.
func NewConsole(w io.Writer, color bool) *Console {
	return &Console{w: w, color: color}
}

// Pace is none: a terminal takes all at once.
func (c *Console) Pace() Pace { return Pace{} }

// Resolve takes every channel as it is.
func (c *Console) Resolve(_ context.Context, channel string) (string, error) { return channel, nil }

// Find finds nothing: what was printed before a crash is printed again.
func (c *Console) Find(context.Context, Outgoing, time.Time) (string, bool, error) {
	return "", false, nil
}

// Searchable says yes: what is printed needs no care.
func (c *Console) Searchable(context.Context, string) (bool, error) { return true, nil }

// Post prints a message or, where Thread is set, a reply.
func (c *Console) Post(_ context.Context, m Outgoing) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Thread != "" {
		return m.Thread, c.print(c.short("↳ "+titled(m, "reply to message "+m.Thread), m.Card))
	}
	c.count++
	ts := fmt.Sprint(c.count)
	return ts, c.print(c.box(titled(m, "message "+ts), m.Card))
}

// Update prints what the message now reads.
func (c *Console) Update(_ context.Context, ts string, m Outgoing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	card := *m.Card
	card.Lines, card.More = nil, 0
	return c.print(c.short("✎ "+titled(m, "edit of message "+ts), &card))
}

func titled(m Outgoing, what string) string { return "#" + plain(m.Channel, 24) + " · " + what }

func (c *Console) print(text string) error {
	if _, err := io.WriteString(c.w, text); err != nil {
		return &PostError{Refusal: NotApplied, Code: "write", Err: fmt.Errorf("printing a message: %w", err)}
	}
	return nil
}

// box draws a whole message.
func (c *Console) box(title string, card *Card) string {
	var b strings.Builder
	b.WriteString("╭─ " + title + " " + strings.Repeat("─", max(consoleWidth-5-width(title), 0)) + "╮\n")
	for _, l := range c.body(card) {
		b.WriteString("│ " + l.text + strings.Repeat(" ", max(consoleWidth-4-l.width, 0)) + " │\n")
	}
	b.WriteString("╰" + strings.Repeat("─", consoleWidth-2) + "╯\n")
	return b.String()
}

// short draws a reply or an edit: what changed, without a frame.
func (c *Console) short(title string, card *Card) string {
	var b strings.Builder
	b.WriteString(title + "\n")
	for _, l := range c.heading(card) {
		b.WriteString("  " + l.text + "\n")
	}
	for _, l := range c.list(card) {
		b.WriteString("  " + l.text + "\n")
	}
	return b.String()
}

// row is a line that may hold escape sequences, and how wide it shows.
type row struct {
	text  string
	width int
}

func (c *Console) rows(lines ...string) []row {
	rows := make([]row, len(lines))
	for i, l := range lines {
		rows[i] = row{l, width(l)}
	}
	return rows
}

func (c *Console) body(card *Card) []row {
	rows := c.heading(card)
	if len(card.Mention) > 0 {
		rows = append(rows, c.rows(wrap(strings.Join(card.Mention, " "), "")...)...)
	}
	label := 0
	for _, f := range card.Facts {
		label = max(label, width(f.Label))
	}
	for _, f := range card.Facts {
		rows = append(rows, c.rows(wrap(f.console(), pad(f.Label, min(label, 24))+"  ")...)...)
	}
	rows = append(rows, c.list(card)...)
	if text := card.Action.Plain(); text != "" {
		rows = append(rows, c.rows(wrap(text, "→ ")...)...)
	}
	if card.Runbook != "" {
		rows = append(rows, c.rows(wrap(plain(card.Runbook, maxFact), "→ ")...)...)
	}
	for _, l := range wrap(strings.Join(card.Footer, " · "), "") {
		rows = append(rows, row{c.paint(Gray, l), width(l)})
	}
	return rows
}

func (c *Console) heading(card *Card) []row {
	lines := wrap(card.Title, strings.ToUpper(card.Mark.Word)+": ")
	rows := c.rows(lines...)
	word := strings.ToUpper(card.Mark.Word)
	rows[0].text = c.paint(card.Mark.Color, word) + strings.TrimPrefix(rows[0].text, word)
	return rows
}

func (c *Console) list(card *Card) []row {
	var rows []row
	if card.Counts != "" {
		rows = append(rows, c.rows(wrap(card.Counts, "")...)...)
	}
	for _, l := range card.Lines {
		lead := pad(l.Mark.Word, 8) + "  "
		lines := c.rows(wrap(plain(l.Text, maxLine), lead)...)
		lines[0].text = c.paint(l.Mark.Color, lead) + strings.TrimPrefix(lines[0].text, lead)
		rows = append(rows, lines...)
	}
	if card.More > 0 {
		rows = append(rows, c.rows(fmt.Sprintf("and %d more", card.More))...)
	}
	return rows
}

func (f *Fact) console() string {
	text := plain(f.Value, maxFact)
	if f.Time.IsZero() {
		return text
	}
	return strings.TrimPrefix(text+", "+utc(f.Time), ", ")
}

var colorCodes = [...]string{Gray: "90", Blue: "34", Yellow: "33", Orange: "38;5;208", Red: "1;31", Green: "32"}

func (c *Console) paint(color Color, s string) string {
	if !c.color {
		return s
	}
	return "\x1b[" + colorCodes[color] + "m" + s + "\x1b[0m"
}

// wrap breaks a text into lines that fit a box. The first begins with lead, the
// others are indented as far.
func wrap(text, lead string) []string {
	room := consoleWidth - 4
	indent := strings.Repeat(" ", width(lead))
	lines := []string{lead}
	fill := width(lead)
	for _, word := range words(plain(text, maxText), room-len(indent)) {
		w := width(word)
		if gap := fill > len(indent); gap && fill+1+w > room {
			lines, fill = append(lines, indent), len(indent)
		} else if gap {
			word, w = " "+word, w+1
		}
		lines[len(lines)-1] += word
		fill += w
	}
	return lines
}

// words splits a text, and breaks words that are longer than a line.
func words(text string, room int) []string {
	var all []string
	for _, word := range strings.Fields(text) {
		for width(word) > room {
			at := cutAt(word, room)
			all = append(all, word[:at])
			word = word[at:]
		}
		all = append(all, word)
	}
	return all
}

func cutAt(word string, room int) int {
	used := 0
	for i, r := range word {
		if used += runeWidth(r); used > room {
			return max(i, utf8.RuneLen(r))
		}
	}
	return len(word)
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(n-width(s), 0)) }

// width is how many columns s takes in a terminal.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// wide are the scripts and signs that take two columns.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	default:
		return 1
	}
}

// SubjectLine is one line, at most 80 columns wide, that shows an event as it
// goes out on NATS.
func SubjectLine(e *alert.Event) string {
	return alert.Cut("nats "+Subject(e), consoleWidth)
}
