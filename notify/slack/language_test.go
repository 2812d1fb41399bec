package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

// Each channel gets its own language, with the texts that the rule has in it: messages,
// replies, edits and buttons.
func TestChannelsSpeakTheirLanguages(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.buttons = true
		d.start([]Channel{{Name: "ops", Slack: "C0000000001"}, {Name: "gold", Slack: "C0000000002", Language: phone.Chinese}})
		a := alerttest.Firing(1)
		a.Channels = []string{"gold", "ops"}
		a.Translations = map[phone.Language]alert.Texts{phone.Chinese: {Summary: alert.Text{"质量评级为低（RED）：", a.Subject.PhoneNumber, ""}}}
		d.update(a)
		d.after(time.Minute)
		english, chinese := d.sim.Messages("C0000000001"), d.sim.Messages("C0000000002")
		require.Len(t, english, 1)
		require.Len(t, chinese, 1)
		require.Contains(t, english[0].Text, "critical")
		require.Contains(t, chinese[0].Text, "质量评级为低（RED）："+a.Subject.PhoneNumber+"，紧急")
		require.Contains(t, string(chinese[0].Blocks), "认领")
		require.NotContains(t, string(english[0].Blocks), "认领")
		require.NoError(t, d.sink.Announce(t.Context(), alert.StoreFails+": disk full"))
		require.Contains(t, d.sim.Messages("C0000000001")[1].Text, "numwatch cannot write its store and has paused polling: disk full")
		require.Contains(t, d.sim.Messages("C0000000002")[1].Text, "numwatch 无法写入数据库，已暂停轮询：disk full")
		posted := d.memory.keptMessages()
		for _, m := range posted {
			want := map[string]phone.Language{"ops": phone.English, "gold": phone.Chinese}[m.Channel]
			require.Equal(t, want, d.sink.languageOf(m.ID))
		}
		require.Equal(t, phone.English, d.sink.languageOf("m-unknown"))
		d.update(alerttest.Resolved(a, time.Now()))
		d.after(time.Minute)
		require.Contains(t, d.sim.Messages("C0000000001")[0].Text, "recovered")
		require.Contains(t, d.sim.Messages("C0000000002")[0].Text, "已恢复")
	})
}
