package card

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	textwidth "golang.org/x/text/width"

	"numwatch/phone"
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
		b.WriteString("│ " + pad(l, consoleWidth-4) + " │\n")
	}
	b.WriteString("╰" + strings.Repeat("─", consoleWidth-2) + "╯\n")
	return b.String()
}

// short draws a reply or an edit: what changed, without a frame.
func (p *Printer) short(title string, card *Card) string {
	lines := append(p.heading(card), p.list(card)...)
	return title + "\n  " + strings.Join(lines, "\n  ") + "\n"
}

func (p *Printer) body(card *Card) []string {
	lines := p.heading(card)
	add := func(text, lead string) {
		if text != "" {
			lines = append(lines, wrap(text, lead)...)
		}
	}
	add(strings.Join(card.Mention, " "), "")
	for _, a := range card.Advice {
		add(strings.TrimPrefix(a.For+": "+a.Action.Plain(), ": "), "→ ")
		add(Plain(a.Runbook, maxFact), "→ ")
	}
	lines = append(lines, p.list(card)...)
	label := 0
	for _, f := range card.Facts {
		label = max(label, width(f.Label))
	}
	for _, f := range card.Facts {
		lines = append(lines, wrap(f.text(Plain, UTC), pad(f.Label, min(label, 24))+"  ")...)
	}
	if len(card.Footer) > 0 {
		for _, l := range wrap(strings.Join(card.Footer, " · "), "") {
			lines = append(lines, p.paint(Gray, l))
		}
	}
	return lines
}

func (p *Printer) heading(card *Card) []string {
	gap := ": "
	if card.Mark.severity() != "" {
		gap = "  " // the title begins with the fact
	}
	return p.marked(card.Title, strings.ToUpper(card.Mark.Word), gap, card.Mark)
}

func (p *Printer) list(card *Card) []string {
	var lines []string
	if card.Counts != "" {
		lines = wrap(card.Counts, "")
	}
	for _, l := range card.Lines {
		lines = append(lines, p.marked(Plain(l.Text, maxLine), pad(l.Mark.Word, 8), "  ", l.Mark)...)
	}
	if card.More > 0 {
		lines = append(lines, "and "+phone.Grouped(card.More)+" more")
	}
	return lines
}

// marked is a text that begins with a word in the mark's colour.
func (p *Printer) marked(text, word, gap string, m Mark) []string {
	lines := wrap(text, word+gap)
	lines[0] = p.paint(m.Color, word) + strings.TrimPrefix(lines[0], word)
	return lines
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

// escapes are the sequences that paint writes.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// width is how many columns s takes in a terminal.
func width(s string) int {
	n := 0
	for _, r := range escapes.ReplaceAllString(s, "") {
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
