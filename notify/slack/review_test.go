package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/phone"
)

const deadPart = "slack:ops:dead-letters"

func TestSlackTellsOfDeadLetters(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Count: 2, Method: slacksim.PostMessage})
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(10 * time.Second)
		require.Equal(t, phone.Parked, d.memory.condition(deadPart))
		require.Contains(t, d.memory.reason(deadPart), "has permanently rejected 1 of the channel's messages")
		require.Contains(t, d.memory.reason(deadPart), "msg_too_long")
		require.Contains(t, d.memory.reason(deadPart), "numwatch deadletters")
		d.update(inSpace(alerttest.Firing(2), 2))
		d.after(10 * time.Second)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"), "the channel itself works")
		require.Equal(t, phone.Parked, d.memory.condition(deadPart))
		d.halt()
		d.start(opsChannel) // and knows of them still
		require.NoError(t, d.sink.RetryDead(t.Context(), d.dead()[0].ID))
		d.after(10 * time.Second)
		require.Equal(t, phone.OK, d.memory.condition(deadPart))
		d.requireShown("ops")
	})
}

// Asked to wait for an hour, a channel fails only once: it is told all the same.
func TestSlackTellsOfAlertsThatWaitTooLong(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: time.Hour, Count: 1, Method: slacksim.PostMessage})
		d.start(opsChannel)
		d.update(inSpace(alerttest.Firing(1), 1), inSpace(alerttest.Firing(2), 2))
		d.after(4 * time.Minute)
		require.NotEqual(t, phone.Parked, d.memory.condition("slack:ops"))
		d.after(3 * time.Minute)
		require.Equal(t, phone.Parked, d.memory.condition("slack:ops"))
		require.Regexp(t, `^2 alerts waiting to be shown, the first for \d min; nothing is posted before 2000-01-01 01:00 UTC$`, d.memory.reason("slack:ops"))
		d.after(time.Hour)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
		d.requireShown("ops")
	})
}

// What an account's first round collects is meant to wait.
func TestSlackLetsFirstRoundsTakeTheirTime(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		a.Baseline = true
		d.update(a)
		d.after(20 * time.Minute)
		require.Empty(t, d.messages())
		require.Empty(t, d.memory.condition("slack:ops"))
		d.after(15 * time.Minute)
		d.requireShown("ops")
	})
}

// The alert on a parked channel ends when the channel leaves the configuration,
// also where that happens while the bot is not running.
// What the first round found is posted again as soon as anything else where the
// first post failed: that round is over, and no other one ends.
func TestSlackTellsOfAFirstRoundAgain(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 10 * time.Second, Count: 1, Method: slacksim.PostMessage})
		d.start(opsChannel)
		a := alerttest.Firing(1)
		a.Baseline = true
		d.update(a)
		d.sink.BaselineDone("main")
		d.after(15 * time.Second)
		d.requireShown("ops")
		require.NoError(t, d.sim.Delete("C0000000001", d.messages()[0].Ts))
		a.Revision, a.Transition = 2, alert.GotBetter
		d.update(a)
		d.after(15 * time.Second)
		require.Len(t, d.messages(), 1)
		d.requireShown("ops")
	})
}

func TestSlackForgetsPartsThatLeave(t *testing.T) {
	for name, restart := range map[string]bool{"live": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.sim.SetChannel(slacksim.Channel{ID: "C0000000001", Name: "wa-ops", Archived: true})
				d.start(opsChannel)
				d.update(alerttest.Firing(1))
				d.after(time.Second)
				require.Equal(t, phone.Parked, d.memory.condition("slack:ops"))
				other := []Channel{{Name: "gold", Slack: "C0000000002"}}
				if restart {
					d.halt()
					d.start(other)
				} else {
					d.sink.SetChannels(other)
				}
				d.after(time.Second)
				require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
				require.Contains(t, d.memory.reason("slack:ops"), "no longer configured")
			})
		})
	}
}
