package audience

import (
	"testing"

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
		want       Volume
	}{
		{"RESTRICTED", "BANNED", alert.GotWorse, ByBroadcast},
		{"RESTRICTED", "BANNED", alert.Reopened, ByBroadcast},
		{"RESTRICTED", "BANNED", alert.GotBetter, ByBroadcast}, // by way of something worse still
		{"BANNED", "RESTRICTED", alert.GotBetter, ByReply},
		{"BANNED", "RESTRICTED", alert.Reopened, ByReply},
		{"BANNED", "BANNED", alert.Reopened, ByEdit},
		{"BANNED", "BANNED", alert.GotWorse, ByReply},
		{"RESTRICTED", "RATE_LIMITED", alert.GotWorse, ByBroadcast},
	} {
		a := alerttest.Firing(1)
		a.Field, a.Change.New, a.Transition = phone.Status, row.now, row.transition
		require.Equal(t, row.want, moved(&a, row.told), "%v", row)
	}
}
