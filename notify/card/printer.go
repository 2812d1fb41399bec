package card

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
)

// consoleWidth is how many columns a printed message takes.
const (
	consoleWidth = 80
	maxChannel   = 24 // runes of a channel's name
	maxChannels  = 52 // columns of all their names
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

// Message prints a message in a box, headed by the channels that get it, such as #ops. Number
// is what replies and edits call it.
func (p *Printer) Message(channels []string, number string, c *Card) error {
	return p.print(p.box(titled(channels, "message "+number), c))
}

// Reply prints a reply in the message's thread.
func (p *Printer) Reply(channels []string, number string, c *Card) error {
	return p.print(p.short("↳ "+titled(channels, "reply to message "+number), c))
}

// Edit prints what the message now says, without its list.
func (p *Printer) Edit(channels []string, number string, c *Card) error {
	short := *c
	short.Lines, short.More = nil, 0
	return p.print(p.short("✎ "+titled(channels, "edit of message "+number), &short))
}

// Other prints in a box what another chat shows, a paragraph from each text.
func (p *Printer) Other(title string, edge Color, texts []string) error {
	var lines []string
	for _, t := range texts {
		lines = append(lines, wrap(t, "")...)
	}
	return p.print(p.frame(Plain(title, maxChannels), edge, lines))
}

func titled(channels []string, what string) string {
	var names []string
	for _, c := range channels {
		names = append(names, Plain(c, maxChannel+1)) // with its #
	}
	return CutWidth(strings.Join(names, " "), maxChannels) + " · " + what
}

// print prints what is about one incident, with a blank line before it.
func (p *Printer) print(text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.w, "\n"+text); err != nil {
		return fmt.Errorf("printing a message: %w", err)
	}
	return nil
}

// box draws a whole message, its edge in the colour of its mark.
func (p *Printer) box(title string, card *Card) string {
	return p.frame(title, card.Mark.Color, p.body(card))
}

func (p *Printer) frame(title string, color Color, lines []string) string {
	edge := func(s string) string { return p.paint(color, s) }
	var b strings.Builder
	b.WriteString(edge("╭─") + " " + title + " " + edge(strings.Repeat("─", max(consoleWidth-5-Width(title), 0))+"╮") + "\n")
	for _, l := range lines {
		b.WriteString(edge("│") + " " + Pad(l, consoleWidth-4) + " " + edge("│") + "\n")
	}
	b.WriteString(edge("╰"+strings.Repeat("─", consoleWidth-2)+"╯") + "\n")
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
		add(strings.TrimPrefix(a.For+card.say().Colon+a.Action.Plain(), card.say().Colon), "→ ")
		add(Plain(a.Runbook, maxFact), "→ ")
	}
	lines = append(lines, p.list(card)...)
	label := 0
	for _, f := range card.Facts {
		label = max(label, Width(f.Label))
	}
	for _, f := range card.Facts {
		fact := wrap(f.text(Plain, card.say().Time), Pad(f.Label, min(label, 24))+"  ")
		fact[0] = p.paint(Gray, f.Label) + strings.TrimPrefix(fact[0], f.Label)
		lines = append(lines, fact...)
	}
	if len(card.Footer) > 0 {
		for _, l := range wrap(strings.Join(card.Footer, " · "), "") {
			lines = append(lines, p.paint(Gray, l))
		}
	}
	return lines
}

func (p *Printer) heading(card *Card) []string {
	gap := card.say().Colon
	if card.Mark.severity() != "" {
		gap = "  " // the title begins with the fact
	}
	return p.marked(card.Title, strings.ToUpper(card.Word(card.Mark)), gap, card.Mark)
}

func (p *Printer) list(card *Card) []string {
	var lines []string
	if card.Counts != "" {
		lines = wrap(card.Counts, "")
	}
	lines = append(lines, p.lines(card, card.Lines, card.More)...)
	for _, s := range card.Sections {
		lines = append(lines, "", Plain(s.Title, maxFact))
		lines = append(lines, p.lines(card, s.Lines, s.More)...)
	}
	return lines
}

func (p *Printer) lines(card *Card, list []Line, more int) (lines []string) {
	for _, l := range list {
		lines = append(lines, p.marked(Plain(l.Text, maxLine), Pad(card.Word(l.Mark), 8), "  ", l.Mark)...)
	}
	if more > 0 {
		lines = append(lines, card.andMore(more))
	}
	return lines
}

// marked is a text that begins with a word in the mark's colour.
func (p *Printer) marked(text, word, gap string, m Mark) []string {
	lines := wrap(text, word+gap)
	lines[0] = p.paint(m.Color, word) + strings.TrimPrefix(lines[0], word)
	return lines
}

func (p *Printer) paint(color Color, s string) string {
	if !p.color {
		return s
	}
	return Paint(color, s)
}

// wrap breaks a text into lines that fit a box. The first begins with lead, the
// others are indented as far.
func wrap(text, lead string) []string {
	room := consoleWidth - 4
	indent := strings.Repeat(" ", Width(lead))
	lines := []string{lead}
	fill := Width(lead)
	for _, piece := range pieces(Plain(text, maxText), room-len(indent)) {
		w, gap := Width(piece.text), 1
		if piece.glued || fill <= len(indent) {
			gap = 0
		}
		if fill > len(indent) && fill+gap+w > room {
			lines, fill, gap = append(lines, indent), len(indent), 0
		}
		lines[len(lines)-1] += strings.Repeat(" ", gap) + piece.text
		fill += gap + w
	}
	return lines
}

// piece is part of a text that is not broken: a word, or a Chinese character with the
// signs around it, which is glued to what it follows without a space.
type piece struct {
	text  string
	glued bool
}

// pieces splits a text where its lines may break. No piece takes more than room columns.
func pieces(text string, room int) (all []piece) {
	for _, word := range words(text, room) {
		begin, glued := 0, false
		runes := []rune(word)
		for i := 1; i < len(runes); i++ {
			if breaks(runes[i-1], runes[i]) {
				all = append(all, piece{string(runes[begin:i]), glued})
				begin, glued = i, true
			}
		}
		all = append(all, piece{string(runes[begin:]), glued})
	}
	return all
}

// breaks reports whether a line of Chinese may break between two runes: not before a
// sign that closes, nor after one that opens.
func breaks(before, after rune) bool {
	chinese := func(r rune) bool {
		return unicode.Is(unicode.Han, r) || strings.ContainsRune("，。；：、（）", r)
	}
	return (chinese(before) || chinese(after)) && !strings.ContainsRune("，。；：、）…", after) && before != '（'
}

// widest is how many columns a character takes at most.
const widest = 4

// words splits a text, and breaks words that are longer than a line.
func words(text string, room int) []string {
	var all []string
	for _, word := range strings.Fields(text) {
		for Width(word) > room {
			at := cutAt(word, max(room, widest))
			all = append(all, word[:at])
			word = word[at:]
		}
		all = append(all, word)
	}
	return all
}
