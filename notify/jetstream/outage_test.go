package jetstream

import (
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

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
