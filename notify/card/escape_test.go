package card

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

// spans returns what Slack would take for its own syntax.
func spans(s string) []string {
	var found []string
	for {
		_, after, ok := strings.Cut(s, "<")
		if !ok {
			return found
		}
		in, rest, _ := strings.Cut(after, ">")
		found = append(found, in)
		s = rest
	}
}

// ownLink is a link that the rule or the bot itself may show.
var ownLink = regexp.MustCompile(`^https://(wiki\.example\.com/wa/\w+\|(Runbook|处理手册)|numwatch\.example\.com/[\w/?=&;.#%~+$:@-]*\|[A-Za-z\p{Han} ]+|business\.facebook\.com/wa/manage/phone-numbers/\|WhatsApp (Manager|管理工具))$`)

// requireHarmless checks a text that Slack parses, which the rule, the channel
// and the clock alone may have put syntax into.
func requireHarmless(t *testing.T, s string) {
	t.Helper()
	require.True(t, utf8.ValidString(s))
	for _, in := range spans(s) {
		trusted := strings.HasPrefix(in, "!date^") && strings.Contains(in, "{date_short_pretty}") || in == "!subteam^S012" || ownLink.MatchString(in)
		require.True(t, trusted, "%q in %q", in, s)
		s = strings.Replace(s, "<"+in+">", "", 1)
	}
	bare := s
	require.NotContains(t, bare, "://")
	require.NotRegexp(t, `:[a-z0-9_+-]+:`, bare)
	requireVisible(t, strings.ReplaceAll(s, "\n", ""))
}

func requireVisible(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		require.False(t, unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(invisible, r), "%U in %q", r, s)
	}
}

func TestMrkdwnIsHarmless(t *testing.T) {
	for _, s := range alerttest.Hostile {
		for _, n := range []int{1, 2, 5, 80, 300} {
			got := Mrkdwn(s, n)
			requireHarmless(t, got)
			require.LessOrEqual(t, utf8.RuneCountInString(got), n)
			require.NotContains(t, got, "\n")
			require.NotRegexp(t, "[*~`<>]", got)
			for i, r := range got {
				if r == '&' {
					require.Regexp(t, `^&(amp|lt|gt);`, got[i:])
				}
			}
		}
	}
	for in, want := range map[string]string{
		"RATE_LIMITED": "RATE_LIMITED", "TIER_1K": "TIER_1K", "_x_": "＿x＿", "*x*": "∗x∗", "a < b & c": "a &lt; b &amp; c",
		"> x": "› x", "https://x.y/z": "https∶//x.y/z", ":skull:": "∶skull∶", "at 08:00": "at 08:00", "  a \n b ": "a b",
	} {
		require.Equal(t, want, Mrkdwn(in, 100))
	}
}

func hostileAlert(i int, name string) alert.Alert {
	a := alerttest.Firing(i)
	if len(name) < maxFact {
		a.Subject.PhoneNumber += name
	}
	a.Title, a.Incident = alert.Text{"quality of ", name, ""}, fmt.Sprint("i-", i)
	n := alerttest.Number(i)
	n.Set(phone.VerifiedName, name)
	n.Set(phone.Status, name)
	a.Change.Number = &n
	a.Change.Old, a.Change.New = name, name
	a.Change.Code, a.Change.Reason = name, name
	a.Closing = name
	a.HeldBy = nil
	a.Ack = &alert.Ack{By: name, At: alerttest.Noon}
	a.Summary = alert.Text{"Quality of ", name, " fell to ", name}
	a.Action = alert.Text{"Write to ", name, "."}
	a.Translations = map[phone.Language]alert.Texts{phone.Chinese: {
		Title: alert.Text{"评级 ", name, ""}, Summary: alert.Text{"评级 ", name, "：", name, "（", name, "）"}, Action: alert.Text{"联系 ", name, "。"},
	}}
	return a
}

// everyCard makes each kind of message of alerts.
func everyCard(alerts ...alert.Alert) []*Card {
	return append(everyCardOf(testCards(), alerts...), everyCardOf(chineseCards(), alerts...)...)
}

func everyCardOf(c *Maker, alerts ...alert.Alert) []*Card {
	c.Space = func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k, Name: alerts[0].Closing} }
	closed := make([]alert.Alert, len(alerts))
	for i := range alerts {
		closed[i] = alerts[i]
		closed[i].State, closed[i].Transition, closed[i].Revision = alert.Resolved, alert.WasResolved, 2
	}
	other := alerts[0]
	other.Rule = "other"
	joined := other
	joined.ID, joined.Field = "a-2", phone.MessagingLimitTier
	cards := []*Card{
		c.Message([]alert.Alert{alerts[0], joined, closed[0]}, alerttest.Noon), c.Reply([]alert.Alert{joined, closed[0]}, []alert.Alert{alerts[0], joined, closed[0]}),
		c.Reminder(alerts[:1], alerts, alerttest.Noon), c.Reminder(alerts, alerts, alerttest.Noon),
		c.Message(alerts[:1], alerttest.Noon), c.Message(closed[:1], alerttest.Noon), c.Message(alerts, alerttest.Noon),
		c.Message(append(closed, other), alerttest.Noon), c.Reply(closed[:1], closed[:1]), c.Reply(closed, append(alerts, closed...)),
	}
	for _, card := range cards {
		card.Mention = []string{"<!subteam^S012>"}
	}
	return cards
}

// requireBudget checks Slack's limits, and that all text is harmless.
func requireBudget(t *testing.T, card *Card) {
	t.Helper()
	total := 0
	count := func(o *slack.TextBlockObject, most int) {
		n := utf8.RuneCountInString(o.Text)
		require.LessOrEqual(t, n, most)
		require.NotEmpty(t, strings.TrimSpace(o.Text))
		total += n
		if o.Type == slack.PlainTextType {
			require.False(t, *o.Emoji)
			requireVisible(t, o.Text)
			return
		}
		require.True(t, o.Verbatim)
		requireHarmless(t, o.Text)
	}
	blocks := card.Blocks()
	require.LessOrEqual(t, len(blocks), maxBlocks)
	for _, b := range blocks {
		switch b := b.(type) {
		case *slack.HeaderBlock:
			count(b.Text, maxHeader)
		case *slack.SectionBlock:
			if b.Text != nil {
				count(b.Text, maxSection)
			}
			require.LessOrEqual(t, len(b.Fields), maxElements)
			for _, f := range b.Fields {
				count(f, maxField)
			}
		case *slack.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				count(e.(*slack.TextBlockObject), maxField)
			}
		default:
			require.Fail(t, "unexpected block", "%T", b)
		}
	}
	require.Less(t, total, 10_000)
	for _, mention := range []bool{false, true} {
		text := card.Text(mention)
		require.LessOrEqual(t, utf8.RuneCountInString(text), 4000)
		requireHarmless(t, text)
		require.NotEmpty(t, text)
	}
}

func TestMessagesOfHostileTextAreHarmlessAndFit(t *testing.T) {
	for _, name := range alerttest.Hostile {
		var many []alert.Alert
		for i := range 60 {
			many = append(many, hostileAlert(i, name))
		}
		for _, card := range everyCard(many...) {
			requireBudget(t, card)
		}
	}
}

func TestListsCountWhatTheyDoNotShow(t *testing.T) {
	var many []alert.Alert
	for i := range 3000 {
		many = append(many, alerttest.Firing(i))
	}
	card := testCards().Message(many, alerttest.Noon)
	raw, err := json.Marshal(card.Blocks())
	require.NoError(t, err)
	listed := strings.Count(string(raw), "*Critical*  8613")
	require.Greater(t, listed, maxListed, "critical ones, as far as a message has room")
	require.Contains(t, string(raw), "and "+phone.Grouped(3000-listed)+" more")
	require.Contains(t, string(raw), "8613800000000 Shop 0, 8613800000001 Shop 1, 8613800000002 Shop 2 and 2,997 more of Acme: QualityRating RED")
	listed = strings.Count(card.Text(false), "Critical: ")
	require.Contains(t, card.Text(false), "and "+phone.Grouped(3000-listed)+" more")
}

func TestLiteralsOfRulesKeepTheirFormatting(t *testing.T) {
	a := alerttest.Firing(1)
	a.Action = alert.Text{"*Pause* marketing of ", "*evil*", ", see <https://wiki.example.com|the wiki>"}
	raw := decoded(t, mustJSON(t, testCards().Message([]alert.Alert{a}, alerttest.Noon).Blocks()))
	require.Contains(t, raw, "*Pause* marketing of ∗evil∗, see <https://wiki.example.com|the wiki>")
	for url, want := range map[string]string{
		"":                                    "",
		"https://wiki/a?b=1&c=2":              "<https://wiki/a?b=1&amp;c=2|Runbook>",
		"see the wiki":                        "see the wiki",
		"https://x|y>":                        "https∶//x|y›",
		"javascript:alert(1)":                 "javascript:alert(1)",
		"https://" + strings.Repeat("x", 400): Mrkdwn("https://"+strings.Repeat("x", 400), maxFact),
	} {
		require.Equal(t, want, anchor(url, "Runbook"))
	}
}

func decoded(t *testing.T, blocks json.RawMessage) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(blocks, &v))
	return fmt.Sprint(v)
}

func mustJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

func FuzzMrkdwn(f *testing.F) {
	for _, s := range alerttest.Hostile {
		f.Add(s, 80)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 1 || n > 5000 {
			return
		}
		got := Mrkdwn(s, n)
		require.LessOrEqual(t, utf8.RuneCountInString(got), n)
		require.NotRegexp(t, "[*~`<>\n]", got)
		requireHarmless(t, got)
	})
}
