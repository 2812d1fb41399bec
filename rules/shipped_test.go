package rules_test

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/rules"
	"numwatch/rules/rulefile"
)

func shipped(t testing.TB) *rules.Set {
	t.Helper()
	data, err := os.ReadFile("../rules.yaml")
	require.NoError(t, err)
	set, err := rulefile.Load("rules.yaml", data)
	require.NoError(t, err)
	return set
}

func shippedTestbed(t testing.TB) *testbed {
	w := newTestbed(t, red)
	w.set = shipped(t)
	w.space.Labels = nil
	return w
}

func TestShippedRules(t *testing.T) {
	set := shipped(t)
	require.Empty(t, set.Warnings())
	for _, r := range set.Rules() {
		require.NotEmpty(t, r.Summary, r.Name)
		require.NotEmpty(t, r.Action, r.Name)
		require.True(t, r.Title != "" || !r.On[0].OfNumber() && r.On[0] != phone.Presence, "%s: what a list of its numbers is called", r.Name)
		require.Contains(t, r.Channels, "ops", r.Name)
		require.Equal(t, r.Severity == alert.Critical, slices.Contains(r.Channels, "oncall"), "%s: who is critical wakes somebody", r.Name)
	}
}

// Each row of the table of what operators do about a change.
func TestShippedRulesSayWhatOperatorsNeed(t *testing.T) {
	for _, row := range []struct {
		field    phone.Field
		from, to string
		rule     string
		severity alert.Severity
		state    alert.State
	}{
		{phone.Status, "CONNECTED", "BANNED", "status-blocked", alert.Critical, alert.Firing},
		{phone.Status, "CONNECTED", "RESTRICTED", "status-blocked", alert.Critical, alert.Firing},
		{phone.Status, "CONNECTED", "RATE_LIMITED", "status-rate-limited", alert.High, alert.Firing},
		{phone.Status, "CONNECTED", "DISCONNECTED", "status-disconnected", alert.Critical, alert.Firing},
		{phone.Status, "PENDING", "OFFLINE", "status-disconnected", alert.Critical, alert.Firing},
		{phone.Status, "CONNECTED", "PAUSED", "status-paused", alert.High, alert.Firing},
		{phone.Status, "CONNECTED", "WHATEVER", "status-unknown-value", alert.High, alert.Firing},
		{phone.Status, "CONNECTED", "FLAGGED", "status-flagged", alert.High, alert.Firing},
		{phone.Status, "CONNECTED", "PENDING", "registration-lost", alert.High, alert.Firing},
		{phone.Status, "CONNECTED", "UNVERIFIED", "registration-lost", alert.High, alert.Firing},
		{phone.Status, "CONNECTED", "DELETED", "number-deleted", alert.High, alert.Ended},
		{phone.Status, "CONNECTED", "MIGRATED", "number-deleted", alert.High, alert.Ended},
		{phone.Presence, "APPEARED", "MISSING", "number-missing", alert.High, alert.Firing},
		{phone.QualityRating, "GREEN", "RED", "quality-red", alert.Critical, alert.Firing},
		{phone.QualityRating, "YELLOW", "RED", "quality-red", alert.Critical, alert.Firing},
		{phone.QualityRating, "GREEN", "YELLOW", "quality-yellow", alert.Warning, alert.Firing},
		{phone.QualityRating, "RED", "YELLOW", "quality-yellow", alert.Warning, alert.Firing},
		{phone.MessagingLimitTier, "TIER_10K", "TIER_1K", "limit-lowered", alert.Warning, alert.Firing},
		{phone.MessagingLimitTier, "TIER_1K", "TIER_10K", "limit-raised", alert.Info, alert.Ended},
		{phone.NameStatus, "APPROVED", "DECLINED", "name-rejected", alert.High, alert.Firing},
		{phone.NameStatus, "PENDING_REVIEW", "REJECTED", "name-rejected", alert.High, alert.Firing},
		{phone.NameStatus, "APPROVED", "EXPIRED", "name-expired", alert.Warning, alert.Firing},
		{phone.NewNameStatus, "PENDING_REVIEW", "DECLINED", "name-rejected", alert.High, alert.Firing},
		{phone.NewNameStatus, "PENDING_REVIEW", "APPROVED", "name-approved", alert.Info, alert.Ended},
		{phone.CodeVerificationStatus, "VERIFIED", "REJECTED", "verification-lost", alert.High, alert.Firing},
		{phone.CodeVerificationStatus, "VERIFIED", "REVOKED", "verification-lost", alert.High, alert.Firing},
		{phone.CodeVerificationStatus, "VERIFIED", "MORE_INFORMATION_REQUESTED", "verification-needs-information", alert.Warning, alert.Firing},
		{phone.VerifiedName, "Acme", "Evil", "name-changed", alert.Warning, alert.Ended},
		{phone.StatusCallbackUrl, "https://a/", "https://b/", "routing-changed", alert.High, alert.Ended},
		{phone.UpCallbackUrl, "https://a/", "", "routing-changed", alert.High, alert.Ended},
		{phone.StatusQueue, "a", "b", "routing-changed", alert.High, alert.Ended},
		{phone.UpQueue, "a", "", "routing-changed", alert.High, alert.Ended},
		{phone.IsOfficial, "Y", "N", "badge-lost", alert.Warning, alert.Firing},
		{phone.Presence, "", "APPEARED", "number-appeared", alert.Info, alert.Ended},
		{phone.QualityRating, "GREEN", "BLUE", "unlisted-value", alert.Info, alert.Ended},
	} {
		t.Run(row.field.String()+" "+row.from+" "+row.to, func(t *testing.T) {
			w := shippedTestbed(t)
			if row.field.OfNumber() {
				w.number.Set(row.field, row.to)
			}
			out := w.step(rules.Seen{Space: w.space, Changes: []phone.Change{w.change(row.field, row.from, row.to)}})
			a := one(t, out)
			require.Equal(t, row.rule, a.Rule)
			require.Equal(t, alert.Opened, a.Transition)
			require.Equal(t, row.severity, a.Severity)
			require.Equal(t, row.state, a.State)
			require.NotContains(t, a.Summary.Plain()+a.Action.Plain(), "(error)")
		})
	}
}

func TestShippedRulesTellWorse(t *testing.T) {
	w := shippedTestbed(t)
	require.Equal(t, []string{"status-blocked opened"}, transitions(w.see(phone.Status, "RESTRICTED")))
	require.Equal(t, []string{"status-blocked worse"}, transitions(w.see(phone.Status, "BANNED")))
	require.Equal(t, "recovered, now CONNECTED", one(t, w.see(phone.Status, "CONNECTED")).Closing)
	require.Equal(t, []string{"unlisted-value opened"}, transitions(w.see(phone.NameStatus, "NEW_STATE")))
}

func TestShippedRulesAreQuietAboutGoodNews(t *testing.T) {
	w := shippedTestbed(t)
	require.Empty(t, w.presence("", phone.Appeared, true), "a number that is well, at the first sight of its space")
	w.number.Set(phone.MessagingLimitTier, "TIER_10K")
	w.number.Set(phone.Status, "FLAGGED")
	w.number.Set(phone.QualityRating, "YELLOW")
	require.Empty(t, w.see(phone.QualityRating, "GREEN"))
	require.Empty(t, w.see(phone.Status, "CONNECTED"))
	require.Empty(t, w.see(phone.MessagingLimitTier, ""), "the portfolio's limits are no downgrade")
	require.Empty(t, w.see(phone.QualityRating, "UNKNOWN"))
}

func TestShippedRulesWatchNumwatch(t *testing.T) {
	w := shippedTestbed(t)
	poll := func(s phone.Subject, f phone.Field, to string) []alert.Alert {
		return w.step(rules.Seen{Space: w.space, Changes: []phone.Change{{
			Subject: s, Field: f, Old: phone.OK, New: to, Direction: phone.Worse, Code: "Forbidden.RAM", Reason: "Grant cams:ChatappSyncPhoneNumber.",
		}}})
	}
	a := one(t, poll(phone.Subject{Account: "main", Space: "293"}, phone.Poll, phone.Failing))
	require.Equal(t, "space-blind", a.Rule)
	require.Equal(t, "numwatch cannot poll Acme: FAILING, Forbidden.RAM", a.Summary.Plain())
	a = one(t, poll(phone.Subject{Account: "main"}, phone.Poll, phone.Denied))
	require.Equal(t, "account-blind", a.Rule)
	require.Equal(t, []string{"oncall", "ops"}, a.Channels)
	a = one(t, poll(phone.Subject{Component: "slack:ops"}, phone.Sink, phone.Parked))
	require.Equal(t, "sink-parked", a.Rule)
	require.Equal(t, "numwatch cannot deliver through slack:ops: Forbidden.RAM", a.Summary.Plain())
}
