package robot

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify/card"
	"numwatch/phone"
)

func hostile(i int, name string) alert.Alert {
	a := numbered(i)
	n := *a.Change.Number
	n.Set(phone.VerifiedName, name)
	a.Change.Number = &n
	a.Change.Old, a.Change.New, a.Change.Code, a.Change.Reason = name, name, name, name
	a.Ack = &alert.Ack{By: name, At: alerttest.Noon}
	a.Summary = alert.Text{"Quality of ", name, " fell to ", name}
	a.Action = alert.Text{"Write to ", name, "."}
	return a
}

// worse are names beyond those for Slack, that mention, link or format in these chats.
var worse = []string{
	"<at id=all></at>", `<at id="ou_1"></at>`, "<at email=a@evil.example.com></at>", "@all", "@13800138000", "<@all>", "<@ann>", "@所有人",
	"![x](https://evil.example.com/x.png)", "[Runbook](https://evil.example.com)", "[a](b)", `<font color="warning">Resolved</font>`, "<font color=#FF0000>x</font>",
	"www.evil.com", "evil.com/login", "EVIL.CN", "evil.example.xyz", "# heading", "**bold**", "- list", "1. list", "---", "| a | b |", `\n\[x\]`, "[微笑]", "&#60;at id=all&#62;", "&lt;at&gt;",
	"dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fevil.example.com", "<a href='https://evil.example.com'>x</a>", "${jndi:x}", ":OK:",
}

// Text that a customer chose links, mentions, formats and embeds nothing.
func TestHostileTextIsHarmless(t *testing.T) {
	inEach(t, func(t *testing.T, d *rig) {
		group := d.group
		for _, name := range slices.Concat(alerttest.Hostile, worse) {
			maker := card.Maker{Link: "https://numwatch.example.com", Space: func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k, Name: name} }}
			a := hostile(1, name)
			closed := alerttest.Resolved(hostile(2, name), alerttest.Noon)
			closed.Closing = name
			for _, content := range []*card.Card{
				maker.Message([]alert.Alert{a}, alerttest.Noon), maker.Message([]alert.Alert{closed}, alerttest.Noon),
				maker.Message([]alert.Alert{a, closed}, alerttest.Noon), maker.Reply([]alert.Alert{closed}, []alert.Alert{closed}),
				maker.Reply([]alert.Alert{a, closed}, []alert.Alert{a, closed}),
			} {
				d.start()
				before := len(group.Taken())
				require.NoError(t, d.request(t.Context(), content), "%q", name)
				d.stop()
				m := group.Taken()[before]
				require.Empty(t, m.Mentions, "%q", name)
				for _, l := range m.Links {
					require.False(t, !strings.HasPrefix(l, "https://numwatch.example.com") && !strings.HasPrefix(l, "https://wiki.example.com") &&
						!strings.HasPrefix(l, "https://business.facebook.com"), "%q links to %s", name, l)
				}
				require.NotRegexp(t, `<at|<a |<@|!\[|\]\(b\)|(?i)evil\.(com|cn)|evil\.example\.xyz|@all`, m.Text, "%q", name)
				require.True(t, utf8.ValidString(m.Text))
				time.Sleep(time.Minute)
			}
		}
	})
}

// A message fits, whatever its texts are, and is cut between runes.
func TestLongTextsAreCutBetweenRunes(t *testing.T) {
	var all []alert.Alert
	for i := range 300 {
		all = append(all, hostile(i, strings.Repeat("质量评级下降", 40)))
	}
	maker := card.Maker{Link: "https://numwatch.example.com"}
	for name, dialect := range dialects() {
		for _, n := range []int{1, 2, 10, 300} {
			m := &outgoing{card: maker.Message(all[:n], alerttest.Noon), users: []string{"ann"}}
			body, err := dialect.body(m)
			require.NoError(t, err)
			encoded, err := json.Marshal(body)
			require.NoError(t, err)
			require.True(t, utf8.Valid(encoded))
			require.NotContains(t, string(encoded), "\ufffd")
			require.LessOrEqual(t, len(encoded), map[string]int{"dingtalk": 20_000 + 600, "feishu": 20_000, "wecom": 4096 + 600}[name])
			if n == 1 {
				continue
			}
			require.Contains(t, string(encoded), "All alerts", name)
			text := body["markdown"]
			if name == "feishu" {
				text = body["card"].(map[string]any)["elements"].([]any)[0]
			}
			for _, v := range text.(map[string]any) {
				if s := v.(string); strings.Contains(s, "86138") && strings.Contains(s, "\n") {
					require.Equal(t, n, counted(t, []string{"\n" + s}), "%s", name)
				}
			}
		}
	}
	require.Equal(t, "质…", cutBytes("质量评级", 8))
	require.Equal(t, "质量", cutBytes("质量", 6))
}

// The signatures, as other implementations of what the vendors describe make them.
func TestSignatures(t *testing.T) {
	at := time.UnixMilli(1577262236757)
	q := map[string][]string{}
	signDingTalk("this is secret", at, q, nil)
	require.Equal(t, []string{"1577262236757"}, q["timestamp"])
	require.Equal(t, []string{"hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="}, q["sign"])
	body := map[string]any{}
	signFeishu("demo", time.Unix(1599360473, 0), nil, body)
	require.Equal(t, "1599360473", body["timestamp"])
	require.Equal(t, "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=", body["sign"])
}
