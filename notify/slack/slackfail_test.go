package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/sim/simtest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/notify"
	"numwatch/notify/card"
	"numwatch/phone"
)

func TestSlackFindsAMessageThatWasBeingSent(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprint("applied ", applied), func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				a := alerttest.Firing(1)
				d.update(a)
				m := alert.Message{
					ID: "m-1", Channel: "ops", Target: "C0000000001", State: alert.Sending, At: time.Now(),
					Alerts: []alert.ShownAlert{alerttest.Shown(a)},
				}
				d.memory.putMessages(m)
				if applied {
					api := NewAPI(simToken, "http://slack.test/api/", simtest.Direct(d.sim))
					card := testCards().Message([]alert.Alert{a}, time.Now())
					_, err := api.Post(t.Context(), Outgoing{ID: m.ID, Target: m.Target, Card: card})
					require.NoError(t, err)
				}
				d.start(opsChannel)
				d.after(5 * time.Second)
				require.Len(t, d.messages(), 1)
				d.requireShown("ops")
			})
		})
	}
}

func TestSlackParksOnlyTheChannelThatFails(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.SetChannel(slacksim.Channel{ID: "C0000000001", Name: "wa-ops", NotMember: true})
		d.start(append(slices.Clone(opsChannel), Channel{Name: "gold", Slack: "#wa-gold"}))
		a := alerttest.Firing(1)
		a.Channels = []string{"gold", "ops"}
		d.update(a)
		d.after(10 * time.Second)
		require.Equal(t, phone.Parked, d.memory.condition("slack:ops"))
		require.Contains(t, d.memory.reason("slack:ops"), "invite the bot")
		require.Len(t, d.sim.Messages("C0000000002"), 1)
		require.Equal(t, phone.OK, d.memory.condition("slack:gold"))
		require.Equal(t, 1, d.sink.Status().Channels[0].Waiting)
		d.sim.SetChannel(slacksim.Channel{ID: "C0000000001", Name: "wa-ops"})
		d.sink.Retry()
		d.after(time.Second)
		require.Len(t, d.messages(), 1)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
	})
}

func TestSlackParksAllWithoutAToken(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		healed := d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_auth"})
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(time.Minute)
		require.Equal(t, phone.Parked, d.memory.condition("slack"))
		require.Contains(t, d.memory.reason("slack"), "slack.bot_token")
		require.NotContains(t, d.memory.reason("slack"), simToken)
		require.NotEmpty(t, d.sink.Status().Parked)
		require.Equal(t, 1, d.sim.Stats(slacksim.PostMessage).Calls)
		healed()
		d.after(5 * time.Minute)
		require.Equal(t, phone.OK, d.memory.condition("slack"))
		d.requireShown("ops")
	})
}

func TestSlackTakesPlainTextOrNothing(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_blocks", Count: 1, Method: slacksim.PostMessage})
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 1)
		require.Nil(t, d.messages()[0].Blocks)
		require.Contains(t, d.messages()[0].Text, "<!subteam^S012>")
		d.requireShown("ops")

		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Count: 2, Method: slacksim.PostMessage})
		d.update(alerttest.Firing(2))
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
		dead := d.dead()
		require.Len(t, dead, 1)
		require.Contains(t, dead[0].Reason, "msg_too_long")
		require.NoError(t, d.sink.RetryDead(t.Context(), dead[0].ID))
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 2)
		require.Error(t, d.sink.RetryDead(t.Context(), dead[0].ID))
	})
}

func TestSlackPostsAnewWhatWasDeleted(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a, b := alerttest.Firing(1), alerttest.Firing(2)
		d.update(a, b)
		d.after(time.Second)
		require.NoError(t, d.sim.Delete("C0000000001", d.messages()[0].Ts))
		d.update(alerttest.Resolved(a, alerttest.Noon.Add(time.Hour)))
		b.Revision, b.Transition, b.Change.New = 2, alert.GotBetter, "YELLOW"
		d.update(b)
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "8613800000002")
		require.NotContains(t, d.messages()[0].Text, "8613800000001")
	})
}

// An acknowledgement raises no revision: it is shown all the same, also where
// the first edit fails.
func TestSlackShowsWhoTakesCare(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 30 * time.Second, Count: 1, Method: slacksim.Update})
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_blocks", Count: 1, Method: slacksim.Update})
		a.Ack = &alert.Ack{By: "ann", At: alerttest.Noon}
		d.update(a)
		d.after(time.Minute)
		require.Contains(t, d.messages()[0].Text, "Taken by: ann, 2026-11-23 12:00 UTC")
		require.Len(t, d.messages()[0].Edits, 1)
		require.Empty(t, d.messages()[0].Replies)
	})
}

func TestSlackRepliesWhereItMayNotEdit(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "edit_window_closed", Method: slacksim.Update})
		b := blockedBeside(a)
		b.Severity = alert.Warning // of which an edit is enough
		d.update(b)
		d.after(time.Minute)
		m := d.messages()[0]
		require.Len(t, m.Replies, 1)
		require.Contains(t, m.Replies[0].Text, "8613800000001 Shop 1: BANNED, was CONNECTED")
		d.requireShown("ops")
	})
}

func TestSlackTellsOnceWhatEndedMeanwhile(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		end := d.sim.Inject(slacksim.Fault{Kind: slacksim.ServerError, Status: 503})
		d.start(opsChannel)
		a, b := inSpace(alerttest.Firing(1), 1), inSpace(alerttest.Firing(2), 2)
		d.update(a, b)
		d.after(30 * time.Minute)
		require.Equal(t, phone.Parked, d.memory.condition("slack:ops:unconfirmed"), "a channel that is stuck for long says so")
		require.Regexp(t, "^it has been unknown for 30 min whether 2 of the channel's messages were posted", d.memory.reason("slack:ops:unconfirmed"))
		d.update(alerttest.Resolved(a, time.Now()))
		end()
		d.after(10 * time.Minute)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
		require.Equal(t, phone.OK, d.memory.condition("slack:ops:unconfirmed"))
		d.requireShown("ops")
		var all []string
		for _, m := range d.messages() {
			all = append(all, m.Text)
			require.Empty(t, m.Replies)
		}
		require.Contains(t, strings.Join(all, "\n"), "Resolved: 8613800000001 Shop 1")
	})
}

func TestSlackEditsWithinTheBudget(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		var all []alert.Alert
		for i := range 100 {
			a := inSpace(alerttest.Firing(i), i)
			all = append(all, a)
			d.update(a)
			d.after(1100 * time.Millisecond)
		}
		for i := range all {
			all[i].Revision, all[i].Transition = 2, alert.GotBetter
		}
		d.update(all...)
		d.after(3 * time.Minute)
		d.requireShown("ops")
		require.Zero(t, d.sim.Stats(slacksim.Update).Limited)
	})
}

func TestSlackChannelsComeAndGo(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(nil)
		d.update(alerttest.Firing(1))
		d.after(time.Second)
		require.Empty(t, d.messages())
		d.sink.SetChannels(opsChannel)
		d.after(time.Second)
		require.Len(t, d.messages(), 1)
		d.sink.SetChannels(nil)
		d.update(alerttest.Firing(2))
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
	})
}

func TestSlackSurvivesARecorderThatFails(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		broken := true
		d.memory.fail = func(alert.DeliveryUpdate) error {
			if broken {
				return errors.New("disk full")
			}
			return nil
		}
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(time.Minute)
		require.Empty(t, d.messages(), "nothing is posted that could not be found again")
		d.memory.mu.Lock()
		broken = false
		d.memory.mu.Unlock()
		d.after(2 * time.Minute)
		d.requireShown("ops")
	})
}

func TestSlackAnnounces(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		require.NoError(t, d.sink.Announce(t.Context(), "The store cannot be written: disk full"))
		require.Contains(t, d.messages()[0].Text, "disk full")
		require.Empty(t, d.memory.keptMessages())
	})
}

// Slack takes a post a second, is overloaded, and is away.
func TestSlackAnnouncesInTurnUntilItIsPosted(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(100 * time.Millisecond)
		require.Len(t, d.messages(), 1)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 30 * time.Second, Method: slacksim.PostMessage, Count: 1})
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Drop, Method: slacksim.PostMessage, Count: 3})
		began := time.Now()
		require.NoError(t, d.sink.Announce(t.Context(), "The store cannot be written: disk full"))
		require.Len(t, d.messages(), 2)
		require.Contains(t, d.messages()[1].Text, "disk full")
		require.Greater(t, time.Since(began), 30*time.Second, "Slack said how long to wait")

		d.sim.Inject(slacksim.Fault{Kind: slacksim.ServerError, Method: slacksim.PostMessage})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		require.ErrorIs(t, d.sink.Announce(ctx, "Out of date by then"), context.DeadlineExceeded)
		d.sim.ClearFaults()
		d.sim.SetChannel(slacksim.Channel{ID: "C0000000001", Name: "wa-ops", Archived: true})
		require.ErrorContains(t, d.sink.Announce(t.Context(), "Nobody to hear it"), "channel ops: slack chat.postMessage: is_archived")
	})
}

// A machine's clock may be minutes off.
func TestSlackFindsAMessageByAnyClock(t *testing.T) {
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		withRig(t, func(t *testing.T, d *rig) {
			d.sim = slacksim.New(slacksim.Config{
				Token: simToken, Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}}, Clock: func() time.Time { return time.Now().Add(-ahead) },
			})
			d.sim.Inject(slacksim.Fault{Kind: slacksim.Drop, Applied: true, Method: slacksim.PostMessage, Count: 1})
			d.start(opsChannel)
			d.update(alerttest.Firing(1))
			d.after(time.Minute)
			require.Len(t, d.messages(), 1, "ahead by %s", ahead)
			d.requireShown("ops")
		})
	}
}

func TestAChannelIsNotToldOfItself(t *testing.T) {
	for part, posts := range map[string][2]int{
		"slack:ops":              {0, 1},
		"slack":                  {0, 0},
		"slack:ops:dead-letters": {1, 1},
		"slack-socket":           {1, 1},
		"nats":                   {1, 1},
	} {
		withRig(t, func(t *testing.T, d *rig) {
			d.start(append(slices.Clone(opsChannel), Channel{Name: "gold", Slack: "C0000000002"}))
			a := alerttest.Firing(1)
			a.Subject, a.Field, a.Channels = phone.Subject{Component: part}, phone.Sink, []string{"gold", "ops"}
			a.Change.Subject, a.Change.Field = a.Subject, a.Field
			d.update(a)
			d.after(time.Minute)
			require.Equal(t, posts, [2]int{len(d.messages()), len(d.sim.Messages("C0000000002"))}, part)
		})
	}
}

// Over a real connection, every way to fail has its class.
func TestSlackErrorsOverARealConnection(t *testing.T) {
	sim := slacksim.New(slacksim.Config{
		Token: simToken, Channels: []slacksim.Channel{{ID: "C0000000001", Name: "wa-ops"}},
		Limits: slacksim.Limits{Posts: slacksim.Rate{Max: -1}},
	})
	server := httptest.NewServer(sim)
	defer server.Close()
	transport := notify.NewTransport()
	api := NewAPI(simToken, server.URL+"/api", transport)
	cases := []struct {
		fault   slacksim.Fault
		want    Class
		unknown bool
	}{
		{slacksim.Fault{Kind: slacksim.Drop, Applied: true}, Transient, true},
		{slacksim.Fault{Kind: slacksim.ServerError}, Transient, true},
		{slacksim.Fault{Kind: slacksim.HTMLPage, Applied: true}, Transient, true},
		{slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 30 * time.Second}, Transient, false},
		{slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: -1}, Transient, false},
		{slacksim.Fault{Kind: slacksim.ServerError, Status: 403}, Transient, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "ratelimited"}, Transient, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "fatal_error"}, Transient, true},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_arguments"}, BadMessage, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "invalid_metadata_schema"}, BadMessage, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "restricted_action_read_only_channel"}, BadChannel, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "ekm_access_denied"}, BadChannel, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "token_revoked"}, BadToken, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "message_not_found"}, Gone, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "cant_update_message"}, Uneditable, false},
		{slacksim.Fault{Kind: slacksim.Refuse, Code: "some_new_error"}, Unrecognized, false},
	}
	card := &card.Card{Mark: card.Mark{Word: "Info", Color: card.Blue}, Title: "hello"}
	for _, c := range cases {
		c.fault.Count = 1
		sim.Inject(c.fault)
		_, err := api.Post(t.Context(), Outgoing{ID: "m-1", Target: "C0000000001", Card: card})
		require.Error(t, err)
		require.Equal(t, c.want, classOf(err), "%+v", c.fault)
		require.Equal(t, c.unknown, asPostError(err).Unknown, "%+v", c.fault)
		require.NotContains(t, err.Error(), simToken)
	}
	_, err := api.Post(t.Context(), Outgoing{Target: "C0000000001", Card: card})
	require.NoError(t, err)
	who, err := api.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, "numwatch@numwatch sim", who)
	server.Close()
	transport.CloseIdleConnections() // else the next call may meet its end instead
	_, err = api.Post(t.Context(), Outgoing{Target: "C0000000001", Card: card})
	require.Equal(t, Transient, classOf(err), "%v", err)
	var asURL *url.Error
	require.ErrorAs(t, err, &asURL)
	require.NotContains(t, err.Error(), simToken)
}

func TestSlackResolvesNames(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		api := NewAPI(simToken, "http://slack.test/api/", simtest.Direct(d.sim))
		id, err := api.Resolve(t.Context(), "#wa-gold")
		require.NoError(t, err)
		require.Equal(t, "C0000000002", id)
		id, err = api.Resolve(t.Context(), "C0999999999")
		require.NoError(t, err)
		require.Equal(t, "C0999999999", id)
		_, err = api.Resolve(t.Context(), "#nowhere")
		require.Equal(t, BadChannel, classOf(err))
		d.sim.SetScopes("chat:write")
		_, err = api.Resolve(t.Context(), "#elsewhere")
		require.Equal(t, BadChannel, classOf(err), "a missing scope to list concerns named channels alone")
	})
}

func TestSlackFollowsAChannelThatMoved(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "channel_not_found", Channel: "C0000000001"})
		d.sink.SetChannels([]Channel{{Name: "ops", Slack: "C0000000002"}})
		a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
		d.update(a)
		d.after(10 * time.Second)
		require.Len(t, d.sim.Messages("C0000000002"), 1, "what is open is shown in the new channel")
		require.NotEqual(t, phone.Parked, d.memory.condition("slack:ops"))
	})
}
