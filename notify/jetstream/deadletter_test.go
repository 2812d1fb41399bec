package jetstream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

const lettersPart = "nats:dead-letters"

// poisoned is an event of a number that no server takes.
func poisoned(i int) alert.Event {
	e := changeEvent(i)
	e.Change.Reason = strings.Repeat("x", 2<<20)
	return e
}

// An event that is passed over behind another of its number counts as done,
// also where nothing follows.
func TestNATSPassesOverPoisonAtTheEnd(t *testing.T) {
	b := newRig(t)
	b.add(changeEvent(1), poisoned(1))
	b.start(b.options())
	b.caughtUp()
	b.stopSink()
	require.EqualValues(t, 2, b.log.keptCursor().Seq)
	registry := prometheus.NewRegistry()
	o := b.options()
	o.Registerer = registry
	b.add(changeEvent(1))
	b.start(o)
	b.caughtUp()
	got, err := registry.Gather()
	require.NoError(t, err)
	require.NotRegexp(t, `value:"dead"}\s+counter:{value:[1-9]`, fmt.Sprint(got), "it is passed over once")
}

// The part that an earlier run left parked is told to be well, also where NATS
// is away at the start.
func TestNATSClearsDeadLettersAfterAnOutage(t *testing.T) {
	b := newRig(t)
	dir, listen, o := t.TempDir(), b.server.server.Addr().String(), b.options()
	b.server.Shutdown()
	b.log.conditions[lettersPart] = phone.Parked
	n := New(o)
	n.patient = 0
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	b.startServer(dir, listen)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
	require.Equal(t, phone.OK, b.log.condition(lettersPart))
}

func TestNATSTellsOfDeadLettersUntilThatIsKept(t *testing.T) {
	b := newRig(t)
	failures := 3
	b.log.fail = func(r alert.DeliveryUpdate) error {
		if r.Sink == nil || r.Sink.Component != lettersPart || r.Sink.Value != phone.Parked || failures == 0 {
			return nil
		}
		failures--
		return errors.New("disk full")
	}
	b.add(poisoned(1))
	b.start(b.options())
	b.caughtUp()
	for i := range 3 {
		b.add(changeEvent(2))
		b.published(i + 1)
	}
	require.Eventually(t, func() bool { return b.log.condition(lettersPart) == phone.Parked }, soon, time.Millisecond)
	require.Contains(t, b.log.reason(lettersPart), "event k3v9q2-000000000001 can never be published")
}

func TestNATSPassesOverPoison(t *testing.T) {
	b := newRig(t)
	big := changeEvent(1)
	big.Change.Reason = strings.Repeat("x", 2<<20)
	b.add(changeEvent(1), big, changeEvent(1), changeEvent(2))
	registry := prometheus.NewRegistry()
	o := b.options()
	o.Registerer = registry
	b.start(o)
	b.published(3)
	b.caughtUp()
	require.Equal(t, phone.Parked, b.log.condition("nats:dead-letters"))
	require.Contains(t, b.log.reason("nats:dead-letters"), "event k3v9q2-000000000002 can never be published and is skipped")
	got, err := registry.Gather()
	require.NoError(t, err)
	require.Regexp(t, `value:"dead"}\s+counter:{value:1`, fmt.Sprint(got))
	b.stopSink()
	b.add(changeEvent(2))
	b.start(b.options())
	b.caughtUp()
	require.Equal(t, phone.OK, b.log.condition("nats:dead-letters"))
}
