package card

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

func testCards() *Maker {
	return &Maker{Space: alerttest.Space, Link: "https://numwatch.example.com", SettleAfter: func() time.Duration { return 15 * time.Minute }}
}

func TestPrinterShowsMessagesRepliesAndEdits(t *testing.T) {
	var out strings.Builder
	c := NewPrinter(&out, false)
	a := alerttest.Firing(1)
	made := testCards().Message([]alert.Alert{a}, alerttest.Noon)
	made.Mention = []string{"<!subteam^S012>"}
	require.NoError(t, c.Message([]string{"#ops"}, "1", made))
	b := alerttest.Resolved(a, alerttest.Noon.Add(2*time.Hour+5*time.Minute))
	require.NoError(t, c.Reply([]string{"#ops"}, "1", testCards().Reply([]alert.Alert{b}, []alert.Alert{b})))
	require.NoError(t, c.Edit([]string{"#ops"}, "1", testCards().Message([]alert.Alert{b}, alerttest.Noon)))
	many := []alert.Alert{alerttest.Firing(2), alerttest.Firing(3), b}
	require.NoError(t, c.Message([]string{"#oncall", "#ops"}, "2", testCards().Message(many, alerttest.Noon)))
	require.Equal(t, `
╭─ #ops · message 1 ───────────────────────────────────────────────────────────╮
│ CRITICAL  Quality of 8613800000001 (Shop 1) fell from YELLOW to RED          │
│ <!subteam^S012>                                                              │
│ → Pause marketing and find the blocked or reported templates.                │
│ → https://wiki.example.com/wa/quality                                        │
│ Since   2026-11-23 12:00 UTC                                                 │
│ Space   Acme, account main                                                   │
│ Status  CONNECTED                                                            │
│ Labels  tier=gold                                                            │
│ rule quality-red · a-54fead1736ea4448                                        │
╰──────────────────────────────────────────────────────────────────────────────╯

↳ #ops · reply to message 1
  RESOLVED: 8613800000001 Shop 1 recovered after 2 h 5 min: QualityRating
            GREEN (was RED)

✎ #ops · edit of message 1
  RESOLVED: 8613800000001 Shop 1 recovered after 2 h 5 min: QualityRating
            GREEN (was RED)

╭─ #oncall #ops · message 2 ───────────────────────────────────────────────────╮
│ CRITICAL  8613800000002 Shop 2 and 8613800000003 Shop 3: QualityRating RED,  │
│           and 1 other of Acme                                                │
│ → Pause marketing and find the blocked or reported templates.                │
│ → https://wiki.example.com/wa/quality                                        │
│ 2 critical, 1 resolved                                                       │
│ Critical  8613800000002 Shop 2: QualityRating YELLOW → RED                   │
│ Critical  8613800000003 Shop 3: QualityRating YELLOW → RED                   │
│ Resolved  8613800000001 Shop 1: QualityRating GREEN, was RED (after 2 h 5    │
│           min)                                                               │
│ rule quality-red                                                             │
╰──────────────────────────────────────────────────────────────────────────────╯
`, out.String())
}

func TestPrinterColoursOnlyIfAsked(t *testing.T) {
	var out strings.Builder
	made := testCards().Message([]alert.Alert{alerttest.Firing(1), alerttest.Firing(2)}, alerttest.Noon)
	require.NoError(t, NewPrinter(&out, true).Message([]string{"#ops"}, "1", made))
	require.Contains(t, out.String(), "\x1b[1;31mCRITICAL\x1b[0m  ")
	require.Contains(t, out.String(), "\x1b[1;31m╭─\x1b[0m #ops · message 1 ")
	require.Contains(t, out.String(), "\n\x1b[1;31m│\x1b[0m ")
	out.Reset()
	require.NoError(t, NewPrinter(&out, true).Message([]string{"#ops"}, "1", testCards().Message([]alert.Alert{alerttest.Firing(1)}, alerttest.Noon)))
	require.Contains(t, out.String(), " \x1b[90mSince\x1b[0m ", "labels are dim")
	out.Reset()
	require.NoError(t, NewPrinter(&out, false).Message([]string{"#ops"}, "1", made))
	require.NotContains(t, out.String(), "\x1b")
	require.Contains(t, out.String(), "CRITICAL  ")
}

func TestPrinterIsSafeAndFits(t *testing.T) {
	for _, name := range alerttest.Hostile {
		for _, made := range everyCard(hostileAlert(1, name), hostileAlert(2, name)) {
			var out strings.Builder
			c := NewPrinter(&out, false)
			require.NoError(t, c.Message([]string{"#" + name, "#ops"}, "1", made))
			require.NoError(t, c.Edit([]string{"#" + name}, "1", made))
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				requireVisible(t, line)
				require.LessOrEqual(t, Width(line), consoleWidth, "%q", line)
				if strings.HasPrefix(line, "│") || strings.HasPrefix(line, "╭") {
					require.Equal(t, consoleWidth, Width(line), "%q", line)
				}
			}
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPrinterSaysWhenItCannotPrint(t *testing.T) {
	require.ErrorIs(t, NewPrinter(brokenPipe{}, false).Message([]string{"#"}, "", &Card{Title: "x"}), io.ErrClosedPipe)
}
