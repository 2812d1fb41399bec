package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

// What counts is what people were told last, whatever happened in between.
func TestWhatMovedSinceItWasTold(t *testing.T) {
	for _, row := range []struct {
		told, now  string
		transition alert.Transition
		want       volume
	}{
		{"RESTRICTED", "BANNED", alert.GotWorse, byBroadcast},
		{"RESTRICTED", "BANNED", alert.Reopened, byBroadcast},
		{"RESTRICTED", "BANNED", alert.GotBetter, byBroadcast}, // by way of something worse still
		{"BANNED", "RESTRICTED", alert.GotBetter, byReply},
		{"BANNED", "RESTRICTED", alert.Reopened, byReply},
		{"BANNED", "BANNED", alert.Reopened, byEdit},
		{"BANNED", "BANNED", alert.GotWorse, byReply},
		{"RESTRICTED", "RATE_LIMITED", alert.GotWorse, byBroadcast},
	} {
		a := alerttest.Firing(1)
		a.Field, a.Change.New, a.Transition = phone.Status, row.now, row.transition
		require.Equal(t, row.want, moved(&a, row.told), "%v", row)
	}
}

// What is found by the first round waits for its end; what happens meanwhile does not.
func TestSomethingNewDoesNotWaitForTheFirstRound(t *testing.T) {
	b := opsPaper()
	found := baseline(1)
	b.update(found, alerttest.Noon)
	banned := found
	banned.Rule, banned.Field, banned.Baseline, banned.Change.Baseline = "banned", phone.Status, false, false
	banned.ID = alert.ID(banned.Key(), alerttest.Noon)
	now := alerttest.Noon.Add(time.Minute)
	b.update(banned, now)
	a := b.post(now, whenever)
	require.Equal(t, post, a.kind)
	require.Len(t, a.alerts, 2, "with what was found")
}

// A message whose alerts are all forgotten shows nothing new.
func TestAMessageWithoutAlertsIsLeftAlone(t *testing.T) {
	a := alerttest.Firing(1)
	m := alert.Message{ID: "m1", Channel: "ops", TS: "1", State: alert.Posted, At: alerttest.Noon, Alerts: []alert.ShownAlert{alerttest.Shown(a)}}
	b := onPaper([]string{"ops"}, nil, m)
	b.message(&m).uncertain = true
	b.requireIdle(t, alerttest.Noon)
}
