package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

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
