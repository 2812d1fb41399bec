package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

func TestButtonsStandOnWhatIsOpen(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.buttons = true
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		shown := func() string { return texts(t, d.messages()[0].Blocks) }
		for _, want := range []string{"Acknowledge", "Silence 1 h", "Silence 1 day", "value:" + d.memory.keptMessages()[0].ID} {
			require.Contains(t, shown(), want)
		}
		a.Ack = &alert.Ack{By: "Ada <!channel>", At: alerttest.Noon}
		d.update(a)
		d.after(10 * time.Second)
		require.Contains(t, shown(), "Taken by")
		require.Contains(t, shown(), "Ada &lt;!channel›")
		require.NotContains(t, shown(), "Acknowledge")
		require.Contains(t, shown(), "Silence 1 day")

		d.memory.silences["s-1"] = alert.Silence{ID: "s-1", By: "Bo <!here>", Until: alerttest.Noon.Add(time.Hour)}
		a.HeldBy = []string{"mute:nights", "silence:s-1", "silence:s-gone"}
		d.update(a)
		d.after(10 * time.Second)
		require.Contains(t, shown(), "silenced by Bo <!here> until 2026-11-23 13:00 UTC · held by mute:nights, silence:s-gone")
		require.Contains(t, string(d.messages()[0].Blocks), `"type":"plain_text"`)

		d.update(alerttest.Resolved(a, alerttest.Noon.Add(time.Hour)))
		d.after(10 * time.Second)
		require.NotContains(t, shown(), "Silence")
		require.NotContains(t, shown(), "silenced")
		for _, r := range d.messages()[0].Replies {
			require.NotContains(t, texts(t, r.Blocks), "button")
		}
	})
}

func TestWithoutAnAppTokenThereAreNoButtons(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(time.Second)
		require.NotContains(t, texts(t, d.messages()[0].Blocks), "button")
	})
}

func TestAListSaysWhoTookWhat(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.buttons = true
		d.start(opsChannel)
		all := []alert.Alert{alerttest.Firing(1), alerttest.Firing(2), alerttest.Firing(3)}
		d.update(all...)
		d.after(5 * time.Second)
		d.memory.silences["s-1"] = alert.Silence{ID: "s-1", By: "Bo", Until: alerttest.Noon}
		all[0].Ack = &alert.Ack{By: "Ada", At: alerttest.Noon}
		for i := range all {
			all[i].HeldBy = []string{"silence:s-1"}
		}
		d.update(all...)
		d.after(10 * time.Second)
		shown := texts(t, d.messages()[0].Blocks)
		require.Contains(t, shown, "rule quality-red · silenced by Bo until 2026-11-23 12:00 UTC · 1 taken by Ada")
		require.Contains(t, shown, "Acknowledge", "two of them are free")
	})
}
