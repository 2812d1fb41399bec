package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
)

// withUneditable runs a test with an open alert whose message may not be edited.
func withUneditable(t *testing.T, test func(t *testing.T, d *rig, a alert.Alert)) {
	t.Helper()
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(10 * time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "edit_window_closed", Method: slacksim.Update})
		a = alerttest.Resolved(a, time.Now())
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages()[0].Replies, 1)
		require.True(t, d.memory.keptMessages()[0].NoEdits)
		test(t, d, a)
	})
}

// What is silenced is not told in the thread of a message that takes no edits, but heard
// by all when the silence ends.
func TestSilenceHoldsWhereTheThreadIsAllThereIs(t *testing.T) {
	withUneditable(t, func(t *testing.T, d *rig, a alert.Alert) {
		a.State, a.Transition, a.Changed = alert.Firing, alert.Reopened, time.Now()
		a.Revision++
		a.Notified, a.HeldBy = a.Revision, []string{alert.SilenceHold + "1"}
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages()[0].Replies, 1)
		a.HeldBy = nil
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages()[0].Replies, 2)
		require.Equal(t, "true", d.messages()[0].Replies[1].Args.Get("reply_broadcast"))
	})
}

// A field that flaps is told once in such a thread too.
func TestFlappingIsDampedWhereTheThreadIsAllThereIs(t *testing.T) {
	withUneditable(t, func(t *testing.T, d *rig, a alert.Alert) {
		a.Flapping = true
		for i := range 6 {
			a.Change.Old, a.Change.New = a.Change.New, a.Change.Old
			a.State, a.Transition, a.Changed = alert.Firing, alert.Reopened, time.Now()
			if i%2 == 1 {
				a.State, a.Transition = alert.Resolved, alert.WasResolved
			}
			a.Revision++
			d.update(a)
			d.after(time.Minute)
		}
		require.Len(t, d.messages()[0].Replies, 1)
	})
}
