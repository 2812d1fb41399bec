package slack

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
	slacksim "numwatch/internal/sim/slack"
)

// logged is a log of transitions.
type logged struct {
	mu     sync.Mutex
	events []alert.Event
}

func (l *logged) add(alerts ...alert.Alert) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range alerts {
		l.events = append(l.events, alert.Event{Seq: uint64(len(l.events) + 1), Time: a.Changed, Kind: alert.KindAlert, Change: a.Change, Alert: &a})
	}
}

func (l *logged) ReadLog(from uint64, limit int) ([]alert.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.events[min(int(from-1), len(l.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (l *logged) LastSeq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.events))
}

// daily is the channel of the rig with a digest at nine. Simulated time begins at midnight.
func daily() []Channel {
	nine := &alert.Schedule{Location: time.UTC, At: []alert.DayTime{{Days: [7]bool{true, true, true, true, true, true, true}, Minute: 9 * 60}}}
	return []Channel{{Name: "ops", Slack: "C0000000001", Mention: []string{"<!subteam^S012>"}, Digest: nine}}
}

// firingNow is an alert that opens now.
func firingNow(i int) alert.Alert {
	a := alerttest.Firing(i)
	a.Since, a.Changed, a.RemindEvery = time.Now(), time.Now(), time.Hour
	return a
}

func TestDigestComesOnceADay(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(daily())
		d.after(time.Hour)
		a, b := firingNow(1), firingNow(2)
		d.update(a, b)
		d.after(time.Hour)
		d.update(alerttest.Resolved(b, time.Now()))
		d.after(6*time.Hour + 59*time.Minute)
		require.Empty(t, d.messages(), "no single messages, and no reminders")

		d.after(2 * time.Minute)
		require.Len(t, d.messages(), 1)
		m := d.messages()[0]
		require.Contains(t, m.Text, "Digest: 2 opened and 1 ended in 9 h, 1 open now, the worst critical")
		require.Contains(t, m.Text, "QualityRating GREEN, was RED, after 1 h")
		require.Contains(t, texts(t, m.Blocks), "<!subteam^S012>")

		d.update(alerttest.Resolved(a, time.Now()))
		d.after(24 * time.Hour)
		require.Len(t, d.messages(), 2)
		require.Contains(t, d.messages()[1].Text, "Digest: 0 opened and 1 ended in 1 d, nothing is open")
		d.after(24 * time.Hour)
		require.Len(t, d.messages(), 3)
		require.Equal(t, "Digest: nothing happened in 1 d, and nothing is open", d.messages()[2].Text)
		require.NotContains(t, texts(t, d.messages()[2].Blocks), "subteam", "nobody is called for nothing")
		require.Empty(t, d.messages()[0].Replies)
		require.Len(t, d.memory.keptMessages(), 1, "only the last one is needed")
		require.NotEmpty(t, d.memory.forgot(), "closed alerts wait for no digest")
	})
}

// A bot that does not run when a digest is due posts it, once, when it runs again.
func TestDigestThatWasMissed(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(daily())
		d.after(8 * time.Hour)
		d.update(firingNow(1))
		d.halt()
		d.after(50 * time.Hour)
		d.start(daily())
		d.after(time.Hour)
		require.Len(t, d.messages(), 1)
		require.Contains(t, d.messages()[0].Text, "Digest: 1 opened and 0 ended in 2 d 10 h, 1 open now")
		require.Contains(t, d.messages()[0].Text, "From: 2000-01-01 00:00 UTC\nTo: 2000-01-03 10:00 UTC")
		d.after(22 * time.Hour)
		require.Len(t, d.messages(), 2, "and the next at its time")
	})
}

// Killed at each side effect, the next process posts what is missing and nothing twice:
// every event is in one digest.
func TestDigestCrashesAtEverySideEffect(t *testing.T) {
	times := []int{1, 2, 3}
	if testing.Short() {
		times = times[:1]
	}
	for _, point := range []string{"post:before", "post:after"} {
		for _, n := range times {
			t.Run(fmt.Sprint(point, " ", n), func(t *testing.T) {
				withRig(t, func(t *testing.T, d *rig) {
					d.start(nil)
					d.crashAt(point, n)
					d.sink.SetChannels(daily())
					for i := range 4 {
						d.after(12 * time.Hour)
						d.update(firingNow(i))
						for range 12 {
							d.after(time.Hour)
							d.riseOnceDead(daily())
						}
					}
					d.after(12 * time.Hour)
					opened := 0
					for _, m := range d.messages() {
						var here int
						_, err := fmt.Sscanf(m.Text, "Digest: %d opened", &here)
						if err == nil {
							opened += here
						}
					}
					require.Equal(t, 4, opened)
					require.Len(t, d.messages(), 5, "one each morning")
				})
			})
		}
	}
}

// A lost answer is looked for in the channel before anything is posted again.
func TestDigestWithoutAnAnswer(t *testing.T) {
	for name, fault := range map[string]slacksim.Fault{
		"posted": {Method: "chat.postMessage", Kind: slacksim.Drop, Applied: true, Count: 1}, "not posted": {Method: "chat.postMessage", Kind: slacksim.Drop, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.start(daily())
				d.after(8 * time.Hour)
				d.update(firingNow(1))
				d.sim.Inject(fault)
				d.after(5 * time.Hour)
				require.Len(t, d.messages(), 1)
				require.Contains(t, d.messages()[0].Text, "Digest: 1 opened")
				d.after(24 * time.Hour)
				require.Len(t, d.messages(), 2)
			})
		})
	}
}

// What Slack refuses for good is a dead letter. The next digest is about its time too, and
// it can be tried again before.
func TestDigestThatSlackRefuses(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("again ", again), func(t *testing.T) {
			withRig(t, func(t *testing.T, d *rig) {
				d.start(daily())
				d.after(8 * time.Hour)
				d.update(firingNow(1))
				d.sim.Inject(slacksim.Fault{Method: "chat.postMessage", Kind: slacksim.Refuse, Code: "invalid_blocks", Count: 2}) // with blocks, and as text
				d.after(2 * time.Hour)
				require.Empty(t, d.messages())
				require.Len(t, d.dead(), 1)
				require.Equal(t, "PARKED", d.memory.condition("slack:ops:dead-letters"))
				want := "Digest: 1 opened and 0 ended in 1 d 9 h"
				if again {
					require.NoError(t, d.sink.RetryDead(t.Context(), d.dead()[0].ID))
					d.after(time.Minute)
					want = "Digest: 1 opened and 0 ended in 10 h"
				} else {
					d.after(24 * time.Hour)
				}
				require.Len(t, d.messages(), 1)
				require.Contains(t, d.messages()[0].Text, want)
				d.after(2 * time.Minute)
				require.Empty(t, d.dead())
				require.Equal(t, "OK", d.memory.condition("slack:ops:dead-letters"))
			})
		})
	}
}

// A channel may come to get digests, and get messages again.
func TestChannelChangesItsMode(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a := firingNow(1)
		d.update(a)
		d.after(time.Minute)
		require.Len(t, d.messages(), 1)
		d.sink.SetChannels(daily())
		b := inSpace(firingNow(2), 2)
		d.update(b, alerttest.Resolved(a, time.Now()))
		d.after(6 * time.Hour)
		require.Len(t, d.messages(), 1)
		require.Empty(t, d.messages()[0].Replies)
		require.Contains(t, d.memory.forgot(), a.ID, "no message holds it back")
		d.sink.SetChannels(opsChannel)
		d.after(6 * time.Hour)
		require.Len(t, d.messages(), 2, "what is open is shown, and no digest comes")
		require.Contains(t, d.messages()[1].Text, b.Subject.PhoneNumber)
		d.sink.SetChannels(daily())
		d.after(24 * time.Hour)
		require.Contains(t, d.messages()[2].Text, "Digest: 0 opened and 0 ended in 20 h 59 min", "it begins anew")
	})
}

func TestDigestOfAChannelThatIsNotThere(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		d.after(time.Minute)
		d.sink.SetChannels(append([]Channel{{Name: "managers", Slack: "#nowhere", Digest: daily()[0].Digest}}, opsChannel...))
		d.after(time.Minute)
		require.Equal(t, "PARKED", d.memory.condition("slack:managers"), "whoever edits the rules hears at once")
	})
}

// What must be heard although nothing can be stored does not wait for digests, and is no
// business of those who read them.
func TestAnnouncementsAreForChannelsThatShowAlerts(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(append([]Channel{{Name: "gold", Slack: "C0000000002"}}, daily()...))
		require.NoError(t, d.sink.Announce(t.Context(), "the disk is full"))
		require.Empty(t, d.messages())
		require.Len(t, d.sim.Messages("C0000000002"), 1)
	})
}

func TestDigestWhereTheClockIsSet(t *testing.T) {
	noon := alerttest.Noon
	digest := func(until time.Time) alert.Message {
		return alert.Message{ID: "m-1", Channel: "ops", State: alert.Posted, At: until, Digest: &alert.Digest{From: until, Until: until, After: 7, Seq: 7}}
	}
	next := func(until, now time.Time) action {
		m := digest(until)
		p := onPaper(nil, nil, m)
		p.activate(daily(), now)
		return p.next("ops", posting, now, time.Time{})
	}
	require.Equal(t, sumUp, next(noon.Add(-24*time.Hour), noon).kind, "due since nine")
	require.Equal(t, idle, next(noon, noon.Add(-2*time.Hour)).kind, "set back by hours: it is not due twice")
	require.Equal(t, idle, next(noon, noon.Add(-6*time.Hour)).kind)
	require.Equal(t, noon.Add(time.Minute), next(noon, noon).until, "the clock is looked at again soon")
	far := next(noon.AddDate(1, 0, 0), noon)
	require.Equal(t, sumUp, far.kind, "a clock that was a year ahead keeps no digest from coming")
	require.True(t, far.since.Until.IsZero())
	require.Equal(t, uint64(7), far.since.Seq, "and what was told is not told again")
}

// A digest that cannot be committed as being sent is not posted.
func TestDigestThatCannotBeStored(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(daily())
		d.after(8 * time.Hour)
		d.memory.mu.Lock()
		d.memory.fail = func(alert.DeliveryUpdate) error { return errors.New("disk full") }
		d.memory.mu.Unlock()
		d.after(3 * time.Hour)
		require.Empty(t, d.messages())
		d.memory.mu.Lock()
		d.memory.fail = nil
		d.memory.mu.Unlock()
		d.after(2 * time.Minute)
		require.Len(t, d.messages(), 1)
	})
}
