package card

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

func TestCardOfOtherSubjects(t *testing.T) {
	a := alerttest.Firing(1)
	a.Subject, a.Field, a.Summary = phone.Subject{Component: "slack:gold"}, phone.Sink, nil
	a.Change = phone.Change{Subject: a.Subject, Field: phone.Sink, Old: phone.OK, New: phone.Parked, Code: "not_in_channel", Reason: "invite the bot"}
	made := testCards().Message([]alert.Alert{a}, alerttest.Noon)
	require.Equal(t, "numwatch slack:gold: Sink PARKED, was OK", made.Title)
	require.Contains(t, made.Facts, Fact{Label: "Reason", Value: "invite the bot"})
	require.NotContains(t, fmt.Sprint(made.Facts), "OK → PARKED", "the title says so")
	for subject, want := range map[phone.Subject]string{
		{Account: "main"}:                               "Account main",
		{Account: "main", Space: "9"}:                   "Space Acme",
		{Component: "nats"}:                             "numwatch nats",
		{Account: "main", Space: "9", PhoneNumber: "1"}: "1",
	} {
		a.Subject = subject
		require.Equal(t, want, testCards().who(&a))
	}
}

func TestCardSaysWhatIsLate(t *testing.T) {
	a, b := alerttest.Firing(1), alerttest.Resolved(alerttest.Firing(2), alerttest.Noon.Add(time.Minute))
	at := alerttest.Noon.Add(26 * time.Hour)
	require.Contains(t, testCards().Message([]alert.Alert{a}, at).Footer, "shown 1 d 2 h after it opened")
	require.Contains(t, testCards().Message([]alert.Alert{b}, at).Footer, "opened and resolved meanwhile")
	made := testCards().Message([]alert.Alert{a, b}, at)
	require.Contains(t, made.Lines[0].Text, ", since 2026-11-23 12:00 UTC")
	require.Contains(t, made.Lines[1].Text, "QualityRating GREEN, was RED (after 1 min), opened and resolved meanwhile")
}

func TestCardSaysThatANumberIsBack(t *testing.T) {
	a := alerttest.Firing(1)
	a.Field, a.Before, a.Change.Old, a.Change.New = phone.Presence, phone.Appeared, phone.Appeared, phone.Missing
	a = alerttest.Resolved(a, alerttest.Noon.Add(12*time.Minute))
	a.Change.New, a.Change.AwaySince, a.Closing = phone.Appeared, alerttest.Noon.Add(-10*time.Minute), "back after 22 min"
	want := a.Subject.PhoneNumber + " Shop 1 is back after 22 min"
	require.Contains(t, testCards().Message([]alert.Alert{a}, alerttest.Noon).Title, want)
	require.Contains(t, testCards().Reply([]alert.Alert{a}, []alert.Alert{a}).Title, want)
}

func TestCardNeverShowsACallbackToken(t *testing.T) {
	a := alerttest.Firing(1)
	a.Field = phone.UpCallbackUrl
	a.Change.Old, a.Change.New = "https://a.example.com/x?token=old", "https://b.example.com/x?token=new"
	a.Summary = nil
	for _, closed := range []bool{false, true} {
		if closed {
			a.State, a.Transition, a.Closing = alert.Resolved, alert.WasResolved, ""
		}
		single := testCards().Message([]alert.Alert{a}, alerttest.Noon)
		list := testCards().Message([]alert.Alert{a, alerttest.Firing(2)}, alerttest.Noon)
		told := testCards().Reply([]alert.Alert{a}, []alert.Alert{a})
		require.NotContains(t, fmt.Sprint(*single, *list, *told), "token=")
	}
}

// What does not fit a line of a list takes a line for each fact.
func TestListCutsNoFactOff(t *testing.T) {
	for _, over := range []bool{false, true} {
		alerts := []alert.Alert{red(1, 0)}
		fields := []phone.Field{phone.Status, phone.QualityRating, phone.MessagingLimitTier, phone.NameStatus, phone.StatusQueue, phone.CodeVerificationStatus}
		for _, f := range fields {
			a := opened(0, "rule-"+f.String(), alert.Warning, f, "GOOD", "A_RATHER_LONG_VALUE", 0)
			if over {
				a = became(a, alert.WasResolved, "ANOTHER_RATHER_LONG_VALUE", 4*minute)
			}
			alerts = append(alerts, a)
		}
		text, err := testCards().Message(alerts, alerttest.Noon).BlockKit()
		require.NoError(t, err)
		for _, a := range alerts[1:] {
			require.Regexp(t, a.Field.String()+" (GOOD → )?"+a.Change.New, string(text))
		}
	}
}
