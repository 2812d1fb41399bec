package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify/card"
)

func TestQuestionsAreAnsweredToWhoAskedAlone(t *testing.T) {
	h := newHotline(t, "U1")
	c := next(t, h.hello)
	h.ask(c, "12015550118 <!channel>", "U1")
	a := next(t, h.told)
	require.Equal(t, "ask", next(t, h.acks))
	require.Equal(t, "ephemeral", a.Type)
	require.Equal(t, "You asked: 12015550118 &lt;!channel›", a.Text)
	buttons := a.Blocks[len(a.Blocks)-1]
	require.Equal(t, "actions", buttons["type"])
	first := buttons["elements"].([]any)[0].(map[string]any)
	require.Equal(t, alerttest.Firing(1).Incident, first["value"])

	h.press(c, card.Acknowledge, first["value"].(string), "U1", "1")
	require.Equal(t, "e1", next(t, h.acks))
	require.Equal(t, "ack 1 "+alerttest.Firing(1).ID+" "+pressedBy, next(t, h.orders.given))
	require.Equal(t, "ephemeral Done: Acknowledge.", next(t, h.said), "nobody sees the answer change")
	h.press(c, card.SilenceHour, "i-gone", "U1", "2")
	next(t, h.acks)
	require.Contains(t, next(t, h.said), "ephemeral Nothing was done: numwatch does not know this message any more.")
}

func TestQuestionsOfWhoIsNoOperator(t *testing.T) {
	h := newHotline(t, "U1")
	c := next(t, h.hello)
	h.ask(c, "open", "U2")
	a := next(t, h.told)
	require.Contains(t, a.Text, "Refused: only the operators may ask")
	require.NotContains(t, a.Text, "open\n")
	for _, b := range a.Blocks {
		require.NotEqual(t, "actions", b["type"])
	}
	h.press(c, card.Acknowledge, alerttest.Firing(1).Incident, "U2", "1")
	require.Contains(t, next(t, h.said), "only the operators may press this")
	require.Empty(t, h.orders.given)
}

// Only who may act answers: Slack says then that nobody did, and the one that leads has its
// own connection.
func TestQuestionsOfAReplicaThatDoesNotLead(t *testing.T) {
	h := newHotline(t)
	c := next(t, h.hello)
	h.barred.Store(true)
	h.ask(c, "open", "U1")
	select {
	case <-h.told:
		require.Fail(t, "it answered")
	case <-time.After(300 * time.Millisecond):
	}
}

// Slack drops in silence what is longer than 20 kB.
func TestLongAnswersFit(t *testing.T) {
	b := &Buttons{o: ButtonsOptions{Sink: New(Options{Poster: NewConsole(nil, false), State: newMemory()})}, log: New(Options{Poster: NewConsole(nil, false), State: newMemory()}).log}
	for _, name := range append([]string{strings.Repeat("<&>\u65e5", 200)}, alerttest.Hostile...) {
		b.o.Ask = func(string) Answer {
			var all []alert.Alert
			for i := range 60 {
				all = append(all, inSpace(hostileAlert(i, name), i))
			}
			return Answer{Card: (&card.Maker{}).Message(all, alerttest.Noon)}
		}
		sent, err := json.Marshal(b.answer(questionOf("open")))
		require.NoError(t, err)
		require.Less(t, len(sent), 20_000)
		require.Contains(t, string(sent), "ephemeral")
	}
}

func questionOf(text string) *slack.SlashCommand {
	return &slack.SlashCommand{Text: text, UserID: "U1"}
}
