package robot

import (
	"strings"
	"time"

	"numwatch/notify/card"
)

const wecomMax = 4096 // bytes of the markdown

// WeCom is the dialect of the group robots of WeCom (WeChat Work).
func WeCom() *Dialect {
	return &Dialect{
		Kind: "wecom", pace: time.Minute/18 + time.Millisecond, max: wecomMax,
		compose: composeWeCom, judge: judgeWeCom,
	}
}

// wecomColors are the three that WeCom knows; red is none of them.
var wecomColors = [...]string{card.Gray: "comment", card.Blue: "comment", card.Yellow: "warning", card.Orange: "warning", card.Red: "warning", card.Green: "info"}

var wecomMarkdown = markdown{
	heading: func(m card.Mark, text string) string { return "### " + m.Sign() + " " + text },
	bold:    func(text string) string { return "**" + text + "**" },
	line: func(m card.Mark, word, text string) string {
		return m.Sign() + ` <font color="` + wecomColors[m.Color] + `">` + word + "</font> " + text
	},
	lineBreak: "\n", paragraph: "\n\n",
}

func composeWeCom(m *outgoing, most int) (map[string]any, int, error) {
	var mention []string
	for _, who := range m.users {
		mention = append(mention, "<@"+who+">")
	}
	text := wecomMarkdown.write(m.card, strings.Join(mention, " "), most)
	return map[string]any{"msgtype": "markdown", "markdown": map[string]any{"content": text}}, len(text), nil
}

// wecomAdvice says what to do about codes that concern the robot.
var wecomAdvice = map[int]string{
	93000: "check the key in the url of the channel",
	93004: "the robot was removed or banned: add one to the group, and set its url",
	93008: "the robot is not in the group any more: add one, and set its url",
}

func judgeWeCom(a *answer) *sendError {
	code := *a.ErrCode
	if advice, ok := wecomAdvice[code]; ok {
		return &sendError{class: refused, err: says(code, a.ErrMsg, advice)}
	}
	switch code {
	case 45009, 45033:
		return &sendError{class: tooFast, wait: time.Minute, err: says(code, a.ErrMsg, "does another program post with the same robot?")}
	case -1, 42001, 50001: // busy, or broken there
		return &sendError{err: says(code, a.ErrMsg, "")}
	default:
		return &sendError{class: badMessage, err: says(code, a.ErrMsg, "")}
	}
}
