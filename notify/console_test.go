package notify

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

func testCards() *cards { return &cards{space: spaceOf, link: "https://numwatch.example.com/alerts"} }

func TestConsoleShowsMessagesRepliesAndEdits(t *testing.T) {
	var out strings.Builder
	c := NewConsole(&out, false)
	a := firing(1)
	card := testCards().message([]alert.Alert{a}, noon, true)
	card.Mention = []string{"<!subteam^S012>"}
	ts, err := c.Post(t.Context(), Outgoing{Channel: "ops", Card: card})
	require.NoError(t, err)
	b := resolved(a, noon.Add(2*time.Hour+5*time.Minute))
	_, err = c.Post(t.Context(), Outgoing{Channel: "ops", Thread: ts, Card: testCards().reply([]alert.Alert{b}, 1)})
	require.NoError(t, err)
	require.NoError(t, c.Update(t.Context(), ts, Outgoing{Channel: "ops", Card: testCards().message([]alert.Alert{b}, noon, false)}))
	_, err = c.Post(t.Context(), Outgoing{Channel: "ops", Card: testCards().message([]alert.Alert{firing(2), firing(3), b}, noon, true)})
	require.NoError(t, err)
	require.Equal(t, `╭─ #ops · message 1 ───────────────────────────────────────────────────────────╮
│ CRITICAL: Quality of 8613800000001 (Shop 1) fell from YELLOW to RED          │
│ <!subteam^S012>                                                              │
│ Number         8613800000001                                                 │
│ Name           Shop 1                                                        │
│ Space          Acme (main)                                                   │
│ QualityRating  YELLOW → RED                                                  │
│ Also           CONNECTED                                                     │
│ Since          2026-11-23 12:00 UTC                                          │
│ → Pause marketing and find the blocked or reported templates.                │
│ → https://wiki.example.com/wa/quality                                        │
│ rule quality-red · a-54fead1736ea4448                                        │
╰──────────────────────────────────────────────────────────────────────────────╯
↳ #ops · reply to message 1
  RESOLVED: 8613800000001 (Shop 1): recovered: now GREEN (after 2 h 5 min)
✎ #ops · edit of message 1
  RESOLVED: 8613800000001 (Shop 1): recovered: now GREEN
╭─ #ops · message 2 ───────────────────────────────────────────────────────────╮
│ CRITICAL: 3 × quality-red in Acme (main)                                     │
│ 1 of 3 recovered, 2 critical                                                 │
│ Critical  8613800000002 (Shop 2): YELLOW → RED                               │
│ Critical  8613800000003 (Shop 3): YELLOW → RED                               │
│ Resolved  8613800000001 (Shop 1): recovered: now GREEN, opened and resolved  │
│           meanwhile                                                          │
│ → Pause marketing and find the blocked or reported templates.                │
│ → https://wiki.example.com/wa/quality                                        │
│ rule quality-red                                                             │
╰──────────────────────────────────────────────────────────────────────────────╯
`, out.String())
	found, ok, err := c.Find(t.Context(), Outgoing{}, noon)
	require.NoError(t, err)
	require.False(t, ok || found != "")
}

func TestConsoleColoursOnlyIfAsked(t *testing.T) {
	var out strings.Builder
	card := testCards().message([]alert.Alert{firing(1), firing(2)}, noon, true)
	_, err := NewConsole(&out, true).Post(t.Context(), Outgoing{Channel: "ops", Card: card})
	require.NoError(t, err)
	require.Contains(t, out.String(), "\x1b[1;31mCRITICAL\x1b[0m: ")
	out.Reset()
	_, err = NewConsole(&out, false).Post(t.Context(), Outgoing{Channel: "ops", Card: card})
	require.NoError(t, err)
	require.NotContains(t, out.String(), "\x1b")
	require.Contains(t, out.String(), "CRITICAL: ")
}

func TestConsoleIsSafeAndFits(t *testing.T) {
	for _, name := range hostile {
		for _, card := range everyCard(hostileAlert(1, name), hostileAlert(2, name)) {
			var out strings.Builder
			c := NewConsole(&out, false)
			ts, err := c.Post(t.Context(), Outgoing{Channel: name, Card: card})
			require.NoError(t, err)
			require.NoError(t, c.Update(t.Context(), ts, Outgoing{Channel: name, Card: card}))
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				requireVisible(t, line)
				require.LessOrEqual(t, width(line), consoleWidth, "%q", line)
				if strings.HasPrefix(line, "│") || strings.HasPrefix(line, "╭") {
					require.Equal(t, consoleWidth, width(line), "%q", line)
				}
			}
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestConsoleSaysWhenItCannotPrint(t *testing.T) {
	_, err := NewConsole(brokenPipe{}, false).Post(t.Context(), Outgoing{Card: &Card{Title: "x"}})
	require.Equal(t, NotApplied, refusal(err))
	require.True(t, errors.Is(err, io.ErrClosedPipe))
}

func TestSubjectLineIsOneShortLine(t *testing.T) {
	for _, e := range everyEvent() {
		line := SubjectLine(&e)
		require.LessOrEqual(t, width(line), consoleWidth)
		require.False(t, strings.ContainsFunc(line, unicode.IsControl))
		require.Contains(t, line, "numwatch.v1.")
	}
}
