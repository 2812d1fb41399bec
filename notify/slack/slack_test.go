package slack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/phone"
)

func TestSlackShowsAnAlertToItsEnd(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		require.Len(t, d.messages(), 1)
		m := d.messages()[0]
		require.Contains(t, m.Text, "Quality of 8613800000001 (Shop 1) fell from YELLOW to RED, critical")
		require.Contains(t, texts(t, m.Blocks), "<!subteam^S012>")
		require.Equal(t, []string{"none", "false", "false", "false"}, []string{
			m.Args.Get("parse"), m.Args.Get("link_names"), m.Args.Get("unfurl_links"), m.Args.Get("unfurl_media"),
		})
		a.Change.Old, a.Change.New = "RED", "BLACK"
		a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
		d.update(a)
		d.after(10 * time.Second)
		m = d.messages()[0]
		require.Len(t, m.Replies, 1)
		require.Contains(t, m.Replies[0].Text, "Worse: 8613800000001 Shop 1: QualityRating BLACK, was RED")
		require.Contains(t, texts(t, m.Replies[0].Blocks), "<!subteam^S012>")
		require.Len(t, m.Edits, 1)

		d.update(alerttest.Resolved(a, alerttest.Noon.Add(time.Hour)))
		d.after(10 * time.Second)
		m = d.messages()[0]
		require.Len(t, m.Replies, 2)
		require.Contains(t, m.Replies[1].Text, "Resolved: 8613800000001 Shop 1 recovered after 1 h: QualityRating GREEN (was BLACK)")
		require.NotContains(t, texts(t, m.Replies[1].Blocks), "subteam")
		require.Contains(t, m.Text, "Resolved: 8613800000001 Shop 1 recovered after 1 h: QualityRating GREEN (was BLACK)")
		require.NotContains(t, string(m.Blocks), "subteam")
		d.requireShown("ops")
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
		require.Equal(t, d.points["post:before"], d.points["post:after"])
		require.Equal(t, 2, d.points["update:after"])
	})
}

// What moved on to something worse is closed, and no word says otherwise.
func TestSlackSoundsGoodOnlyWhereItIs(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		one, many := inSpace(alerttest.Firing(1), 1), []alert.Alert{alerttest.Firing(2), alerttest.Firing(3), alerttest.Firing(4)}
		d.update(one)
		d.after(time.Second)
		d.update(many...)
		d.after(5 * time.Second)
		d.update(alerttest.Worsened(one), alerttest.Worsened(many[0]), alerttest.Resolved(many[1], alerttest.Noon.Add(time.Hour)))
		d.after(10 * time.Second)
		m := d.messages()
		require.Contains(t, m[0].Text, "Closed: 8613800000001 Shop 1 after 1 h: now QualityRating BLACK (was RED)")
		require.Contains(t, m[0].Replies[0].Text, "Closed: 8613800000001 Shop 1 after 1 h: now QualityRating BLACK (was RED)")
		require.Contains(t, string(m[1].Blocks), "1 critical, 1 closed, 1 resolved")
		require.Contains(t, m[1].Replies[0].Text, "1 of 3 closed, 1 resolved")
		require.Contains(t, m[1].Replies[0].Text, "Closed: 8613800000002 Shop 2 after 1 h: now QualityRating BLACK (was RED)")
		late := alerttest.Worsened(inSpace(alerttest.Firing(5), 5))
		late.Since, late.Changed = time.Now().Add(-time.Hour), time.Now()
		d.update(late)
		d.after(5 * time.Second)
		require.Contains(t, d.messages()[2].Text, "opened and closed meanwhile")
		for _, m := range d.messages() {
			require.NotContains(t, strings.ToLower(m.Text+fmt.Sprint(m.Replies)), "esolved: 8613800000002")
		}
		d.requireShown("ops")
	})
}

// A rules file that stays broken in another way is no news, but its message is up to date.
func TestSlackShowsTheLatestReason(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		a.Subject, a.Field = phone.Subject{Component: "rules"}, phone.Rules
		a.Change = phone.Change{Subject: a.Subject, Field: a.Field, Old: phone.OK, New: phone.Refused, Reason: "line 12"}
		a.Summary = alert.Text{"rules.yaml is rejected: ", "line 12", ""}
		d.update(a)
		d.after(10 * time.Second)
		a.Change.Reason, a.Summary = "line 14", alert.Text{"rules.yaml is rejected: ", "line 14", ""}
		d.update(a)
		d.after(10 * time.Second)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "line 14")
		require.Empty(t, d.messages()[0].Replies)
		d.requireShown("ops")
	})
}

func TestSlackForgetsWhatIsOver(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		d.update(alerttest.Resolved(a, time.Now()))
		d.after(time.Hour)
		require.Empty(t, d.memory.forgot())
		d.after(2 * time.Hour)
		require.Equal(t, []string{a.ID}, d.memory.forgot())
		require.Empty(t, d.memory.keptMessages())
	})
}

func TestSlackStormIsFewMessages(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		for i := range 200 {
			d.update(inSpace(alerttest.Firing(i), i))
		}
		d.after(10 * time.Second)
		require.Len(t, d.messages(), 2)
		require.Contains(t, d.messages()[1].Text, "8613800000001 Shop 1, 8613800000010 Shop 10, 8613800000100 Shop 100 and 196 more: QualityRating RED")
		d.requireShown("ops")
		require.Zero(t, d.sim.Stats(slacksim.PostMessage).Limited)
	})
}

func TestSlackAlertsOfOnePollAreOneMessage(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		var all []alert.Alert
		for i := range 12 {
			all = append(all, alerttest.Firing(i))
		}
		d.update(all...)
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "8613800000000 Shop 0, 8613800000001 Shop 1, 8613800000002 Shop 2 and 9 more of Acme: QualityRating RED")
		d.update(alerttest.Resolved(all[0], alerttest.Noon.Add(time.Hour)), alerttest.Resolved(all[1], alerttest.Noon.Add(time.Hour)), alerttest.Resolved(all[2], alerttest.Noon.Add(time.Hour)))
		d.after(10 * time.Second)
		m := d.messages()[0]
		require.Contains(t, string(m.Blocks), "9 critical, 3 resolved")
		require.Len(t, m.Replies, 1)
		require.Contains(t, m.Replies[0].Text, "3 of 12 resolved")
		d.requireShown("ops")
	})
}

func TestSlackStorm429(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, Probability: 0.7, RetryAfter: 7 * time.Second})
		d.start(opsChannel)
		for i := range 200 {
			d.update(inSpace(alerttest.Firing(i), i))
			d.after(time.Second)
		}
		d.after(10 * time.Minute)
		d.requireShown("ops")
	})
}

// Every kind of trouble at once, with alerts that come, get worse and go.
func TestSlackEndsInTheSamePictureWhateverHappens(t *testing.T) {
	faults := []slacksim.Fault{
		{Kind: slacksim.Drop, Applied: true, Probability: 0.2},
		{Kind: slacksim.Drop, Probability: 0.2},
		{Kind: slacksim.ServerError, Applied: true, Probability: 0.2},
		{Kind: slacksim.HTMLPage, Applied: true, Probability: 0.2},
		{Kind: slacksim.RateLimited, Probability: 0.2, RetryAfter: 3 * time.Second},
		{Kind: slacksim.Refuse, Code: "internal_error", Applied: true, Probability: 0.2},
		{Latency: 20 * time.Second, Applied: true, Probability: 0.05},
	}
	withRig(t, func(t *testing.T, d *rig) {
		for _, f := range faults {
			d.sim.Inject(f)
		}
		d.start(opsChannel)
		for i := range 60 {
			a := inSpace(alerttest.Firing(i), i)
			d.update(a)
			d.after(5 * time.Second)
			if i%3 == 0 {
				d.update(alerttest.Resolved(a, time.Now()))
			}
			if i%10 == 0 { // a restart in the middle of it all
				d.halt()
				d.start(opsChannel)
			}
		}
		d.after(20 * time.Minute)
		d.sim.ClearFaults()
		d.after(20 * time.Minute)
		d.requireShown("ops")
		replies := 0
		for _, m := range d.messages() {
			for _, r := range m.Replies {
				replies++
				require.Contains(t, r.Text, "esolved")
			}
		}
		require.LessOrEqual(t, replies, 20)
		ids := map[string]bool{}
		for _, m := range d.messages() {
			for _, r := range append(m.Replies, m) {
				require.False(t, ids[string(r.Metadata.EventPayload)], "posted twice")
				ids[string(r.Metadata.EventPayload)] = true
			}
		}
	})
}
