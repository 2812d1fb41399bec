package card

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/golden"
	"numwatch/notify/digest"
	"numwatch/phone"
)

const day = 24 * time.Hour

// eventful is a day on which something of everything happened.
func eventful() *digest.Digest {
	taken := limitLowered(2, -3*day)
	taken.Ack = &alert.Ack{By: "Ayu", At: alerttest.Noon}
	failing := alert.Alert{
		Rule: "space-failing", Severity: alert.High, Subject: phone.Subject{Account: "main", Space: "29348"}, Field: phone.Poll, State: alert.Firing,
		Change: phone.Change{Old: "OK", New: "FAILING"}, Since: alerttest.Noon.Add(-time.Hour), Openings: 1,
	}
	return &digest.Digest{
		From: alerttest.Noon.Add(-day), Until: alerttest.Noon, Held: 3,
		Opened: digest.List{Total: 45, Worst: []alert.Alert{banned(0, -5*time.Hour), notice(opened(1, "routing-changed", alert.High, phone.UpQueue, "q-1", "q-2", -time.Hour))}},
		Ended: digest.List{Total: 3, Worst: []alert.Alert{
			became(red(0, -6*time.Hour), alert.WasResolved, "GREEN", -2*time.Hour), became(banned(3, -2*day), alert.WasResolved, "DISCONNECTED", -time.Hour),
			became(red(4, -time.Hour), alert.WasEnded, "RED", -minute),
		}},
		Open:      digest.List{Total: 3, Worst: []alert.Alert{banned(0, -5*time.Hour), failing, taken}},
		Customers: []digest.Customer{{Space: phone.SpaceKey{Account: "main", ID: "29348"}, Open: 3, Opened: 45}},
		Rules:     []digest.Rule{{Name: "limit-lowered", Opened: 43}, {Name: "status-blocked", Opened: 1}},
	}
}

func TestDigest(t *testing.T) {
	c := testCards()
	quiet := c.Digest(&digest.Digest{From: alerttest.Noon.Add(-day), Until: alerttest.Noon})
	require.Equal(t, "Digest: nothing happened in 1 d, and nothing is open", quiet.Text(false))
	require.Len(t, quiet.Blocks(), 1)

	made := c.Digest(eventful())
	requireBudget(t, made)
	require.Equal(t, Mark{"Digest", Red}, made.Mark)
	var printed strings.Builder
	require.NoError(t, NewPrinter(&printed, false).Message([]string{"#managers"}, "1", made))
	blocks, err := made.BlockKit()
	require.NoError(t, err)
	require.Contains(t, string(blocks), "*Worst customers*\\n• Acme: 3 open, 45 opened")
	c.Language = phone.Chinese
	require.Equal(t, "全部告警", c.Digest(eventful()).Links[0].Text)
	golden.Equal(t, "testdata/digest.golden", made.Text(false)+"\n"+printed.String())
}

// However much there is to say, and whatever customers call their numbers, a digest is a
// message that Slack takes, and its counts add up.
func TestDigestOfHostileNames(t *testing.T) {
	for _, name := range alerttest.Hostile {
		d := eventful()
		for _, list := range []*digest.List{&d.Opened, &d.Ended, &d.Open} {
			one := list.Worst[0]
			n := *one.Change.Number
			n.Set(phone.VerifiedName, name)
			one.Change.Number = &n
			list.Worst = nil
			for range 15 {
				list.Worst = append(list.Worst, one)
			}
			list.Total = 1000
		}
		c := Maker{Space: func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k, Name: name} }, Link: "https://numwatch.example.com"}
		made := c.Digest(d)
		requireBudget(t, made)
		for _, s := range made.Sections[:3] {
			require.Equal(t, 1000, len(s.Lines)+s.More)
		}
		require.NotContains(t, strings.ReplaceAll(made.Text(false), "<https://numwatch.example.com/alerts|All alerts>", ""), "<")
	}
}
