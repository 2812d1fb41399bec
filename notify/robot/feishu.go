package robot

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"numwatch/notify/card"
)

const (
	feishuMax     = 19_000 // bytes of a body, which gets a signature; Feishu takes 20 KB
	feishuTitle   = 120    // runes
	feishuButtons = 4
)

// Feishu is the dialect of the custom bots of Feishu, and of Lark, which is the same at
// another address.
func Feishu() *Dialect {
	return &Dialect{
		Kind: "feishu", pace: time.Minute / 90, max: feishuMax,
		compose: composeFeishu, sign: signFeishu, judge: judgeFeishu,
	}
}

var feishuMarkdown = markdown{
	bold:      func(text string) string { return "**" + text + "**" },
	line:      func(m card.Mark, word, text string) string { return m.Sign() + " **" + word + "** " + text },
	lineBreak: "\n", paragraph: "\n\n",
}

// feishuColors are those of a card's head.
var feishuColors = [...]string{card.Gray: "grey", card.Blue: "blue", card.Yellow: "yellow", card.Orange: "orange", card.Red: "red", card.Green: "green"}

// composeFeishu makes a card whose buttons lead to the pages. The whole body counts.
func composeFeishu(m *outgoing, most int) (map[string]any, int, error) {
	var mention []string
	if m.all {
		mention = append(mention, "<at id=all></at>")
	}
	for _, who := range m.users {
		mention = append(mention, "<at id="+who+"></at>")
	}
	inside := *m.card
	inside.Link, inside.Links, inside.Footer = m.card.Link, nil, nil
	if len(inside.Lines) == 0 && inside.More == 0 {
		inside.Link = "" // the buttons say it
	}
	elements := []any{}
	text := feishuMarkdown.write(&inside, strings.Join(mention, " "), most)
	elements = append(elements, map[string]any{"tag": "markdown", "content": cmp.Or(text, harmless(m.card.Title, maxTitle))}) // one is needed
	var buttons []any
	for _, l := range m.card.Links {
		if len(buttons) < feishuButtons && strings.HasPrefix(l.URL, "http") {
			buttons = append(buttons, map[string]any{"tag": "button", "type": "default", "text": feishuText(l.Text), "url": l.URL})
		}
	}
	if len(buttons) > 0 {
		elements = append(elements, map[string]any{"tag": "action", "actions": buttons})
	}
	if footer := card.Plain(strings.Join(m.card.Footer, " · "), maxFooter); footer != "" {
		elements = append(elements, map[string]any{"tag": "note", "elements": []any{feishuText(footer)}})
	}
	body := map[string]any{"msg_type": "interactive", "card": map[string]any{
		"config":   map[string]any{"wide_screen_mode": true},
		"header":   map[string]any{"template": feishuColors[m.card.Mark.Color], "title": feishuText(plainTitle(m.card, feishuTitle))},
		"elements": elements,
	}}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, 0, fmt.Errorf("encoding a card: %w", err)
	}
	return body, len(encoded), nil
}

func feishuText(text string) map[string]any {
	return map[string]any{"tag": "plain_text", "content": text}
}

// signFeishu signs nothing, with the time in seconds and the secret as the key.
func signFeishu(secret string, at time.Time, _ url.Values, body map[string]any) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	body["timestamp"] = timestamp
	body["sign"] = base64.StdEncoding.EncodeToString(hmac.New(sha256.New, []byte(timestamp+"\n"+secret)).Sum(nil))
}

// feishuAdvice says what to do about codes that concern the robot.
var feishuAdvice = map[int]string{
	19001: "check the url of the channel: there is no such robot",
	19003: "check the url of the channel: there is no such robot",
	19021: "check secret_file of the channel, and this machine's clock",
	19022: "add this machine's IP address to the robot's allowlist, in the settings of the group",
	19024: "use a signature instead of keywords, in the robot's security settings",
}

func judgeFeishu(a *answer) *sendError {
	code := *a.Code
	if advice, ok := feishuAdvice[code]; ok {
		return &sendError{class: refused, err: says(code, a.Msg, advice)}
	}
	switch code {
	case 9499: // it is also the answer to what comes too fast
		if !strings.Contains(strings.ToLower(a.Msg), "too many") {
			return &sendError{class: badMessage, err: says(code, a.Msg, "")}
		}
		return &sendError{class: tooFast, wait: time.Minute, err: says(code, a.Msg, "does another program post with the same robot?")}
	case 11232, 11233:
		return &sendError{class: tooFast, wait: time.Minute, err: says(code, a.Msg, "does another program post with the same robot?")}
	case 1500, 19004, 2200: // busy, or broken there
		return &sendError{err: says(code, a.Msg, "")}
	default:
		return &sendError{class: badMessage, err: says(code, a.Msg, "")}
	}
}
