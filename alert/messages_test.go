package alert_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

func showing(id string, alerts ...string) *alert.Message {
	m := &alert.Message{ID: id}
	for _, a := range alerts {
		m.Alerts = append(m.Alerts, alert.ShownAlert{Alert: a})
	}
	return m
}

func TestMessages(t *testing.T) {
	var all alert.Messages
	require.Empty(t, all.All())
	first, second := showing("m-1", "a-1", "a-2"), showing("m-2", "a-2")
	all.Put(first)
	all.Put(second)
	held := all.Of("a-2")
	require.Equal(t, []*alert.Message{first, second}, held)

	again := showing("m-1", "a-1")
	all.Put(again)
	got, ok := all.Get("m-1")
	require.True(t, ok)
	require.Same(t, again, got)
	require.Equal(t, []*alert.Message{second}, all.Of("a-2"), "it no longer shows that alert")
	require.Equal(t, []*alert.Message{first, second}, held, "readers keep what they have")
	require.ElementsMatch(t, []*alert.Message{again, second}, all.All())

	all.Drop("m-2")
	all.Drop("m-2")
	require.Empty(t, all.Of("a-2"))
	_, ok = all.Get("m-2")
	require.False(t, ok)
}
