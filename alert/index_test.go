package alert_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

func showing(id string, incidents ...string) *alert.Message {
	m := &alert.Message{ID: id}
	for _, a := range incidents {
		m.Alerts = append(m.Alerts, alert.ShownAlert{Incident: a})
	}
	return m
}

func TestMessages(t *testing.T) {
	var all alert.Messages
	require.Empty(t, all.All())
	first, second := showing("m-1", "i-1", "i-2"), showing("m-2", "i-2")
	all.Put(first)
	all.Put(second)
	held := all.Of("i-2")
	require.Equal(t, []*alert.Message{first, second}, held)

	again := showing("m-1", "i-1")
	all.Put(again)
	got, ok := all.Get("m-1")
	require.True(t, ok)
	require.Same(t, again, got)
	require.Equal(t, []*alert.Message{second}, all.Of("i-2"), "it no longer shows that incident")
	require.Equal(t, []*alert.Message{first, second}, held, "readers keep what they have")
	require.ElementsMatch(t, []*alert.Message{again, second}, all.All())

	all.Drop("m-2")
	all.Drop("m-2")
	require.Empty(t, all.Of("i-2"))
	_, ok = all.Get("m-2")
	require.False(t, ok)
}

func TestAlertsByIncident(t *testing.T) {
	var all alert.Alerts
	pending := &alert.Alert{ID: "a-1"}
	all.Put(pending)
	require.Empty(t, all.Of(""), "a pending one has no incident")
	opened, other := &alert.Alert{ID: "a-1", Incident: "i-1"}, &alert.Alert{ID: "a-2", Incident: "i-1"}
	all.Put(opened)
	all.Put(other)
	require.Equal(t, []*alert.Alert{opened, other}, all.Of("i-1"))
	require.Equal(t, 2, all.Len())
	all.Drop("a-1")
	require.Equal(t, []*alert.Alert{other}, all.Of("i-1"))
}
