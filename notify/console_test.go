package notify

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

func testCards() *cards { return &cards{space: spaceOf, link: "https://numwatch.example.com/alerts"} }

func TestConsoleShowsAMessage(t *testing.T) {
	var out strings.Builder
	c := NewConsole(&out, false)
	a := firing(1)
	card := testCards().message([]alert.Alert{a}, noon, true)
	card.Mention = []string{"<!subteam^S012>"}
	ts, err := c.Post(context.Background(), Outgoing{Channel: "ops", Card: card})
	require.NoError(t, err)
	b := resolved(a, noon.Add(2*time.Hour+5*time.Minute))
	_, err = c.Post(context.Background(), Outgoing{Channel: "ops", Thread: ts, Card: testCards().reply([]alert.Alert{b}, 1)})
	require.NoError(t, err)
	require.NoError(t, c.Update(context.Background(), ts, Outgoing{Channel: "ops", Card: testCards().message([]alert.Alert{b}, noon, false)}))
	_, err = c.Post(context.Background(), Outgoing{Channel: "ops", Card: testCards().message([]alert.Alert{firing(2), firing(3), b}, noon, true)})
	require.NoError(t, err)
	t.Log("\n" + out.String())
}
