package jetstream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestNATSTellsThatItFallsBehind(t *testing.T) {
	b := newRig(t)
	o := b.options()
	o.Trace = func(point string) {
		if point == "publish:after" {
			time.Sleep(time.Millisecond)
		}
	}
	var told []alert.SinkReport
	b.log.kept = func(r alert.DeliveryUpdate) {
		if r.Sink != nil && r.Sink.Component == component {
			told = append(told, *r.Sink)
		}
	}
	b.add(b.mixed(1000, 400)...)
	n := New(o)
	n.slow = 100 * time.Millisecond
	b.run(n)
	b.published(1000)
	b.caughtUp()
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
	b.stopSink()
	var values []string
	for _, r := range told {
		values = append(values, r.Value+" "+r.Code)
	}
	require.Equal(t, []string{"OK ", "PARKED behind", "OK "}, values)
	require.Regexp(t, `more slowly than they arrive: \d+ are waiting, the first since 20`, told[1].Reason)
}
