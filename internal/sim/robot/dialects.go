package robot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tolerance is how old or new a signed request may be.
const tolerance = time.Hour

func errcode(code int, text string) map[string]any {
	if code == 0 {
		text = "ok"
	}
	return map[string]any{"errcode": code, "errmsg": text}
}

var dingtalk = dialect{
	path: "/robot/send", key: "access_token",
	limits: []limit{{20, time.Minute}}, silent: 10 * time.Minute,
	read: readDingTalk, answer: errcode,
	many: refusal{130101, "send too fast, exceed 20 times per minute"},
	lost: refusal{300001, "token is not exist"},
	word: refusal{310000, "keywords not in content"},
}

func readDingTalk(c *Config, r *http.Request, body []byte) (m Message, _ refusal) {
	var v struct {
		MsgType  string `json:"msgtype"`
		Markdown struct {
			Title string `json:"title"`
			Text  string `json:"text"`
		} `json:"markdown"`
		At struct {
			Mobiles []string `json:"atMobiles"`
			Users   []string `json:"atUserIds"`
			All     bool     `json:"isAtAll"`
		} `json:"at"`
	}
	query := r.URL.Query()
	at, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
	switch {
	case !isJSON(r):
		return m, refusal{43004, "invalid Content-Type"}
	case c.Secret == "" && query.Has("sign"):
		return m, refusal{310000, "sign not match: nobody set a secret"}
	case c.Secret != "" && (err != nil || stale(time.UnixMilli(at))):
		return m, refusal{310000, "invalid timestamp"}
	case c.Secret != "" && query.Get("sign") != mac(c.Secret, query.Get("timestamp")+"\n"+c.Secret):
		return m, refusal{310000, "sign not match"}
	case known(body, &v) != nil:
		return m, refusal{40035, "invalid json"}
	case v.MsgType != "markdown":
		return m, refusal{400105, "unsupported msgtype"}
	case v.Markdown.Title == "" || v.Markdown.Text == "":
		return m, refusal{40035, "title or text is missing"}
	case len(v.Markdown.Text) > 20_000:
		return m, refusal{460101, "message too long, exceed 20000 bytes"}
	}
	m = Message{Title: v.Markdown.Title, Text: v.Markdown.Text, Links: links(v.Markdown.Text)}
	for _, who := range slices.Concat(v.At.Mobiles, v.At.Users) {
		if !strings.Contains(m.Text, "@"+who) {
			return m, refusal{40035, who + " is to be mentioned and not in the text"}
		}
		m.Mentions = append(m.Mentions, who)
	}
	for _, found := range atSign.FindAllString(m.Text, -1) { // DingTalk shows it like a mention
		if who := strings.TrimPrefix(found, "@"); !slices.Contains(m.Mentions, who) {
			m.Mentions = append(m.Mentions, found)
		}
	}
	if v.At.All {
		m.Mentions = append(m.Mentions, "all")
	}
	return m, refusal{}
}

var feishu = dialect{
	path:   "/open-apis/bot/v2/hook/",
	limits: []limit{{100, time.Minute}, {5, time.Second}}, silent: time.Second,
	read: readFeishu,
	answer: func(code int, text string) map[string]any {
		if code == 0 {
			return map[string]any{"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": map[string]any{}, "msg": "success"}
		}
		return map[string]any{"code": code, "data": map[string]any{}, "msg": text}
	},
	many: refusal{11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"},
	lost: refusal{19001, "param invalid: incoming webhook access token invalid"},
	word: refusal{19024, "Key Words Not Found"},
}

type feishuPlain struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

func readFeishu(c *Config, r *http.Request, body []byte) (m Message, _ refusal) {
	var v struct {
		Timestamp string `json:"timestamp"`
		Sign      string `json:"sign"`
		MsgType   string `json:"msg_type"`
		Card      struct {
			Config map[string]bool `json:"config"`
			Header struct {
				Template string      `json:"template"`
				Title    feishuPlain `json:"title"`
			} `json:"header"`
			Elements []struct {
				Tag     string `json:"tag"`
				Content string `json:"content"`
				Actions []struct {
					Tag  string      `json:"tag"`
					Type string      `json:"type"`
					Text feishuPlain `json:"text"`
					URL  string      `json:"url"`
				} `json:"actions"`
				Elements []feishuPlain `json:"elements"`
			} `json:"elements"`
		} `json:"card"`
	}
	err := known(body, &v)
	at, _ := strconv.ParseInt(v.Timestamp, 10, 64)
	switch {
	case !isJSON(r):
		return m, refusal{9499, "Bad Request"}
	case len(body) > 20<<10:
		return m, refusal{9499, "Bad Request: the body is larger than 20 KB"}
	case err != nil:
		return m, refusal{9499, "Bad Request: " + err.Error()}
	case c.Secret == "" && v.Sign != "", c.Secret != "" && (stale(time.Unix(at, 0)) || v.Sign != mac(v.Timestamp+"\n"+c.Secret, "")):
		return m, refusal{19021, "sign match fail or timestamp is not within one hour from current time"}
	case v.MsgType != "interactive":
		return m, refusal{19002, "params error, msg_type need"}
	case v.Card.Header.Title.Tag != "plain_text" || len(v.Card.Elements) == 0:
		return m, refusal{11246, "card content is invalid"}
	}
	m.Title, m.Color = v.Card.Header.Title.Content, v.Card.Header.Template
	for _, e := range v.Card.Elements {
		switch e.Tag {
		case "markdown":
			m.Text += e.Content + "\n"
		case "note":
			for _, n := range e.Elements {
				m.Plain += n.Content + "\n"
			}
		case "action":
			for _, b := range e.Actions {
				m.Links = append(m.Links, b.URL)
			}
		default:
			return m, refusal{11246, "card content is invalid: " + e.Tag}
		}
	}
	m.Links = append(m.Links, links(m.Text)...)
	for _, found := range atTag.FindAllStringSubmatch(m.Text, -1) {
		m.Mentions = append(m.Mentions, found[1])
	}
	return m, refusal{}
}

var wecom = dialect{
	path: "/cgi-bin/webhook/send", key: "key",
	limits: []limit{{20, time.Minute}}, silent: time.Second,
	read: readWeCom, answer: errcode,
	many: refusal{45009, "api freq out of limit"},
	lost: refusal{93000, "invalid webhook url"},
	word: refusal{40058, "no keyword"},
}

func readWeCom(_ *Config, r *http.Request, body []byte) (m Message, _ refusal) {
	var v struct {
		MsgType  string `json:"msgtype"`
		Markdown struct {
			Content string `json:"content"`
		} `json:"markdown"`
	}
	switch {
	case !isJSON(r):
		return m, refusal{40008, "invalid message type"}
	case known(body, &v) != nil:
		return m, refusal{40058, "invalid request parameter"}
	case v.MsgType != "markdown":
		return m, refusal{40008, "invalid message type"}
	case v.Markdown.Content == "":
		return m, refusal{44004, "empty content"}
	case len(v.Markdown.Content) > 4096:
		return m, refusal{40058, "markdown.content exceed max length 4096"}
	}
	m.Text = v.Markdown.Content
	m.Title, _, _ = strings.Cut(m.Text, "\n")
	m.Links = links(m.Text)
	for _, found := range atUser.FindAllStringSubmatch(m.Text, -1) {
		m.Mentions = append(m.Mentions, found[1])
	}
	return m, refusal{}
}

var (
	atSign  = regexp.MustCompile(`@[\w-]+`)
	atTag   = regexp.MustCompile(`<at [a-z_]+="?([^"> ]*)`)
	atUser  = regexp.MustCompile(`<@([^>]*)>`)
	address = regexp.MustCompile(`(?:https?://|mailto:|www\.)[^\s()<>"\]]+`)
	image   = regexp.MustCompile(`!\[[^\]]*\]\(([^)]*)\)`)
)

// links are all addresses that a client shows as links, and images.
func links(text string) []string {
	found := address.FindAllString(text, -1)
	for _, i := range image.FindAllStringSubmatch(text, -1) {
		found = append(found, "image:"+i[1])
	}
	return found
}

func isJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

func stale(at time.Time) bool { return math.Abs(time.Since(at).Seconds()) > tolerance.Seconds() }

func mac(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	io.WriteString(h, text) // a hash takes everything
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
