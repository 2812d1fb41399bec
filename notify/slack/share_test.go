package slack

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
)

// What somebody decided just before the end is shown by the next process, and
// what an edit may have shown that does not hold any more is put right.
func TestSlackShowsAfterARestartWhatWasDecidedBefore(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(10 * time.Second)
		d.halt()
		a.Ack = &alert.Ack{By: "ann", At: alerttest.Noon}
		d.update(a)
		d.start(opsChannel)
		d.after(10 * time.Second)
		require.Contains(t, d.messages()[0].Text, "Taken by: ann")
		require.Len(t, d.messages()[0].Edits, 1)
		d.halt()
		d.start(opsChannel)
		d.after(10 * time.Second)
		require.Len(t, d.messages()[0].Edits, 1, "nothing is left to be shown")

		d.sim.Inject(slacksim.Fault{Kind: slacksim.Drop, Applied: true, Method: slacksim.Update})
		taken := a
		taken.Ack = &alert.Ack{By: "bob", At: alerttest.Noon}
		d.update(taken)
		d.after(10 * time.Second)
		require.Contains(t, d.messages()[0].Text, "Taken by: bob")
		d.halt()
		d.start(opsChannel)
		d.update(a) // before there was an edit
		d.sim.ClearFaults()
		d.after(time.Minute)
		require.Contains(t, d.messages()[0].Text, "Taken by: ann")
		require.Empty(t, d.messages()[0].Replies)
	})
}

// Channels that all have something to edit share the workspace's budget, and
// none counts on what another one takes.
func TestSlackChannelsShareTheBudgetOfEdits(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		var channels []Channel
		for i := range 20 {
			c := Channel{Name: fmt.Sprint("c", i), Slack: fmt.Sprintf("C00000001%02d", i)}
			channels = append(channels, c)
			d.sim.SetChannel(slacksim.Channel{ID: c.Slack, Name: c.Name})
		}
		d.start(channels)
		var all []alert.Alert
		for i := range 100 {
			a := inSpace(alerttest.Firing(i), i)
			a.Channels = []string{channels[i%len(channels)].Name}
			all = append(all, a)
			d.update(a)
			d.after(100 * time.Millisecond)
		}
		for i := range all {
			all[i].Revision, all[i].Transition = 2, alert.GotBetter
		}
		d.update(all...)
		d.after(time.Minute)
		least := 100
		for _, c := range channels {
			edits := 0
			for _, m := range d.sim.Messages(c.Slack) {
				edits += len(m.Edits)
			}
			least = min(least, edits)
		}
		require.Positive(t, least, "every channel has had its turn")
		d.after(3 * time.Minute)
		for _, c := range channels {
			d.requireShown(c.Name)
		}
		require.Zero(t, d.sim.Stats(slacksim.Update).Limited)
	})
}

// A channel that is taken out of the rules in the middle of a post, and put back
// before that ended, is posted to by one goroutine at a time.
func TestSlackChannelComesBackDuringItsPost(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Latency: 4 * time.Second, Count: 1, Method: slacksim.PostMessage})
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(time.Second)
		d.sink.SetChannels(nil)
		d.after(time.Second)
		d.sink.SetChannels(opsChannel)
		d.after(time.Minute)
		d.requireShown("ops")
		require.Len(t, d.messages(), 1)
	})
}

// A message whose edits always fail holds up neither those of its channel nor
// those of others.
func TestSlackEditsOthersWhereOneCannotBe(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(append([]Channel{{Name: "gold", Slack: "C0000000002"}}, opsChannel...))
		var all []alert.Alert
		for i := range 40 {
			a := inSpace(alerttest.Firing(i), i)
			a.Channels = []string{[]string{"gold", "ops"}[i%2]}
			all = append(all, a)
			d.update(a)
			d.after(2 * time.Second)
		}
		stuck := d.messages()[0].Ts
		poster := &stuckPoster{Poster: d.sink.o.Poster, ts: stuck}
		d.sink.o.Poster = poster
		for i := range all {
			all[i].Revision, all[i].Transition = 2, alert.GotBetter
		}
		d.update(all...)
		d.after(90 * time.Second)
		for _, channel := range []string{"C0000000001", "C0000000002"} {
			for _, m := range d.sim.Messages(channel) {
				require.Equal(t, m.Ts != stuck, len(m.Edits) == 1, m.Ts)
			}
		}
		require.LessOrEqual(t, poster.tried, 7)
	})
}

// stuckPoster fails to edit one message.
type stuckPoster struct {
	Poster
	ts    string
	tried int
}

func (p *stuckPoster) Update(ctx context.Context, ts string, m Outgoing) error {
	if ts == p.ts {
		p.tried++
		return errUnclear
	}
	return p.Poster.Update(ctx, ts, m)
}
