package view_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

func messageIDs(messages []*alert.Message) (ids []string) {
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestMessagesAreFoundByTheAlertsThatTheyShow(t *testing.T) {
	w := newTestbed(t)
	shows := func(id string, alerts ...string) alert.Message {
		m := alert.Message{ID: id, State: alert.Posted}
		for _, a := range alerts {
			m.Alerts = append(m.Alerts, alert.ShownAlert{Incident: a})
		}
		return m
	}
	w.commit(t, &store.Commit{Messages: []alert.Message{shows("m-1", "i-1", "i-2"), shows("m-2", "i-2")}})
	require.Equal(t, []string{"m-1", "m-2"}, messageIDs(w.view.MessagesOf("i-2")))
	before := w.view.MessagesOf("i-2")

	w.commit(t, &store.Commit{Messages: []alert.Message{shows("m-1", "i-1")}})
	require.Equal(t, []string{"m-2"}, messageIDs(w.view.MessagesOf("i-2")))
	require.Equal(t, []string{"m-1"}, messageIDs(w.view.MessagesOf("i-1")))
	require.Equal(t, []string{"m-1", "m-2"}, messageIDs(before), "what a reader holds must not change")

	w.commit(t, &store.Commit{DropMessages: []string{"m-2"}})
	require.Empty(t, w.view.MessagesOf("i-2"))
	_, ok := w.view.Message("m-2")
	require.False(t, ok)
	m, ok := w.view.Message("m-1")
	require.True(t, ok)
	require.Equal(t, "m-1", m.ID)
	require.Len(t, w.view.Messages(), 1)
}

func TestDeadLettersOldestFirst(t *testing.T) {
	w := newTestbed(t)
	w.commit(t, &store.Commit{Messages: []alert.Message{
		{ID: "m-1", State: alert.Dead, At: noon.Add(time.Hour)}, {ID: "m-2", State: alert.Posted, At: noon}, {ID: "m-3", State: alert.Dead, At: noon},
	}})
	require.Equal(t, []string{"m-3", "m-1"}, messageIDs(w.view.DeadLetters()))
}

func TestConditionsAndSilencesFollowCommits(t *testing.T) {
	w := newTestbed(t)
	parked := phone.Condition{Subject: phone.Subject{Component: "nats"}, Field: phone.Sink, Value: phone.Parked, Since: noon}
	w.commit(t, &store.Commit{Conditions: []phone.Condition{parked}, Silences: []alert.Silence{{ID: "s-1", Until: noon}}})
	for range 2 { // by the commit, and by the store
		require.Equal(t, []phone.Condition{parked}, w.view.Conditions())
		s, ok := w.view.Silence("s-1")
		require.True(t, ok)
		require.Equal(t, "s-1", s.ID)
		w.reopen(t)
	}
	parked.Value = phone.OK
	w.commit(t, &store.Commit{Conditions: []phone.Condition{parked}, DropSilences: []string{"s-1"}})
	require.Empty(t, w.view.Conditions())
	_, ok := w.view.Silence("s-1")
	require.False(t, ok)
}

func TestAlertByID(t *testing.T) {
	w := newTestbed(t)
	w.commit(t, &store.Commit{Alerts: []alert.Alert{{ID: "i-1", Rule: "red"}}})
	a, ok := w.view.Alert("i-1")
	require.True(t, ok)
	require.Equal(t, "red", a.Rule)
	_, ok = w.view.Alert("i-2")
	require.False(t, ok)
}
