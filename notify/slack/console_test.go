package slack

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"numwatch/notify/card"
)

// What goes to several channels is one box, headed by all of them; so are its reply and edit.
func TestConsolePrintsOnceWhatSeveralChannelsGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		c := NewConsole(&out, false)
		together := func(do func(channel string)) string {
			out.Reset()
			var calls sync.WaitGroup
			for _, channel := range []string{"ops", "oncall"} {
				calls.Go(func() { do(channel) })
			}
			calls.Wait()
			return out.String()
		}
		outgoing := func(channel, title string) Outgoing {
			content := &card.Card{Mark: card.Mark{Word: "Critical", Color: card.Red}, Title: title}
			if channel == "oncall" {
				content.Mention = []string{"<!here>"}
			}
			return Outgoing{Channel: channel, Card: content}
		}
		post := func(channel, title, thread, number string) {
			m := outgoing(channel, title)
			m.Thread = thread
			ts, err := c.Post(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, number, ts)
		}
		said := together(func(channel string) { post(channel, "BANNED", "", "1") })
		require.Equal(t, 1, strings.Count(said, "BANNED"))
		require.Contains(t, said, "╭─ #oncall #ops · message 1 ")
		require.Contains(t, said, "<!here>")
		require.Contains(t, together(func(channel string) { post(channel, "BANNED", "1", "1") }), "↳ #oncall #ops · reply to message 1\n")
		said = together(func(channel string) {
			require.NoError(t, c.Update(t.Context(), "1", outgoing(channel, "CONNECTED")))
		})
		require.Contains(t, said, "✎ #oncall #ops · edit of message 1\n")
		require.Equal(t, 1, strings.Count(said, "CONNECTED"))

		post("ops", "RED", "", "2")
		post("ops", "RED", "", "3")
		require.Contains(t, out.String(), "╭─ #ops · message 3 ", "what is said again is printed again")
	})
}
