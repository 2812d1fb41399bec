package slack

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/sim/simtest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/notify/card"
	"numwatch/phone"
)

// A strict workspace takes every text that a customer may choose.
func TestSlackTakesHostileText(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		api := NewAPI(simToken, "http://slack.test/api/", simtest.Direct(slacksim.New(slacksim.Config{
			Token: simToken, Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}},
			Limits: slacksim.Limits{Posts: slacksim.Rate{Max: -1}, Update: slacksim.Rate{Max: -1}},
		})))
		for i, name := range slices.Concat(alerttest.Hostile, alerttest.Hostile) {
			maker := card.Maker{Space: func(k phone.SpaceKey) phone.Space { return phone.Space{SpaceKey: k, Name: name} }}
			if i >= len(alerttest.Hostile) {
				maker.Language = phone.Chinese
			}
			a := hostileAlert(1, name)
			closed := alerttest.Resolved(a, alerttest.Noon)
			closed.Closing = name
			for _, content := range []*card.Card{
				maker.Message([]alert.Alert{a}, alerttest.Noon), maker.Message([]alert.Alert{closed}, alerttest.Noon),
				maker.Message([]alert.Alert{a, closed}, alerttest.Noon), maker.Reply([]alert.Alert{closed}, []alert.Alert{closed}),
				maker.Reply([]alert.Alert{a, closed}, []alert.Alert{a, closed, a}),
			} {
				m := Outgoing{ID: "m-1", Target: "C0000000001", Card: content}
				ts, err := api.Post(t.Context(), m)
				require.NoError(t, err)
				require.NoError(t, api.Update(t.Context(), ts, m))
				m.Plain = true
				require.NoError(t, api.Update(t.Context(), ts, m))
			}
		}
	})
}

func hostileAlert(i int, name string) alert.Alert {
	a := alerttest.Firing(i)
	n := alerttest.Number(i)
	n.Set(phone.VerifiedName, name)
	a.Change.Number = &n
	a.Change.Old, a.Change.New, a.Change.Code, a.Change.Reason = name, name, name, name
	a.Ack = &alert.Ack{By: name, At: alerttest.Noon}
	a.Summary = alert.Text{"Quality of ", name, " fell to ", name}
	a.Action = alert.Text{"Write to ", name, "."}
	return a
}
