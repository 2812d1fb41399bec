package slack

import (
	"context"
	"errors"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/internal/sim/simtest"
	slacksim "numwatch/internal/sim/slack"
	"numwatch/phone"
)

// refuser refuses every reply.
type refuser struct{ Poster }

func (p *refuser) Post(ctx context.Context, m Outgoing) (string, error) {
	if m.Thread != "" {
		return "", classifyReply("chat.postMessage", slackgo.SlackErrorResponse{Err: "cannot_reply_to_message"})
	}
	return p.Poster.Post(ctx, m)
}

// A reply that Slack does not take as a message is given up too, and the next one
// is tried.
func TestAReplyThatIsNoGoodIsGivenUp(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Count: 2, Method: slacksim.PostMessage})
		a.Revision, a.Notified, a.Transition = 2, 2, alert.GotWorse
		d.update(a)
		d.after(10 * time.Second)
		require.Empty(t, d.messages()[0].Replies)
		require.Len(t, d.messages()[0].Edits, 1)
		d.update(alerttest.Resolved(a, time.Now()))
		d.after(10 * time.Second)
		require.Len(t, d.messages()[0].Replies, 1)
		require.Contains(t, d.messages()[0].Text, "Resolved: ")
		require.Empty(t, d.dead())
		d.requireShown("ops")
	})
}

// reopened returns a resolved alert as open again.
func reopened(a alert.Alert) alert.Alert {
	a.State, a.Transition, a.Changed, a.Closing = alert.Firing, alert.Reopened, time.Now(), ""
	a.Change.Old, a.Change.New = a.Change.New, a.Change.Old
	a.Revision++
	a.Notified = a.Revision
	return a
}

// movedTo returns what moves an open alert to another value.
func movedTo(t alert.Transition, value string) func(alert.Alert) alert.Alert {
	return func(a alert.Alert) alert.Alert {
		a.Transition, a.Change.Old, a.Change.New = t, a.Change.New, value
		a.Revision++
		a.Notified = a.Revision
		return a
	}
}

// What a refused reply said nobody has heard: the next word is told by what people know.
func TestPeopleHaveNotHeardARefusedReply(t *testing.T) {
	type told struct{ broadcast, quiet int }
	for name, test := range map[string]struct {
		refused func(a alert.Alert) alert.Alert // what the refused reply is about
		next    func(a alert.Alert) alert.Alert
		want    told
	}{
		"an end, and it comes back: they know it to be open": {
			resolvedNow, reopened, told{},
		},
		"an end, and another end": {
			resolvedNow,
			func(a alert.Alert) alert.Alert { return alerttest.Resolved(reopened(a), time.Now()) },
			told{quiet: 1},
		},
		"something joined, and got better: that it is open is new": {blockedBeside, movedTo(alert.GotBetter, "RESTRICTED"), told{broadcast: 1}},
		"something joined, and ended: they never knew": {
			blockedBeside, resolvedNow, told{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				p := &threadless{}
				d.between = func(o *Options) { p.Poster, o.Poster = o.Poster, p }
				d.start(opsChannel)
				a := alerttest.Firing(1)
				d.update(a)
				d.after(10 * time.Second)
				p.code = "msg_too_long"
				b := test.refused(a)
				d.update(b)
				d.after(time.Hour)
				require.Equal(t, 2, p.refused, "once with blocks and once as plain text")
				require.NotEmpty(t, d.messages()[0].Edits, "the message shows it")
				p.code = ""
				d.update(test.next(b))
				d.after(time.Minute)
				require.Len(t, d.messages(), 1)
				var got told
				for _, r := range d.messages()[0].Replies {
					if r.Args.Get("reply_broadcast") == "true" {
						got.broadcast++
					} else {
						got.quiet++
					}
				}
				require.Equal(t, test.want, got)
			})
		})
	}
}

// A reminder that is refused is tried when the next one is due.
func TestARefusedReminderWaitsForTheNextOne(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := alerttest.Firing(1)
		a.Since, a.RemindEvery = time.Now(), time.Hour
		d.update(a)
		d.after(time.Minute)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Method: slacksim.PostMessage})
		d.after(150 * time.Minute)
		d.mu.Lock()
		require.Equal(t, 1+4, d.points["post:before"], "two reminders, each also as plain text")
		d.mu.Unlock()
		d.sim.ClearFaults()
		d.after(time.Hour)
		require.Len(t, d.messages()[0].Replies, 1)
	})
}

// What comes after a message that Slack refused is posted, as nobody has heard of it.
func TestWhatComesAfterADeadLetterIsPosted(t *testing.T) {
	for name, test := range map[string]struct {
		then []func(a alert.Alert) alert.Alert
		want int
	}{
		"nothing":       {nil, 0},
		"it ends":       {[]func(alert.Alert) alert.Alert{resolvedNow}, 0},
		"it comes back": {[]func(alert.Alert) alert.Alert{resolvedNow, reopened}, 1},
		"it gets worse": {[]func(alert.Alert) alert.Alert{movedTo(alert.GotWorse, "BLACK")}, 1},
		"it flaps": {[]func(alert.Alert) alert.Alert{resolvedNow, func(a alert.Alert) alert.Alert {
			a = reopened(a)
			a.Flapping, a.Notified = true, a.Notified-1
			return a
		}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.start(opsChannel)
				d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Method: slacksim.PostMessage})
				a := alerttest.Firing(1)
				d.update(a)
				d.after(time.Minute)
				require.Len(t, d.dead(), 1)
				d.sim.ClearFaults()
				d.halt()
				d.start(opsChannel)
				for _, then := range test.then {
					a = then(a)
					d.update(a)
					d.after(time.Minute)
				}
				require.Len(t, d.messages(), test.want)
				require.Len(t, d.dead(), 1, "until somebody retries it")
			})
		})
	}
}

// So is what happened while it was refused.
func TestWhatHappensWhileAMessageIsRefusedIsPosted(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		a := alerttest.Firing(1)
		d.between = func(o *Options) {
			o.Recorder = &midway{o.Recorder, func() { d.update(blockedBeside(a)) }}
		}
		d.start(opsChannel)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "msg_too_long", Count: 2, Method: slacksim.PostMessage})
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.dead(), 1)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "BANNED")
	})
}

// A message that may be neither edited nor replied to is given up: what is open
// is posted anew.
func TestAMessageThatCannotChangeIsPostedAnew(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.between = func(o *Options) { o.Poster = &refuser{o.Poster} }
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(time.Second)
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "cant_update_message", Method: slacksim.Update})
		a.Revision, a.Notified, a.Transition, a.Change.New = 2, 2, alert.GotWorse, "BLACK"
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages(), 2)
		require.Contains(t, texts(t, d.messages()[1].Blocks), "BLACK")
	})
}

// lostAnswer loses the answer to the first post.
type lostAnswer struct {
	Poster
	posts int
}

func (p *lostAnswer) Post(ctx context.Context, m Outgoing) (string, error) {
	ts, err := p.Poster.Post(ctx, m)
	if p.posts++; p.posts == 1 {
		return "", errors.New("lost answer")
	}
	return ts, err
}

// A history that hangs holds up nothing either.
func TestAHistoryThatHangsHoldsUpNothingElse(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		poster := &lostAnswer{}
		d.between = func(o *Options) { poster.Poster, o.Poster = o.Poster, poster }
		d.start(opsChannel)
		d.sim.Inject(slacksim.Fault{Latency: 20 * time.Second, Method: slacksim.History})
		d.update(inSpace(alerttest.Firing(1), 1))
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 1, "whether it may be read is asked for no longer than that")
		d.update(inSpace(alerttest.Firing(2), 2))
		d.after(2 * time.Second)
		require.Len(t, d.messages(), 2)
	})
}

// Without the history scopes a channel is parked, and says what to do.
func TestAChannelWhoseHistoryMayNotBeReadIsParked(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.SetScopes("chat:write", "channels:read")
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(10 * time.Second)
		require.Empty(t, d.messages())
		require.Equal(t, phone.Parked, d.memory.condition("slack:ops"))
		require.Contains(t, d.memory.reason("slack:ops"), "channels:history and groups:history")
		require.Contains(t, d.sink.Status().Channels[0].Parked, "install it again")
		d.sim.SetScopes("chat:write", "channels:read", "channels:history")
		d.after(5 * time.Minute)
		require.Equal(t, phone.OK, d.memory.condition("slack:ops"))
		d.requireShown("ops")
	})
}

// What keeps the history from being read at the moment keeps nobody from posting.
func TestAHistoryThatFailsParksNothing(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.sim.Inject(slacksim.Fault{Kind: slacksim.Refuse, Code: "internal_error", Method: slacksim.History})
		d.start(opsChannel)
		d.update(alerttest.Firing(1))
		d.after(2 * time.Second)
		require.Len(t, d.messages(), 1)
		d.requireShown("ops")
	})
}

// Messages without an answer from before a channel moved are looked for where
// they were posted.
func TestMessagesAreLookedForWhereTheyWerePosted(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		api := NewAPI(simToken, "http://slack.test/api/", simtest.Direct(d.sim))
		for i, target := range []string{"C0000000001", "C0000000002"} {
			a := inSpace(alerttest.Firing(i), i)
			d.update(a)
			m := alert.Message{
				ID: "m-" + target, Channel: "ops", Target: target, State: alert.Sending, At: time.Now(),
				Alerts: []alert.ShownAlert{alerttest.Shown(a)},
			}
			d.memory.putMessages(m)
			_, err := api.Post(t.Context(), Outgoing{ID: m.ID, Target: target, Card: testCards().Message([]alert.Alert{a}, time.Now())})
			require.NoError(t, err)
		}
		d.start(opsChannel)
		d.after(10 * time.Second)
		require.Len(t, d.messages(), 1)
		require.Len(t, d.sim.Messages("C0000000002"), 1)
		for _, m := range d.memory.keptMessages() {
			require.Equal(t, alert.Posted, m.State)
			require.Equal(t, "m-"+m.Target, m.ID)
		}
	})
}
