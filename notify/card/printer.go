package card

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	textwidth "golang.org/x/text/width"
)

// consoleWidth is how many columns a printed message takes.
const (
	consoleWidth = 80
	maxChannel   = 24 // runes of a channel's name
)

// Printer prints messages as they would look in Slack, where there is no token.
// It is safe for concurrent use.
type Printer struct {
	w     io.Writer
	color bool
	mu    sync.Mutex
}

// NewPrinter returns one that prints to w, in colour if asked for.
func NewPrinter(w io.Writer, color bool) *Printer { return &Printer{w: w, color: color} }

// Message prints a message in a box. Number is what replies and edits call it.
func (p *Printer) Message(channel, number string, c *Card) error {
	return p.print(p.box(titled(channel, "message "+number), c))
}

// Reply prints a reply in the message's thread.
func (p *Printer) Reply(channel, number string, c *Card) error {
	return p.print(p.short("↳ "+titled(channel, "reply to message "+number), c))
}

// Edit prints what the message now says, without its list.
func (p *Printer) Edit(channel, number string, c *Card) error {
	short := *c
	short.Lines, short.More = nil, 0
	return p.print(p.short("✎ "+titled(channel, "edit of message "+number), &short))
}

func titled(channel, what string) string { return "#" + Plain(channel, maxChannel) + " · " + what }

func (p *Printer) print(text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.w, text); err != nil {
		return fmt.Errorf("printing a message: %w", err)
	}
	return nil
}

// box draws a whole message.
func (p *Printer) box(title string, card *Card) string {
	var b strings.Builder
	b.WriteString("╭─ " + title + " " + strings.Repeat("─", max(consoleWidth-5-width(title), 0)) + "╮\n")
	for _, l := range p.body(card) {
		b.WriteString("│ " + l.text + strings.Repeat(" ", max(consoleWidth-4-l.width, 0)) + " │\n")
	}
	b.WriteString("╰" + strings.Repeat("─", consoleWidth-2) + "╯\n")
	return b.String()
}

// short draws a reply or an edit: what changed, without a frame.
func (p *Printer) short(title string, card *Card) string {
	var b strings.Builder
	b.WriteString(title + "\n")
	for _, l := range p.heading(card) {
		b.WriteString("  " + l.text + "\n")
	}
	for _, l := range p.list(card) {
		b.WriteString("  " + l.text + "\n")
	}
	return b.String()
}

// row is a line that may hold escape sequences, and how wide it shows.
type row struct {
	text  string
	width int
}

func (p *Printer) rows(lines ...string) []row {
	rows := make([]row, len(lines))
	for i, l := range lines {
		rows[i] = row{l, width(l)}
	}
	return rows
}

func (p *Printer) body(card *Card) []row {
	rows := p.heading(card)
	if len(card.Mention) > 0 {
		rows = append(rows, p.rows(wrap(strings.Join(card.Mention, " "), "")...)...)
	}
	label := 0
	for _, f := range card.Facts {
		label = max(label, width(f.Label))
	}
	for _, f := range card.Facts {
		rows = append(rows, p.rows(wrap(f.console(), pad(f.Label, min(label, 24))+"  ")...)...)
	}
	rows = append(rows, p.list(card)...)
	if text := card.Action.Plain(); text != "" {
		rows = append(rows, p.rows(wrap(text, "→ ")...)...)
	}
	if card.Runbook != "" {
		rows = append(rows, p.rows(wrap(Plain(card.Runbook, maxFact), "→ ")...)...)
	}
	if len(card.Footer) > 0 {
		for _, l := range wrap(strings.Join(card.Footer, " · "), "") {
			rows = append(rows, row{p.paint(Gray, l), width(l)})
		}
	}
	return rows
}

func (p *Printer) heading(card *Card) []row {
	lines := wrap(card.Title, strings.ToUpper(card.Mark.Word)+": ")
	rows := p.rows(lines...)
	word := strings.ToUpper(card.Mark.Word)
	rows[0].text = p.paint(card.Mark.Color, word) + strings.TrimPrefix(rows[0].text, word)
	return rows
}

func (p *Printer) list(card *Card) []row {
	var rows []row
	if card.Counts != "" {
		rows = append(rows, p.rows(wrap(card.Counts, "")...)...)
	}
	for _, l := range card.Lines {
		lead := pad(l.Mark.Word, 8) + "  "
		lines := p.rows(wrap(Plain(l.Text, maxLine), lead)...)
		lines[0].text = p.paint(l.Mark.Color, lead) + strings.TrimPrefix(lines[0].text, lead)
		rows = append(rows, lines...)
	}
	if card.More > 0 {
		rows = append(rows, p.rows(fmt.Sprintf("and %d more", card.More))...)
	}
	return rows
}

func (f *Fact) console() string {
	text := Plain(f.Value, maxFact)
	if f.Time.IsZero() {
		return text
	}
	return strings.TrimPrefix(text+", "+UTC(f.Time), ", ")
}

var colorCodes = [...]string{Gray: "90", Blue: "34", Yellow: "33", Orange: "38;5;208", Red: "1;31", Green: "32"}

func (p *Printer) paint(color Color, s string) string {
	if !p.color {
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
	for _, word := range words(Plain(text, maxText), room-len(indent)) {
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

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch textwidth.LookupRune(r).Kind() {
	case textwidth.EastAsianWide, textwidth.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}
