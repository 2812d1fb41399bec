package answers_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/bot/answers"
	"numwatch/internal/view"
	"numwatch/notify/card"
	"numwatch/notify/slack"
	"numwatch/phone"
	"numwatch/store"
)

var spaces = []phone.Space{
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "29348"}, Name: "Acme"},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "29349"}, Name: "Visayas Parcels"},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "29350"}, Name: "a-mart"},
	{SpaceKey: phone.SpaceKey{Account: "main", ID: "29351"}},
	{SpaceKey: phone.SpaceKey{Account: "apac", ID: "29351"}},
}

func describe(k phone.SpaceKey) phone.Space {
	for _, s := range spaces {
		if s.SpaceKey == k {
			return s
		}
	}
	return phone.Space{SpaceKey: k}
}

// newAsker knows numbers 1 to 3 of Acme, of which 1 is RED, and number 9 of another
// customer; a silence that is in force, and one that begins tomorrow. More are numbers that
// are RED as well.
func newAsker(t *testing.T, more ...int) (*answers.Asker, alert.Alert) {
	s, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	c := &store.Commit{}
	for i, key := range []phone.SpaceKey{spaces[0].SpaceKey, spaces[1].SpaceKey} {
		state := phone.SpaceState{Space: key, At: alerttest.Noon}
		for _, n := range [][]int{{1, 2, 3}, {9}}[i] {
			state.Numbers = append(state.Numbers, phone.TrackedNumber{Number: alerttest.Number(n)})
		}
		c.SpaceStates = append(c.SpaceStates, state)
	}
	a := alerttest.Firing(1)
	c.Alerts = []alert.Alert{a}
	for _, one := range more {
		c.Alerts = append(c.Alerts, alerttest.Firing(one))
	}
	now := time.Now()
	c.Silences = []alert.Silence{
		{ID: "s-1", Match: alert.Matcher{Rule: "limit-lowered"}, By: "Ayu", Reason: "the move", From: now.Add(-time.Hour), Until: now.Add(time.Hour)},
		{ID: "s-2", Match: alert.Matcher{Rule: "banned"}, By: "Ben", From: now.Add(24*time.Hour + time.Minute), Until: now.Add(26*time.Hour + time.Minute), Planned: true},
	}
	require.NoError(t, s.Commit(c))
	v, err := view.New(s)
	require.NoError(t, err)
	require.NoError(t, v.Build(t.Context()))
	return &answers.Asker{
		View: v, Space: describe, Spaces: func() []phone.Space { return spaces },
		Cards: card.Maker{Space: describe, Silence: v.Silence, Link: "https://numwatch.example.com"},
	}, a
}

func text(a slack.Answer) string { return a.Card.Text(false) }

func TestANumberIsFoundHoweverItIsWritten(t *testing.T) {
	asker, a := newAsker(t)
	for _, question := range []string{"8613800000001", "+86 138-0000-0001", " 8613800000001 "} {
		answer := asker.Answer(question)
		require.Contains(t, text(answer), "Quality of 8613800000001 (Shop 1) fell from YELLOW to RED, critical", question)
		require.Contains(t, text(answer), "https://numwatch.example.com/numbers/main/29348/8613800000001")
		require.Equal(t, []string{a.Incident}, answer.Incidents)
		require.NotContains(t, text(answer), "secret")
	}
	quiet := asker.Answer("8613800000002")
	require.Contains(t, text(quiet), "Nothing open: 8613800000002 Shop 2 of Acme")
	require.Contains(t, text(quiet), "Status: CONNECTED")
	require.Contains(t, text(quiet), "https://numwatch.example.com/numbers/main/29348/8613800000002|Number>")
	require.Empty(t, quiet.Incidents)
	require.Contains(t, text(asker.Answer("861380000000")), "Numbers: 4", "the beginning of several")
	require.Contains(t, text(asker.Answer("shop 9")), "8613800000009 Shop 9 of Visayas Parcels", "by its name")
}

func TestACustomerIsFoundByNameAndID(t *testing.T) {
	asker, a := newAsker(t)
	for _, question := range []string{"acme", "29348", "main/29348"} {
		answer := asker.Answer(question)
		require.Contains(t, text(answer), "Quality of 8613800000001", question)
		require.Contains(t, text(answer), "Numbers: 3")
		require.Contains(t, text(answer), "/spaces/main/29348|Customer>")
		require.Equal(t, []string{a.Incident}, answer.Incidents)
	}
	require.Contains(t, text(asker.Answer("Visayas Parcels")), "Nothing open: Visayas Parcels\nNumbers: 1")
	require.Contains(t, text(asker.Answer("a-mart")), "Nothing open: a-mart", "which begins like an id")
	require.Contains(t, text(asker.Answer("29351")), `several accounts have a space "29351"`)
	require.Contains(t, text(asker.Answer("apac/29351")), "Nothing open: 29351")
}

// Who asks for a beginning that many ids have does not mean to silence all of them.
func TestABeginningOfSeveralIDsHasNoButtons(t *testing.T) {
	asker, a := newAsker(t, 2)
	for _, beginning := range []string{"a-", "i-"} {
		answer := asker.Answer(beginning)
		require.Contains(t, text(answer), "8613800000001 Shop 1 and 8613800000002 Shop 2", beginning)
		require.Empty(t, answer.Incidents)
	}
	require.Equal(t, []string{a.Incident}, asker.Answer(a.Incident).Incidents)
}

func TestIncidentsOpenSilencesAndHelp(t *testing.T) {
	asker, a := newAsker(t)
	require.Equal(t, []string{a.Incident}, asker.Answer(a.Incident[:8]).Incidents)
	require.Equal(t, []string{a.Incident}, asker.Answer(a.ID[:8]).Incidents)
	require.Contains(t, text(asker.Answer("i-none")), "no incident or alert has an id beginning with")
	require.Contains(t, text(asker.Answer("Open")), "8613800000001")
	require.Empty(t, asker.Answer("open").Incidents, "nobody silences everything by one press")
	require.Contains(t, text(asker.Answer("silences")), "rule=limit-lowered, for 1 h, by Ayu: the move")
	require.Contains(t, text(asker.Answer("silences")), "rule=banned, begins in 1 d, for 2 h, by Ben")
	require.Contains(t, text(asker.Answer("")), "/numwatch silences")
	require.Equal(t, text(asker.Answer("help")), text(asker.Answer(" HELP ")))
}

func TestWhatIsNotKnownIsAnsweredWithTheNearest(t *testing.T) {
	asker, _ := newAsker(t)
	require.Contains(t, text(asker.Answer("Visayas Parsels")), `did you mean "Visayas Parcels"?`)
	require.Contains(t, text(asker.Answer("8613800000018")), `did you mean "86138000000`)
	for _, name := range alerttest.Hostile {
		answer := asker.Answer(name)
		require.NotContains(t, text(answer), "<!", fmt.Sprintf("%q", name))
		require.NotEmpty(t, answer.Card.Blocks())
	}
}
