package jetstream

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
)

func TestNATSOutage(t *testing.T) {
	b := newRig(t)
	dir, listen, o := t.TempDir(), b.server.server.Addr().String(), b.options()
	b.server.Shutdown()
	n := New(o)
	n.patient = 50 * time.Millisecond
	b.run(n) // unreachable at start is no error
	b.add(b.mixed(300, 10)...)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
	require.False(t, n.Status().Connected)
	require.EqualValues(t, 0, n.Status().Cursor)
	for i := range 3 {
		b.startServer(dir, listen)
		b.js = b.dial()
		b.requireOnceInOrder(b.published(300 * (i + 1)))
		require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
		b.server.Shutdown()
		b.add(b.mixed(300, 10)...)
	}
}

// cut is a proxy that closes each connection after some bytes.
func cut(t *testing.T, target string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				_, _ = io.CopyN(to, from, rand.Int64N(1_000_000))
				to.Close()
				from.Close()
			}
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
	return l.Addr().String()
}

func TestNATSOrderOverAConnectionThatBreaks(t *testing.T) {
	b := newRig(t)
	b.stream(func(c *jetstream.StreamConfig) { c.Duplicates = time.Second })
	o := b.options()
	o.Login.URL = "nats://" + cut(t, b.server.server.Addr().String())
	b.add(b.mixed(2000, 15)...)
	b.start(o)
	require.Eventually(t, func() bool { return b.sink.Status().Cursor == 2000 }, 3*soon, time.Millisecond)
	b.requireOnceInOrder(b.published(2000))
}

// reports remembers what a sink reported.
type reports []alert.SinkReport

func (r *reports) Record(_ context.Context, u alert.DeliveryUpdate) error {
	*r = append(*r, *u.Sink)
	return nil
}

// A server that is updated is away for less.
func TestAnOutageIsReportedAfterTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told reports
		n := New(Options{Log: newMemory(), Recorder: &told})
		began := time.Now()
		for failures := 0; len(told) == 0; failures++ {
			require.Less(t, time.Since(began), 3*time.Minute)
			n.failed(t.Context(), nats.ErrNoServers, failures)
		}
		require.False(t, told[0].At.Before(began.Add(2*time.Minute)))
		told[0].At = time.Time{}
		require.Equal(t, alert.SinkReport{
			Component: "nats", Value: phone.Parked, Code: "unavailable", Reason: nats.ErrNoServers.Error(),
		}, told[0])
	})
}

func TestNATSNoticesAnOutageWhileIdle(t *testing.T) {
	b := newRig(t)
	b.add(changeEvent(1))
	n := New(b.options())
	n.patient = 50 * time.Millisecond
	b.run(n)
	b.caughtUp()
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.OK }, soon, time.Millisecond)
	b.server.Shutdown()
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond)
}
