package jetstream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

func TestNATSRefusesAnOldCopyOfTheStore(t *testing.T) {
	b := newRig(t)
	b.add(b.mixed(50, 5)...)
	b.start(b.options())
	b.published(50)
	b.stopSink()
	b.log.events = b.log.events[:30]
	n := New(b.options())
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.log.reason("nats"), "old copy")
	require.True(t, n.Status().Parked)
	b.published(50)
}

func TestNATSParksOnAStreamThatDoesNotFit(t *testing.T) {
	for want, change := range map[string]func(*jetstream.StreamConfig){
		"add it there": func(c *jetstream.StreamConfig) { c.Subjects = []string{"numwatch.v1.alert.>"} },
		"no_ack":       func(c *jetstream.StreamConfig) { c.NoAck = true },
		"retention":    func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
	} {
		t.Run(want, func(t *testing.T) {
			b := newRig(t)
			s := b.stream(change)
			n := New(b.options())
			n.patient = 0
			b.run(n)
			require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
			require.Contains(t, b.log.reason("nats"), want)
			info, err := s.Info(t.Context())
			require.NoError(t, err)
			require.Equal(t, s.CachedInfo().Config, info.Config, "an operator's stream is never changed")
		})
	}
}

func TestNATSNeedsAStream(t *testing.T) {
	b := newRig(t)
	o := b.options()
	o.Stream.Create = false
	n := New(o)
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.log.reason("nats"), "nats.create_stream")
	b.add(changeEvent(1))
	b.stream(nil)
	b.published(1)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
	require.Empty(t, n.Status().LastError)
}

func TestNATSFullStreamIsBackPressure(t *testing.T) {
	b := newRig(t)
	s := b.stream(func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 10, jetstream.DiscardNew })
	b.add(b.mixed(30, 5)...)
	n := New(b.options())
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	c := s.CachedInfo().Config
	c.MaxMsgs = -1
	_, err := b.js.UpdateStream(t.Context(), c)
	require.NoError(t, err)
	b.requireOnceInOrder(b.published(30))
}
