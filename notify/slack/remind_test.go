package slack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/alert/alerttest"
)

func reminding(i int, every time.Duration) alert.Alert {
	a := alerttest.Firing(i)
	a.RemindEvery = every
	return a
}

func TestSlackRemindsOfWhatNobodyTakes(t *testing.T) {
	withRig(t, func(t *testing.T, d *rig) {
		d.start(opsChannel)
		a, b := reminding(1, 24*time.Hour), reminding(2, 24*time.Hour)
		a.Since, b.Since, a.Changed, b.Changed = time.Now(), time.Now(), time.Now(), time.Now()
		d.update(a, b)
		d.after(23 * time.Hour)
		require.Empty(t, d.messages()[0].Replies)
		d.after(time.Hour + time.Minute)
		m := d.messages()[0]
		require.Len(t, m.Replies, 1, "one reply for both")
		require.Contains(t, m.Replies[0].Text, "Still open: 8613800000001 Shop 1 and 8613800000002 Shop 2: 2 of 2 numbers of Acme")
		require.Contains(t, m.Replies[0].Text, "8613800000001 Shop 1: QualityRating RED for 1 d")
		require.Contains(t, texts(t, m.Replies[0].Blocks), "<!subteam^S012>")
		d.after(24 * time.Hour)
		require.Len(t, d.messages()[0].Replies, 2)

		b.Ack = &alert.Ack{By: "kim", At: time.Now()}
		d.update(b)
		d.after(24 * time.Hour)
		m = d.messages()[0]
		require.Len(t, m.Replies, 3)
		require.Contains(t, m.Replies[2].Text, "Still open: 8613800000001 Shop 1: QualityRating RED for 3 d")
		require.NotContains(t, m.Replies[2].Text, "8613800000002")
		d.update(alerttest.Resolved(a, time.Now()))
		d.after(72 * time.Hour)
		require.Len(t, d.messages()[0].Replies, 4, "its end, and nothing behind it")
		d.requireShown("ops")
	})
}

func TestPlanReminders(t *testing.T) {
	const day = 24 * time.Hour
	silent := func(change func(*alert.Alert)) alert.Alert {
		a := reminding(1, day)
		change(&a)
		return a
	}
	for name, row := range map[string]struct {
		a    alert.Alert
		when time.Time // zero: never
	}{
		"open":       {reminding(1, day), alerttest.Noon.Add(day)},
		"no key":     {alerttest.Firing(1), time.Time{}},
		"taken":      {silent(func(a *alert.Alert) { a.Ack = &alert.Ack{By: "kim"} }), time.Time{}},
		"held":       {silent(func(a *alert.Alert) { a.HeldBy = []string{"mute:nights"} }), time.Time{}},
		"closed":     {silent(func(a *alert.Alert) { a.State = alert.Resolved }), time.Time{}},
		"once":       {silent(func(a *alert.Alert) { a.State = alert.Ended }), time.Time{}},
		"reopened":   {silent(func(a *alert.Alert) { a.Since = alerttest.Noon.Add(time.Hour) }), alerttest.Noon.Add(day + time.Hour)},
		"every hour": {reminding(1, time.Hour), alerttest.Noon.Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			b := opsPaper()
			b.update(alerttest.Firing(1), alerttest.Noon)
			b.posted(b.post(alerttest.Noon, whenever), "m1", alerttest.Noon)
			b.update(row.a, alerttest.Noon)
			require.Equal(t, row.when, b.post(alerttest.Noon, whenever).until)
			if row.when.IsZero() {
				return
			}
			busy := row.when.Add(time.Second)
			require.Equal(t, busy, b.post(row.when, busy).until)
			a := b.post(row.when, whenever)
			require.Equal(t, reply, a.kind)
			require.True(t, a.remind)

			m := *a.messages[0]
			m.Alerts = afterReply(&m, a.told, row.when)
			b.put(m)
			require.Equal(t, row.when.Add(row.a.RemindEvery), b.post(row.when, whenever).until)
		})
	}
}

// Those that are due a little later are told along, and a restart forgets
// nothing.
func TestPlanRemindsTogether(t *testing.T) {
	a, b, c := reminding(1, 10*time.Hour), reminding(2, 10*time.Hour), reminding(3, 10*time.Hour)
	m := alert.Message{ID: "m1", Channel: "ops", State: alert.Posted, At: alerttest.Noon, Alerts: []alert.ShownAlert{
		alerttest.Shown(a), alerttest.Shown(b), alerttest.Shown(c),
	}}
	m.Alerts[1].At, m.Alerts[2].At = alerttest.Noon.Add(59*time.Minute), alerttest.Noon.Add(61*time.Minute)
	p := onPaper([]string{"ops"}, []alert.Alert{a, b, c}, m)
	at := alerttest.Noon.Add(10 * time.Hour)
	require.Equal(t, at, p.post(alerttest.Noon, whenever).until)
	next := p.post(at, whenever)
	require.Equal(t, reply, next.kind)
	require.Equal(t, []string{a.ID, b.ID}, []string{next.changed[0].ID, next.changed[1].ID})
	require.Len(t, next.changed, 2)
}
