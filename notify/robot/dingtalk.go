package robot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"numwatch/notify/card"
)

const (
	dingtalkMax     = 18_000 // bytes of a message's text; DingTalk takes 20,000
	dingtalkSilence = 10 * time.Minute
	dingtalkTitle   = 120 // runes
)

// DingTalk is the dialect of DingTalk's custom robots.
func DingTalk() *Dialect {
	return &Dialect{
		Kind: "dingtalk", pace: time.Minute/18 + time.Millisecond, max: dingtalkMax,
		compose: composeDingTalk, sign: signDingTalk, judge: judgeDingTalk,
	}
}

// dingtalkMarkdown needs two blanks before a line break, and an empty line between paragraphs.
var dingtalkMarkdown = markdown{
	heading:   func(m card.Mark, text string) string { return "### " + m.Sign() + " " + text },
	bold:      func(text string) string { return "**" + text + "**" },
	line:      func(m card.Mark, word, text string) string { return m.Sign() + " **" + word + "** " + text },
	lineBreak: "  \n", paragraph: "\n\n",
}

// composeDingTalk writes markdown. Whoever is mentioned stands both in the text and beside it.
func composeDingTalk(m *outgoing, most int) (map[string]any, int, error) {
	var mention []string
	for _, who := range slices.Concat(m.mobiles, m.users) {
		mention = append(mention, "@"+who)
	}
	text := dingtalkMarkdown.write(m.card, strings.Join(mention, " "), most)
	return map[string]any{
		"msgtype":  "markdown",
		"markdown": map[string]any{"title": plainTitle(m.card, dingtalkTitle), "text": text},
		"at":       map[string]any{"atMobiles": notNil(m.mobiles), "atUserIds": notNil(m.users), "isAtAll": m.all},
	}, len(text), nil
}

func notNil(list []string) []string { return append([]string{}, list...) }

// signDingTalk signs the time in milliseconds and the secret with the secret.
func signDingTalk(secret string, at time.Time, query url.Values, _ map[string]any) {
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\n" + secret)) // a hash takes everything
	query.Set("timestamp", timestamp)
	query.Set("sign", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// dingtalkAdvice says what to do about codes that concern the robot.
var dingtalkAdvice = map[int]string{
	300001: "check the access_token in the url of the channel",
	400013: "the group was dissolved: name another robot in config.yaml",
	400101: "check the access_token in the url of the channel",
	400102: "enable the robot in the settings of the group",
	400106: "add the robot to the group again, and set its new url",
	410100: "it takes no more messages for ten minutes; does another program post with the same robot?",
	130101: "it takes no more messages for ten minutes; does another program post with the same robot?",
}

func judgeDingTalk(a *answer) *sendError {
	code, text := *a.ErrCode, strings.ToLower(a.ErrMsg)
	switch code {
	case -1: // busy
		return &sendError{err: says(code, a.ErrMsg, "")}
	case 130101, 410100:
		return &sendError{class: tooFast, wait: dingtalkSilence, err: says(code, a.ErrMsg, dingtalkAdvice[code])}
	case 310000:
		advice := "check the security settings of the robot: its secret, its keywords and its IP addresses"
		switch {
		case strings.Contains(text, "sign"), strings.Contains(text, "timestamp"):
			advice = "check secret_file of the channel, and this machine's clock"
		case strings.Contains(text, "keyword"), strings.Contains(text, "关键词"):
			advice = "use a signature instead of keywords, in the robot's security settings"
		case strings.Contains(text, "ip"):
			advice = "add this machine's IP address to the robot's allowlist, in the settings of the group"
		}
		return &sendError{class: refused, err: says(code, a.ErrMsg, advice)}
	}
	if advice, ok := dingtalkAdvice[code]; ok {
		return &sendError{class: refused, err: says(code, a.ErrMsg, advice)}
	}
	return &sendError{class: badMessage, err: says(code, a.ErrMsg, "")}
}
