package channels

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/config"
	"numwatch/notify/robot"
	"numwatch/phone"
	"numwatch/rules"
)

// A group is told in the language of each channel that leads to it.
func TestChannelsOfARobot(t *testing.T) {
	all := []rules.Channel{
		{Name: "ops", Kind: rules.DingTalk, Target: "team", Mention: []string{"all"}, Language: phone.Chinese},
		{Name: "other", Kind: rules.DingTalk, Target: "others"},
		{Name: "hook", Kind: rules.Webhook, Target: "team"},
	}
	require.Equal(t, []robot.Channel{{Name: "ops", Mention: []string{"all"}, Language: phone.Chinese}}, leadingTo(&config.Channel{Name: "team", Type: "dingtalk"}, all))
}
