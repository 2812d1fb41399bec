package card

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

const denial = "space main/29348: denied: Unknown.ResourceOwnerId (HTTP 404): The space is not yours; check the space's CustSpaceId"

// condition is the alert on a space, an account or a part of the bot that went
// from OK to a value, with the texts that the shipped rules give it.
func condition(s phone.Subject, f phone.Field, value, code, reason string) alert.Alert {
	k := alert.Key{Rule: "space-blind", Subject: s, Field: f}
	summary := alert.Text{"numwatch cannot poll ", "Acme", " (", s.Space, "): ", value, ", ", code, ""}
	action := alert.Text{"", reason, ". Until this is fixed, a ban there goes unnoticed."}
	severity := alert.High
	switch s.Kind() {
	case phone.OfAccount:
		k.Rule, severity = "account-blind", alert.Critical
		summary = alert.Text{"numwatch cannot poll the whole account ", s.Account, ": ", value, ", ", code, ""}
	case phone.OfBot:
		k.Rule, severity = "sink-parked", alert.Critical
		summary = alert.Text{"numwatch cannot deliver through ", s.Component, ": ", code, ""}
		action[2] = ". Nothing is lost: what is waiting goes out once it works again."
	}
	if code == "" { // left out
		n := len(summary)
		summary[n-3] = strings.TrimRight(summary[n-3], " ,:")
	}
	return alert.Alert{
		ID: alert.ID(k, alerttest.Noon), Rule: k.Rule, Severity: severity, Subject: s, Field: f, State: alert.Firing,
		Change: phone.Change{Subject: s, Field: f, Old: phone.OK, New: value, Direction: phone.Worse, SeenAt: alerttest.Noon, Code: code, Reason: reason},
		Before: phone.OK, Transition: alert.Opened, Revision: 1, Notified: 1, Since: alerttest.Noon, Changed: alerttest.Noon, Openings: 1,
		Summary: summary, Action: action, Channels: []string{"ops"},
	}
}

func blind(space, value, code, reason string) alert.Alert {
	return condition(phone.Subject{Account: "main", Space: space}, phone.Poll, value, code, reason)
}

func recovered(a alert.Alert) alert.Alert {
	a = alerttest.Resolved(a, alerttest.Noon.Add(time.Hour))
	a.Change.New, a.Change.Code, a.Change.Reason, a.Closing = phone.OK, "", "", "recovered, now OK"
	return a
}

// printed is a message as the terminal shows it, without its frame.
func printed(t *testing.T, card *Card) string {
	t.Helper()
	var out, text strings.Builder
	require.NoError(t, NewPrinter(&out, false).Message([]string{"#ops"}, "1", card))
	for line := range strings.Lines(out.String()) {
		if inner, ok := strings.CutPrefix(strings.TrimSpace(line), "│ "); ok {
			text.WriteString(strings.TrimRight(strings.TrimSuffix(inner, "│"), " ") + "\n")
		}
	}
	return text.String()
}

func TestMessagesAboutPollsAndSinksSayEachFactOnce(t *testing.T) {
	parked := condition(phone.Subject{Component: "slack:gold"}, phone.Sink, phone.Parked, "is_archived", "slack chat.postMessage: is_archived: name another channel in rules.yaml")
	away := condition(phone.Subject{Component: "nats"}, phone.Sink, phone.Parked, "", "nats: no servers available for connection")
	account := condition(phone.Subject{Account: "main"}, phone.Poll, phone.Denied, "Forbidden.RAM", "account main: account denied: Forbidden.RAM (HTTP 403); grant the RAM user or role the action cams:ChatappSyncPhoneNumber")
	ownText := blind("29348", phone.Denied, "Unknown.ResourceOwnerId", denial)
	ownText.Summary, ownText.Action = alert.Text{"No sight of ", "Acme", ""}, alert.Text{"Call support."}
	for name, row := range map[string]struct {
		alerts []alert.Alert
		want   string
	}{
		"a space that is denied": {[]alert.Alert{blind("29348", phone.Denied, "Unknown.ResourceOwnerId", denial)}, `
HIGH  numwatch cannot poll Acme (29348): DENIED, Unknown.ResourceOwnerId
→ space main/29348: denied: Unknown.ResourceOwnerId (HTTP 404): The space is
  not yours; check the space's CustSpaceId. Until this is fixed, a ban there
  goes unnoticed.
Since   2026-11-23 12:00 UTC
Space   Acme, account main
Labels  tier=gold
rule space-blind
`},
		"a space without an answer": {[]alert.Alert{blind("29348", phone.Failing, "", "space main/29348: poll failed: no answer within 10s")}, `
HIGH  numwatch cannot poll Acme (29348): FAILING
→ space main/29348: poll failed: no answer within 10s. Until this is fixed,
  a ban there goes unnoticed.
Since   2026-11-23 12:00 UTC
Space   Acme, account main
Labels  tier=gold
rule space-blind
`},
		"a rule whose texts give no reason": {[]alert.Alert{ownText}, `
HIGH  No sight of Acme
→ Call support.
Poll    OK → DENIED
Since   2026-11-23 12:00 UTC
Space   Acme, account main
Labels  tier=gold
Reason  space main/29348: denied: Unknown.ResourceOwnerId (HTTP 404): The
        space is not yours; check the space's CustSpaceId
rule space-blind
`},
		"an account that is denied": {[]alert.Alert{account}, `
CRITICAL  numwatch cannot poll the whole account main: DENIED, Forbidden.RAM
→ account main: account denied: Forbidden.RAM (HTTP 403); grant the RAM user
  or role the action cams:ChatappSyncPhoneNumber. Until this is fixed, a ban
  there goes unnoticed.
Since  2026-11-23 12:00 UTC
rule account-blind
`},
		"a channel that is parked": {[]alert.Alert{parked}, `
CRITICAL  numwatch cannot deliver through slack:gold: is_archived
→ slack chat.postMessage: is_archived: name another channel in rules.yaml.
  Nothing is lost: what is waiting goes out once it works again.
Sink   OK → PARKED
Since  2026-11-23 12:00 UTC
rule sink-parked
`},
		"a sink without a code": {[]alert.Alert{away}, `
CRITICAL  numwatch cannot deliver through nats
→ nats: no servers available for connection. Nothing is lost: what is
  waiting goes out once it works again.
Sink   OK → PARKED
Since  2026-11-23 12:00 UTC
rule sink-parked
`},
		"a space that answers again": {[]alert.Alert{recovered(blind("29348", phone.Denied, "Unknown.ResourceOwnerId", denial))}, `
RESOLVED: Space Acme recovered after 1 h: Poll OK (was DENIED)
Opened  2026-11-23 12:00 UTC
Until   2026-11-23 13:00 UTC
Space   Acme, account main
Labels  tier=gold
rule space-blind
`},
		"several spaces": {[]alert.Alert{
			blind("29348", phone.Denied, "Unknown.ResourceOwnerId", denial), blind("29349", phone.Failing, "", "no answer within 10s"),
			recovered(blind("29350", phone.Failing, "", "no answer within 10s")),
		}, `
HIGH  3 spaces: Poll DENIED and Poll FAILING
→ Poll DENIED: space main/29348: denied: Unknown.ResourceOwnerId (HTTP 404):
  The space is not yours; check the space's CustSpaceId. Until this is
  fixed, a ban there goes unnoticed.
→ Poll FAILING: no answer within 10s. Until this is fixed, a ban there goes
  unnoticed.
2 high, 1 resolved
High      Space Acme: Poll OK → DENIED
High      Space Acme: Poll OK → FAILING
Resolved  Space Acme: Poll OK again, was FAILING (after 1 h)
rule space-blind
`},
		"several rules": {[]alert.Alert{account, parked, away, blind("29348", phone.Failing, "", "no answer within 10s")}, `
CRITICAL  numwatch nats, numwatch slack:gold and Account main: Sink PARKED
          and Poll DENIED, and 1 other
→ Poll DENIED: account main: account denied: Forbidden.RAM (HTTP 403); grant
  the RAM user or role the action cams:ChatappSyncPhoneNumber. Until this is
  fixed, a ban there goes unnoticed.
→ Poll FAILING: no answer within 10s. Until this is fixed, a ban there goes
  unnoticed.
3 critical, 1 high
Critical  numwatch nats: Sink OK → PARKED: nats: no servers available for
          connection
Critical  numwatch slack:gold: Sink OK → PARKED: is_archived
Critical  Account main: Poll OK → DENIED
High      Space Acme: Poll OK → FAILING
rules sink-parked, account-blind, space-blind
`},
	} {
		t.Run(name, func(t *testing.T) {
			card := testCards().Message(row.alerts, alerttest.Noon)
			card.Footer = slices.DeleteFunc(card.Footer, func(s string) bool { return s == row.alerts[0].ID })
			require.Equal(t, strings.TrimPrefix(row.want, "\n"), printed(t, card))
			requireBudget(t, card)
		})
	}
}

func TestFollowUpsAboutPollsSayWhy(t *testing.T) {
	a, b := blind("29348", phone.Denied, "Unknown.ResourceOwnerId", denial), blind("29349", phone.Failing, "", "no answer within 10s")
	a.Transition = alert.GotWorse
	require.Equal(t, "Worse: Space Acme: Poll DENIED, was OK: Unknown.ResourceOwnerId\nWhat to do: "+denial+". Until this is fixed, a ban there goes unnoticed.",
		testCards().Reply([]alert.Alert{a}, []alert.Alert{a}).Text(false))
	require.Equal(t, "Still open: Space Acme: Poll FAILING for 1 d: no answer within 10s",
		testCards().Reminder([]alert.Alert{b}, []alert.Alert{b}, alerttest.Noon.Add(24*time.Hour)).Text(false))
}

// The few alerts that matter are told by name before the thousands that do not.
func TestListsNameWhatIsCritical(t *testing.T) {
	var all []alert.Alert
	for i := range 2500 {
		a := alerttest.Firing(i)
		if i%1000 != 7 {
			a.Rule, a.Severity, a.Field, a.Change.Old, a.Change.New = "number-appeared", alert.Info, phone.Presence, "", phone.Appeared
			a.Summary, a.Action, a.Runbook = alert.Text{"New number ", a.Subject.PhoneNumber, ""}, nil, ""
		}
		a.Baseline = true
		all = append(all, a)
	}
	SortWorstFirst(all)
	card := testCards().Message(all, alerttest.Noon)
	require.Equal(t, "8613800000007 Shop 7, 8613800001007 Shop 1007 and 8613800002007 Shop 2007: QualityRating RED, "+
		"and 2,497 others in the first poll of Acme", card.Title)
	require.Equal(t, "3 critical, 2,497 info", card.Counts)
	for i, number := range []string{"8613800000007", "8613800001007", "8613800002007"} {
		require.Equal(t, Line{Mark: Mark{"Critical", Red}, Text: number + " " + nameOf(&all[i]) + ": QualityRating YELLOW → RED"}, card.Lines[i])
	}
	header := card.Text(true)
	require.True(t, strings.HasPrefix(header, card.Title+", critical\n"))
	requireBudget(t, card)

	one := testCards().Message(append(all[:1:1], all[3:]...), alerttest.Noon)
	require.Equal(t, "Quality of 8613800000007 (Shop 7) fell from YELLOW to RED, and 2,497 others in the first poll of Acme", one.Title)
	calm := testCards().Message(all[3:], alerttest.Noon)
	require.Equal(t, "2,497 numbers in the first poll of Acme: Number APPEARED", calm.Title)
	require.Empty(t, calm.Counts)
	require.Len(t, calm.Lines, maxListed)

	all[0].Summary = alert.Text{"Quality is RED"}
	named := testCards().Message(append(all[:1:1], all[3:]...), alerttest.Noon)
	require.True(t, strings.HasPrefix(named.Title, "8613800000007 Shop 7: Quality is RED, and 2,497 others"), named.Title)
}

func TestFollowUpsOfListsNameWhatIsCritical(t *testing.T) {
	worse, over := alerttest.Firing(1), alerttest.Resolved(alerttest.Firing(2), alerttest.Noon.Add(time.Hour))
	worse.Transition = alert.GotWorse
	all := []alert.Alert{worse, over}
	for i := range 7 {
		all = append(all, alerttest.Firing(3+i))
	}
	require.Equal(t, "8613800000001 Shop 1: 1 of 9 worse, 1 resolved", testCards().Reply([]alert.Alert{worse, over}, all).Title)
	many := make([]alert.Alert, 60)
	for i := range many {
		many[i] = alerttest.Firing(i)
	}
	whole := slices.Clone(many)
	for i := range 1440 {
		whole = append(whole, alerttest.Firing(60+i))
	}
	reminder := testCards().Reminder(many, whole, alerttest.Noon.Add(24*time.Hour))
	require.Equal(t, "8613800000000 Shop 0, 8613800000001 Shop 1, 8613800000002 Shop 2 and 57 more: 60 of 1,500 numbers of Acme", reminder.Title)
	require.Len(t, reminder.Lines, 60, "critical ones are not cut")
}
