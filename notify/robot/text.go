package robot

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"numwatch/notify/card"
	"numwatch/notify/wording"
)

// How many runes the texts of a message take.
const (
	maxTitle  = 300
	maxText   = 300
	maxAction = 900
	maxFooter = 300
)

// Markdown syntax in texts that customers choose is replaced by look-alikes, so that
// nothing links, mentions, formats or embeds, in any dialect.
var (
	lookAlikes = strings.NewReplacer(
		"://", "∶//", "mailto:", "mailto∶", "*", "∗", "~", "∼", "`", "ˋ", "[", "［", "]", "］", "<", "‹", ">", "›", "@", "＠", `\`, "＼", "|", "｜", "#", "＃",
	)
	emoji  = regexp.MustCompile(`:([\w+'-]+):`)
	entity = regexp.MustCompile(`&([#\w])`)
	// Clients make links of these without any address scheme.
	domain = regexp.MustCompile(`(?i)\b(www\.[\w.-]+|[\w-]+(?:\.[\w-]+)*\.(?:com|cn|net|org|info|io|co|cc|me|top|xyz|vip|link|site|shop|app|ly|ru|tk))\b`)
)

// harmless returns s on one line, cut to n runes, with nothing that a chat would parse.
func harmless(s string, n int) string {
	s = emoji.ReplaceAllString(card.Plain(s, n), "∶$1∶")
	s = entity.ReplaceAllString(s, "＆$1")
	s = domain.ReplaceAllStringFunc(s, func(d string) string { return strings.ReplaceAll(d, ".", "․") })
	runes := []rune(lookAlikes.Replace(s))
	for i, r := range runes {
		if r == '_' && !(i > 0 && i+1 < len(runes) && inWord(runes[i-1]) && inWord(runes[i+1])) { // TIER_1K stays readable
			runes[i] = '＿'
		}
	}
	return string(runes)
}

func inWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// markdown is how a dialect writes what a message consists of. Texts are harmless already.
type markdown struct {
	heading   func(mark card.Mark, text string) string
	bold      func(text string) string
	line      func(mark card.Mark, word, text string) string
	lineBreak string // between lines of a paragraph
	paragraph string // between paragraphs
}

func (m *markdown) link(text, url string) string {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") || strings.ContainsAny(url, "<>()[] \n\"") {
		return harmless(url, maxText)
	}
	return "[" + harmless(text, maxText) + "](" + url + ")"
}

// write writes a message of at most that many bytes: the worst first, then what there is
// room for. Lines that are left out are counted.
func (m *markdown) write(c *card.Card, mention string, most int) string {
	w := &writer{left: most}
	say := wording.In(c.Language)
	if m.heading != nil {
		w.add("", m.heading(c.Mark, cutBytes(title(c), most/2)))
	}
	w.add(m.paragraph, mention)
	w.add(m.paragraph, m.counts(c))
	links := m.links(c)
	w.left -= len(links) + len(m.paragraph) // kept free
	for i, a := range c.Advice {
		text := a.Action.Render(func(s string) string { return harmless(s, maxText) })
		if utf8.RuneCountInString(text) > maxAction {
			text = harmless(a.Action.Plain(), maxAction)
		}
		if a.For != "" && text != "" {
			text = harmless(a.For, maxText) + say.Colon + text
		}
		if i == 0 && text != "" {
			text = m.bold(say.ToDo) + m.lineBreak + text
		}
		w.add(m.paragraph, text)
		if a.Runbook != "" {
			w.add(m.lineBreak, m.link(say.Runbook, a.Runbook))
		}
	}
	m.lines(w, c)
	for i, f := range c.Facts {
		w.add(m.between(i), m.bold(harmless(f.Label, maxText))+" "+factText(&f, say))
	}
	w.left += len(links) + len(m.paragraph)
	w.add(m.paragraph, links)
	w.add(m.paragraph, harmless(strings.Join(c.Footer, " · "), maxFooter))
	return w.String()
}

func (m *markdown) counts(c *card.Card) string {
	if c.Counts == "" {
		return ""
	}
	return m.bold(harmless(c.Counts, maxText))
}

func (m *markdown) between(i int) string {
	if i == 0 {
		return m.paragraph
	}
	return m.lineBreak
}

func factText(f *card.Fact, say *wording.Catalogue) string {
	text := harmless(f.Value, maxText)
	if f.Time.IsZero() {
		return text
	}
	return strings.TrimPrefix(text+say.Comma+say.Time(f.Time), say.Comma)
}

// lines lists incidents as far as there is room, and counts the others.
func (m *markdown) lines(w *writer, c *card.Card) {
	say := wording.In(c.Language)
	rest := func(more int) string {
		where := say.ListedBy
		if c.Link != "" {
			where = m.link(say.AllAlerts, c.Link)
		}
		return say.Rest(more, where)
	}
	room := len(m.lineBreak) + len(rest(c.More+len(c.Lines)))
	w.left -= room
	listed := 0
	for i, l := range c.Lines {
		if !w.add(m.between(i), m.line(l.Mark, c.Word(l.Mark), harmless(l.Text, maxText))) {
			break
		}
		listed++
	}
	w.left += room
	more := c.More
	for _, l := range c.Lines[listed:] {
		if !l.More {
			more++
		}
	}
	if more > 0 {
		w.add(m.between(listed), rest(more))
	}
}

// links lead to the pages.
func (m *markdown) links(c *card.Card) string {
	var links []string
	for _, l := range c.Links {
		links = append(links, m.link(l.Text, l.URL))
	}
	return strings.Join(links, " · ")
}

// title is the headline with the word for its colour.
func title(c *card.Card) string {
	return harmless(c.Word(c.Mark), maxText) + wording.In(c.Language).Colon + harmless(c.Title, maxTitle)
}

// writer takes texts as long as they fit.
type writer struct {
	strings.Builder
	left int // bytes
}

// add writes a text after what separates it from the one before. It reports whether there
// was room for it.
func (w *writer) add(separator, text string) bool {
	if text == "" {
		return true
	}
	if w.Len() > 0 {
		text = separator + text
	}
	if len(text) > w.left {
		return false
	}
	w.left -= len(text)
	w.WriteString(text)
	return true
}

// cutBytes cuts a text to n bytes, between runes.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n-len("…"), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// plainTitle is the headline where nothing is parsed.
func plainTitle(c *card.Card, n int) string {
	return card.Plain(c.Mark.Sign()+" "+c.Word(c.Mark)+wording.In(c.Language).Colon+c.Title, n)
}

// people splits the mentions of a channel, as rules.yaml writes them.
func people(mentions []string) (users, mobiles []string, all bool) {
	for _, m := range mentions {
		form, value, _ := strings.Cut(m, ":")
		switch form {
		case "all":
			all = true
		case "user":
			users = append(users, value)
		case "mobile":
			mobiles = append(mobiles, value)
		}
	}
	return users, mobiles, all
}
