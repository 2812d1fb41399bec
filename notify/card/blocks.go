package card

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"numwatch/alert"
)

// Slack's limits, and the share of them that one text takes. Slack does not
// shorten texts that are too long: it refuses the whole message.
const (
	maxBlocks   = 50
	maxHeader   = 150
	maxSection  = 3000
	maxField    = 2000
	maxElements = 10
	maxAll      = 9500 // of all text; Slack's own limit is not documented
	maxText     = 3500 // of the text beside the blocks, or without them
	maxFact     = 300
	maxLine     = 220
	maxAction   = 900
	maxFooter   = 300
	listSection = 2800
)

var colorSigns = [...]string{Gray: "⚪", Blue: "🔵", Yellow: "🟡", Orange: "🟠", Red: "🔴", Green: "🟢"}

// Sign is a circle in the mark's colour.
func (m Mark) Sign() string { return colorSigns[m.Color] }

// Blocks gives a card the form of Block Kit blocks, within Slack's limits.
func (c *Card) Blocks() []slack.Block {
	b := &blockWriter{}
	b.header(c)
	if len(c.Mention) > 0 {
		b.section(strings.Join(c.Mention, " "))
	}
	if utf8.RuneCountInString(c.heading()) > maxHeader {
		b.section(Mrkdwn(c.Title, maxAction))
	}
	if c.Counts != "" {
		b.section("*" + Mrkdwn(c.Counts, maxFact) + "*")
	}
	b.advice(c)
	b.lines(c, "", c.Lines, c.More, c.rest)
	for _, s := range c.Sections {
		b.lines(c, "*"+Mrkdwn(s.Title, maxFact)+"*", s.Lines, s.More, c.andMore)
	}
	b.context(c)
	b.footer(c.Footer)
	return b.blocks
}

// BlockKit returns the card as Slack is sent it: a JSON object of text and
// blocks.
func (c *Card) BlockKit() (json.RawMessage, error) {
	b, err := json.Marshal(map[string]any{"text": c.Text(false), "blocks": c.Blocks()})
	if err != nil {
		return nil, fmt.Errorf("rendering the blocks of a message: %w", err)
	}
	return b, nil
}

// heading begins with the fact; the context has the severity.
func (c *Card) heading() string {
	if c.Mark.severity() != "" {
		return c.Mark.Sign() + " " + c.Title
	}
	return c.Mark.Sign() + " " + c.Word(c.Mark) + c.say().Colon + c.Title
}

// blockWriter adds blocks and counts their text.
type blockWriter struct {
	blocks []slack.Block
	used   int
}

func (b *blockWriter) add(text string, block slack.Block) {
	b.used += utf8.RuneCountInString(text)
	b.blocks = append(b.blocks, block)
}

func (b *blockWriter) header(c *Card) {
	text := Plain(c.heading(), maxHeader)
	b.add(text, slack.NewHeaderBlock(plainObject(text)))
}

func (b *blockWriter) section(text string) {
	b.add(text, slack.NewSectionBlock(mrkdwnObject(text), nil, nil))
}

// context shows the facts and the links, each kind in small print.
func (b *blockWriter) context(c *Card) {
	var texts []string
	if word := c.Mark.severity(); word != "" && (len(c.Facts) > 0 || len(c.Lines) == 0) { // else the lines say it
		texts = append(texts, "*"+c.say().Severity+"* "+c.say().Inner(word))
	}
	for _, f := range c.Facts {
		texts = append(texts, "*"+Mrkdwn(f.Label, maxFact)+"* "+f.text(Mrkdwn, c.slackTime))
	}
	for part := range slices.Chunk(texts, maxElements) {
		b.small(part)
	}
	if links := c.anchors(); links != "" {
		b.small([]string{links})
	}
}

func (b *blockWriter) small(texts []string) {
	elements := make([]slack.MixedElement, len(texts))
	for i, text := range texts {
		elements[i] = mrkdwnObject(text)
	}
	b.add(strings.Join(texts, ""), slack.NewContextBlock("", elements...))
}

func (c *Card) anchors() string {
	links := make([]string, len(c.Links))
	for i, l := range c.Links {
		links[i] = anchor(l.URL, l.Text)
	}
	return strings.Join(links, " · ")
}

// text is the value and the time, each in its form.
func (f *Fact) text(escape func(string, int) string, clock func(time.Time) string) string {
	text := escape(f.Value, maxFact)
	if f.Time.IsZero() {
		return text
	}
	return strings.TrimPrefix(text+", "+clock(f.Time), ", ")
}

// slackTime is shown in each reader's own time zone.
func (c *Card) slackTime(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), c.say().Time(t))
}

func (b *blockWriter) advice(c *Card) {
	for i, a := range c.Advice {
		var parts []string
		if text := actionText(a.Action); text != "" {
			parts = append(parts, text)
		}
		if link := anchor(a.Runbook, c.say().Runbook); link != "" {
			parts = append(parts, link)
		}
		text := strings.Join(parts, "\n")
		switch {
		case text == "":
			continue
		case a.For != "":
			text = c.say().AdviceFor(Mrkdwn(a.For, maxFact)) + text
		}
		if i == 0 {
			text = "*" + c.say().ToDo + "*\n" + text
		}
		b.section(text)
	}
}

// actionText renders a rule's advice: its literals may use Slack's formatting,
// what fills its holes may not. Where that is too long, all of it is cut.
func actionText(t alert.Text) string {
	text := t.Render(func(s string) string { return Mrkdwn(s, maxFact) })
	if utf8.RuneCountInString(text) > maxAction {
		return Mrkdwn(t.Plain(), maxAction)
	}
	return text
}

// anchor links an address of the configuration.
func anchor(url, text string) string {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") || len(url) > maxFact || strings.ContainsAny(url, "<>| \n") {
		return Mrkdwn(url, maxFact)
	}
	return "<" + strings.ReplaceAll(url, "&", "&amp;") + "|" + text + ">"
}

// lines lists what fits under a title, in as few sections as that takes; the rest is counted.
func (b *blockWriter) lines(c *Card, title string, lines []Line, more int, rest func(int) string) {
	var section []string
	size, listed := 0, 0
	flush := func() {
		if len(section) > 0 {
			b.section(strings.Join(section, "\n"))
		}
		section, size = nil, 0
	}
	add := func(text string) {
		section = append(section, text)
		size += utf8.RuneCountInString(text) + 1
	}
	if title != "" {
		add(title)
	}
	for _, l := range lines {
		text := c.mrkdwn(l)
		n := utf8.RuneCountInString(text) + 1
		if b.used+size+n > maxAll-2*maxFooter-maxFact {
			break
		}
		if size+n > listSection {
			flush()
		}
		add(text)
		listed++
	}
	flush()
	if more += len(lines) - listed; more > 0 {
		b.section(rest(more))
	}
}

func (c *Card) mrkdwn(l Line) string {
	text := Mrkdwn(l.Text, maxLine)
	if l.Mark == (Mark{}) {
		return "• " + text
	}
	return l.Mark.Sign() + " *" + c.Word(l.Mark) + "*  " + text
}

func (c *Card) andMore(more int) string { return c.say().Rest(more, "") }

// rest says how many alerts are not listed, and where they are.
func (c *Card) rest(more int) string {
	where := c.say().ListedBy
	if c.Link != "" {
		where = anchor(c.Link, c.say().AllAlerts)
	}
	return c.say().Rest(more, where)
}

func (b *blockWriter) footer(parts []string) {
	if len(parts) == 0 {
		return
	}
	text := Plain(strings.Join(parts, " · "), maxFooter)
	b.add(text, slack.NewContextBlock("", plainObject(text)))
}

func plainObject(text string) *slack.TextBlockObject {
	off := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: text, Emoji: &off}
}

func mrkdwnObject(text string) *slack.TextBlockObject {
	return &slack.TextBlockObject{Type: slack.MarkdownType, Text: text, Verbatim: true}
}

// Text is what notifications show and screen readers read, and the whole message
// if Slack accepts no other form. An edit may have 4,000 characters.
func (c *Card) Text(mention bool) string {
	var b textWriter
	if mention && len(c.Mention) > 0 {
		b.line(strings.Join(c.Mention, " "))
	}
	b.line(c.sentence())
	if c.Counts != "" {
		b.line(Mrkdwn(c.Counts, maxFact))
	}
	for _, a := range c.Advice {
		if text := actionText(a.Action); text != "" {
			lead := c.say().ToDo
			if a.For != "" {
				lead = c.say().ToDoFor(Mrkdwn(a.For, maxFact))
			}
			b.line(lead + c.say().Colon + text)
		}
		if a.Runbook != "" {
			b.line(anchor(a.Runbook, c.say().Runbook))
		}
	}
	listed := 0
	for _, l := range c.Lines {
		if b.line(c.Word(l.Mark) + c.say().Colon + Mrkdwn(l.Text, maxLine)) {
			listed++
		}
	}
	if more := c.More + len(c.Lines) - listed; more > 0 {
		b.used = 0
		b.line(c.rest(more))
	}
	for _, s := range c.Sections {
		b.section(c, &s)
	}
	for _, f := range c.Facts {
		b.line(Mrkdwn(f.Label, maxFact) + c.say().Colon + f.text(Mrkdwn, c.say().Time))
	}
	if links := c.anchors(); links != "" {
		b.line(links)
	}
	if len(c.Footer) > 0 {
		b.used = 0
		b.line(Mrkdwn(strings.Join(c.Footer, " · "), maxFooter))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// sentence is the headline with a word for its colour.
func (c *Card) sentence() string {
	if word := c.Mark.severity(); word != "" {
		return Mrkdwn(c.Title, maxAction) + c.say().Comma + c.say().Inner(word)
	}
	return c.Word(c.Mark) + c.say().Colon + Mrkdwn(c.Title, maxAction)
}

// section writes a list with its title, as far as it fits.
func (b *textWriter) section(c *Card, s *Section) {
	if !b.line(Mrkdwn(s.Title, maxFact)) {
		return
	}
	listed := 0
	for _, l := range s.Lines {
		text := Mrkdwn(l.Text, maxLine)
		if l.Mark != (Mark{}) {
			text = c.Word(l.Mark) + c.say().Colon + text
		}
		if b.line(text) {
			listed++
		}
	}
	if more := s.More + len(s.Lines) - listed; more > 0 {
		b.line(c.andMore(more))
	}
}

// textWriter takes lines as long as they fit.
type textWriter struct {
	strings.Builder
	used int
}

func (b *textWriter) line(s string) bool {
	if b.used += utf8.RuneCountInString(s) + 1; b.used > maxText {
		return false
	}
	b.WriteString(s + "\n")
	return true
}
