package slack

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	"numwatch/notify"
	"numwatch/phone"
)

// slowResolver takes a while to find a channel.
type slowResolver struct{ Poster }

func (p *slowResolver) Resolve(ctx context.Context, channel string) (string, error) {
	sleep(ctx, 5*time.Second)
	return p.Poster.Resolve(ctx, channel)
}

// blockedBeside is another critical alert of the same incident.
func blockedBeside(a alert.Alert) alert.Alert {
	b := a
	b.ID, b.Rule, b.Field = a.ID+"-status", "status-blocked", phone.Status
	b.Change.Field, b.Change.Old, b.Change.New, b.Before = phone.Status, "CONNECTED", "BANNED", "CONNECTED"
	b.Summary = alert.Text{"BANNED: ", a.Subject.PhoneNumber}
	return b
}

func resolvedNow(a alert.Alert) alert.Alert { return alerttest.Resolved(a, time.Now()) }

// meanwhile is what may happen to an alert on the way, and what is then said of it.
var meanwhile = map[string]struct {
	then func(a alert.Alert) alert.Alert
	text string
}{
	"it ends":       {resolvedNow, "recovered"},
	"another joins": {blockedBeside, "BANNED"},
}

// What happens while the channel is being resolved is in the post.
func TestAPostShowsWhatIsTrueOnceItsChannelIsFound(t *testing.T) {
	for name, test := range meanwhile {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.between = func(o *Options) { o.Poster = &slowResolver{o.Poster} }
				d.start(opsChannel)
				a := alerttest.Firing(1)
				d.update(a)
				d.after(time.Second)
				d.update(test.then(a))
				d.after(time.Minute)
				require.Len(t, d.messages(), 1, "an incident is one message")
				require.Contains(t, d.messages()[0].Text, test.text)
				require.Empty(t, d.messages()[0].Replies)
				d.requireShown("ops")
			})
		})
	}
}

// midway lets something happen before a message is first recorded.
type midway struct {
	notify.Recorder
	then func()
}

func (m *midway) Record(ctx context.Context, u alert.DeliveryUpdate) error {
	if then := m.then; then != nil && len(u.Messages) > 0 {
		m.then = nil
		then()
	}
	return m.Recorder.Record(ctx, u)
}

// What happens once a post has been written is told in its thread.
func TestWhatHappensWhileAPostGoesOutIsTold(t *testing.T) {
	for name, test := range meanwhile {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				a := alerttest.Firing(1)
				d.between = func(o *Options) {
					o.Recorder = &midway{o.Recorder, func() { d.update(test.then(a)) }}
				}
				d.start(opsChannel)
				d.update(a)
				d.after(time.Minute)
				require.Len(t, d.messages(), 1, "an incident is one message")
				require.Len(t, d.messages()[0].Replies, 1)
				require.Contains(t, d.messages()[0].Replies[0].Text, test.text)
				require.Contains(t, d.messages()[0].Text, test.text)
				d.requireShown("ops")
			})
		})
	}
}
