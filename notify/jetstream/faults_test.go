package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
)

// outcome is what becomes of a publish.
type outcome string

const (
	failed       outcome = "failed"
	tookEffect   outcome = "failed but took effect"
	slow         outcome = "slow"
	killedBefore outcome = "killed before"
	killedAfter  outcome = "killed after"
)

// TestFaultMatrix strikes publishing with everything that can become of it, at
// its first, second and third time. Nothing is lost, and the stream has nothing
// twice.
func TestFaultMatrix(t *testing.T) {
	for _, f := range []outcome{failed, tookEffect, slow, killedBefore, killedAfter} {
		for n := 1; n <= 3; n++ {
			if n > 1 && testing.Short() {
				continue
			}
			t.Run(fmt.Sprintf("publish/%s/%d", f, n), func(t *testing.T) { strikeNATS(t, f, n) })
		}
	}
}

var errDead = errors.New("the process is dead")

// strikeNATS publishes a log while the n-th event meets its outcome.
func strikeNATS(t *testing.T, f outcome, n int) {
	b := newRig(t)
	b.stream(func(c *jetstream.StreamConfig) { c.Duplicates = 100 * time.Millisecond })
	w := newWire(t, b.server.server.Addr().String())
	o := b.options()
	o.Login.URL = "nats://" + w.address
	b.add(b.mixed(30, 4)...)
	var sink *Publisher
	var hit atomic.Bool
	left := n
	o.Trace = func(point string) {
		after := f == killedAfter
		if point != map[bool]string{false: "publish:before", true: "publish:after"}[after] {
			return
		}
		if left--; left != 0 {
			return
		}
		hit.Store(true)
		switch f {
		case failed:
			w.cut()
		case tookEffect: // what is sent arrives, what is answered does not
			w.mute.Store(true)
			time.AfterFunc(50*time.Millisecond, func() { w.mute.Store(false); w.cut() })
		case slow:
			w.delay.Store(int64(20 * time.Millisecond))
		default:
			b.log.mu.Lock()
			b.log.fail = func(alert.DeliveryUpdate) error { return errDead }
			b.log.mu.Unlock()
			sink.conn.Close()
		}
	}
	sink = New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sink.Run(ctx) }()
	require.Eventually(t, hit.Load, soon, time.Millisecond)
	if f == killedBefore || f == killedAfter {
		cancel()
		<-done // what a dead process returns tells nothing
		b.log.mu.Lock()
		b.log.fail = nil
		b.log.mu.Unlock()
	} else {
		require.Eventually(t, func() bool { return sink.Status().Cursor == 30 }, soon, time.Millisecond)
		cancel()
		require.NoError(t, <-done)
	}
	b.outlast() // what is published again now is not dropped by the stream
	b.add(b.mixed(30, 4)...)
	b.start(b.options())
	b.caughtUp()
	b.requireOnceInOrder(b.published(60))
}

// wire is a connection to NATS that can be cut, made slow, and made to swallow
// what the server says.
type wire struct {
	address string
	mute    atomic.Bool
	delay   atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
}

func newWire(t *testing.T, target string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{address: l.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
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
			w.mu.Lock()
			w.conns = append(w.conns, in, out)
			w.mu.Unlock()
			running.Go(func() { w.carry(out, in, false) })
			running.Go(func() { w.carry(in, out, true) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.cut()
		running.Wait()
	})
	return w
}

func (w *wire) carry(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if answers {
			time.Sleep(time.Duration(w.delay.Load()))
			if w.mute.Load() {
				continue
			}
		}
		if _, err := to.Write(buffer[:n]); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}
