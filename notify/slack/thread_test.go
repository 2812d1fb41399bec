package slack

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/phone"
)

// threadless is a Slack that refuses replies with a code: all of them, or those
// into the first thread that is replied to.
type threadless struct {
	Poster
	code      string
	onlyFirst bool
	first     string
	refused   int // replies
}

func (p *threadless) Post(ctx context.Context, m Outgoing) (string, error) {
	if m.Thread != "" && p.code != "" && (!p.onlyFirst || p.first == "" || p.first == m.Thread) {
		p.first = m.Thread
		p.refused++
		return "", classifyReply("chat.postMessage", slack.SlackErrorResponse{Err: p.code})
	}
	return p.Poster.Post(ctx, m)
}

// A refused reply is given up; the message itself is edited to what is true.
func TestSlackEditsTheMessageWhereItMayNotReply(t *testing.T) {
	for _, code := range []string{"cannot_reply_to_message", "thread_not_found", "restricted_action_non_threadable_channel"} {
		t.Run(code, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.between = func(o *Options) { o.Poster = &threadless{Poster: o.Poster, code: code} }
				d.start(opsChannel)
				a := alerttest.Firing(1)
				d.update(a)
				d.after(time.Second)
				d.update(alerttest.Resolved(a, time.Now()))
				d.after(time.Minute)
				require.Len(t, d.messages(), 1)
				require.Contains(t, d.messages()[0].Text, "Resolved")
				require.Empty(t, d.messages()[0].Replies)
				require.Empty(t, d.dead())
				require.NotEqual(t, phone.Parked, d.memory.condition("slack:ops"))
			})
		})
	}
}

// A locked thread concerns its own message: the channel goes on at once, days
// later too, and the message is edited in place from then on.
func TestSlackGoesOnBesideALockedThread(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.between = func(o *Options) {
			o.Poster = &threadless{Poster: o.Poster, code: "restricted_action_thread_locked", onlyFirst: true}
		}
		d.start(opsChannel)
		a := inSpace(alerttest.Firing(1), 1)
		d.update(a)
		d.after(time.Second)
		a = alerttest.Worsened(a)
		d.update(a)
		d.after(10 * time.Second)
		for i := range 3 {
			d.after(time.Duration(i) * 47 * time.Second)
			before := len(d.messages())
			d.update(inSpace(alerttest.Firing(10+i), 10+i))
			d.after(3 * time.Second)
			require.Len(t, d.messages(), before+1, "the channel goes on")
		}
		d.update(alerttest.Resolved(a, time.Now()))
		d.after(time.Minute)
		require.Contains(t, d.messages()[0].Text, "Resolved")
		require.NotEqual(t, phone.Parked, d.memory.condition("slack:ops"))
	})
}

// Something critical that joins, or comes back after its end was told, is posted anew
// where its message's thread is locked: an edit would notify nobody.
func TestWhatMattersIsPostedWhereTheThreadIsLocked(t *testing.T) {
	for name, then := range map[string]func(d *rig, p *threadless, a alert.Alert){
		"another joins": func(d *rig, p *threadless, a alert.Alert) {
			p.code = "restricted_action_thread_locked"
			d.update(blockedBeside(a))
		},
		"it comes back": func(d *rig, p *threadless, a alert.Alert) {
			a = alerttest.Resolved(a, time.Now())
			d.update(a)
			d.after(10 * time.Second)
			p.code = "restricted_action_thread_locked"
			a.State, a.Transition, a.Changed = alert.Firing, alert.Reopened, time.Now()
			a.Revision, a.Notified = 3, 3
			d.update(a)
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				p := &threadless{onlyFirst: true}
				d.between = func(o *Options) { p.Poster, o.Poster = o.Poster, p }
				d.start(opsChannel)
				a := alerttest.Firing(1)
				d.update(a)
				d.after(10 * time.Second)
				then(d, p, a)
				d.after(time.Minute)
				require.Len(t, d.messages(), 2)
				require.Contains(t, d.messages()[1].Text, "critical")
			})
		})
	}
}

// What flaps is not posted again and again where the thread is locked, but once it settles.
func TestWhatFlapsIsPostedOnceWhereTheThreadIsLocked(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.between = func(o *Options) {
			o.Poster = &threadless{Poster: o.Poster, code: "restricted_action_thread_locked", onlyFirst: true}
		}
		d.start(opsChannel)
		a := alerttest.Firing(1)
		d.update(a)
		d.after(10 * time.Second)
		a = alerttest.Resolved(a, time.Now())
		d.update(a)
		d.after(10 * time.Second)
		a.State, a.Transition, a.Changed, a.Flapping = alert.Firing, alert.Reopened, time.Now(), true
		a.Revision++
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
		require.NotContains(t, d.messages()[0].Text, "Resolved")
		a.Transition, a.Changed, a.Flapping = alert.Settled, time.Now(), false
		a.Revision++
		a.Notified = a.Revision
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages(), 2)
	})
}

// unanswered loses the answer to the first post, which Slack has taken, and
// cannot read the history until mended.
type unanswered struct {
	Poster
	posts  int
	mended atomic.Bool
}

func (p *unanswered) Post(ctx context.Context, m Outgoing) (string, error) {
	p.posts++
	ts, err := p.Poster.Post(ctx, m)
	if p.posts == 1 {
		return "", errors.New("the answer was lost")
	}
	return ts, err
}

func (p *unanswered) Find(ctx context.Context, q Query) (map[string]string, error) {
	if !p.mended.Load() {
		return nil, classify("conversations.history", slack.SlackErrorResponse{Err: "internal_error"})
	}
	return p.Poster.Find(ctx, q)
}

// An unknown outcome holds up its own alerts only, and those as long as it is
// not known.
func TestSlackGoesOnBesideAnUnknownOutcome(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		var slack *unanswered
		d.between = func(o *Options) {
			slack = &unanswered{Poster: o.Poster}
			o.Poster = slack
		}
		d.start(opsChannel)
		d.update(inSpace(alerttest.Firing(1), 1))
		d.after(5 * time.Second)
		d.update(inSpace(alerttest.Firing(2), 2))
		d.after(5 * time.Second)
		require.Len(t, d.messages(), 2)
		sending := 0
		for _, m := range d.memory.keptMessages() {
			if m.State == alert.Sending {
				sending++
			}
		}
		require.Equal(t, 1, sending)
		slack.mended.Store(true)
		d.after(5 * time.Minute)
		d.requireShown("ops")
		require.Len(t, d.messages(), 2, "nothing was posted twice")
	})
}
