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
	onDesk(t, func(t *testing.T, d *desk) {
		d.start(opsChannel)
		a, b := reminding(1, 24*time.Hour), reminding(2, 24*time.Hour)
		a.Since, b.Since = time.Now(), time.Now()
		d.update(a, b)
		d.after(23 * time.Hour)
		require.Empty(t, d.messages()[0].Replies)
		d.after(time.Hour + time.Minute)
		m := d.messages()[0]
		require.Len(t, m.Replies, 1, "one reply for both")
		require.Contains(t, m.Replies[0].Text, "Still open: 2 of 2")
		require.Contains(t, m.Replies[0].Text, "8613800000001 (Shop 1): QualityRating RED, for 1 d")
		require.Contains(t, texts(t, m.Replies[0].Blocks), "<!subteam^S012>")
		d.after(24 * time.Hour)
		require.Len(t, d.messages()[0].Replies, 2)

		b.Ack = &alert.Ack{By: "kim", At: time.Now()}
		d.update(b)
		d.after(24 * time.Hour)
		m = d.messages()[0]
		require.Len(t, m.Replies, 3)
		require.Contains(t, m.Replies[2].Text, "Still open: 1 of 2")
		require.NotContains(t, m.Replies[2].Text, "8613800000002")
		d.update(alerttest.Resolved(a, time.Now()))
		d.after(72 * time.Hour)
		require.Len(t, d.messages()[0].Replies, 4, "its end, and nothing behind it")
		d.requireShown("ops")
	})
}

func TestBoardReminders(t *testing.T) {
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
			b := opsBoard()
			b.update(alerttest.Firing(1), alerttest.Noon)
			b.posted(b.next("ops", alerttest.Noon, slots{}), "m1", alerttest.Noon)
			b.update(row.a, alerttest.Noon)
			require.Equal(t, row.when, b.next("ops", alerttest.Noon, slots{edit: alerttest.Noon.Add(1000 * day)}).untilReminder(t))
			if row.when.IsZero() {
				return
			}
			busy := slots{post: row.when.Add(time.Second)}
			require.Equal(t, busy.post, b.next("ops", row.when, busy).until)
			a := b.next("ops", row.when, slots{})
			require.Equal(t, reply, a.deed)
			require.True(t, a.remind)

			m := a.message
			m.Alerts = []alert.ShownAlert{{Alert: row.a.ID, Revision: 1, NotifiedRevision: 1, At: row.when}}
			b.put(m)
			require.Equal(t, row.when.Add(row.a.RemindEvery), b.next("ops", row.when, slots{}).until)
		})
	}
}

// untilReminder is when the board looks again, apart from edits.
func (a action) untilReminder(t *testing.T) time.Time {
	t.Helper()
	require.Equal(t, rest, a.deed)
	if a.until.After(alerttest.Noon.Add(900 * 24 * time.Hour)) {
		return time.Time{}
	}
	return a.until
}

// Those that are due a little later are told along, and a restart forgets
// nothing.
func TestBoardRemindsTogether(t *testing.T) {
	a, b, c := reminding(1, 10*time.Hour), reminding(2, 10*time.Hour), reminding(3, 10*time.Hour)
	m := alert.Message{ID: "m1", Channel: "ops", State: alert.Posted, At: alerttest.Noon, Alerts: []alert.ShownAlert{
		{Alert: a.ID, Revision: 1, NotifiedRevision: 1},
		{Alert: b.ID, Revision: 1, NotifiedRevision: 1, At: alerttest.Noon.Add(59 * time.Minute)},
		{Alert: c.ID, Revision: 1, NotifiedRevision: 1, At: alerttest.Noon.Add(61 * time.Minute)},
	}}
	board := newBoard([]string{"ops"}, []alert.Alert{a, b, c}, []alert.Message{m}, alerttest.Noon)
	at := alerttest.Noon.Add(10 * time.Hour)
	require.Equal(t, at, board.next("ops", alerttest.Noon, slots{}).until)
	next := board.next("ops", at, slots{})
	require.Equal(t, reply, next.deed)
	require.Equal(t, []string{a.ID, b.ID}, []string{next.changed[0].ID, next.changed[1].ID})
	require.Len(t, next.changed, 2)
}
